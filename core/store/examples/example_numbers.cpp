#include "example_numbers.h"

#include <espalier/error.h>

#include <algorithm>
#include <array>

#include "words/digest.h"

namespace espalier::store {
namespace {

int width_of(const std::vector<std::int64_t>& numbers) {
  const auto fits = [&](int width) {
    const auto most = (std::int64_t{1} << (8 * width - 1)) - 1;
    return std::all_of(numbers.begin(), numbers.end(),
                       [&](std::int64_t number) { return -most - 1 <= number && number <= most; });
  };
  for (const int width : {1, 2, 4}) {
    if (fits(width)) return width;
  }
  return 8;
}

std::string packed(const std::vector<std::int64_t>& numbers, int width) {
  std::string bytes;
  bytes.reserve(numbers.size() * static_cast<std::size_t>(width));
  for (const auto number : numbers) {
    for (int byte = 0; byte < width; ++byte)
      bytes += static_cast<char>(static_cast<std::uint64_t>(number) >> (8 * byte) & 0xff);
  }
  return bytes;
}

std::string blob_of(const SQLite::Column& column) {
  const auto* bytes = static_cast<const char*>(column.getBlob());
  return bytes == nullptr ? std::string() : std::string(bytes, static_cast<std::size_t>(column.getBytes()));
}

}  // namespace

std::vector<std::int64_t> unpacked_numbers(const std::string& bytes, int width) {
  if (width != 1 && width != 2 && width != 4 && width != 8) return {};
  std::vector<std::int64_t> numbers(bytes.size() / static_cast<std::size_t>(width));
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    std::uint64_t number = 0;
    for (int byte = width - 1; byte >= 0; --byte) {
      number = number << 8 |
               static_cast<unsigned char>(bytes[i * static_cast<std::size_t>(width) + static_cast<std::size_t>(byte)]);
    }
    const auto sign = std::uint64_t{1} << (8 * width - 1);
    numbers[i] = static_cast<std::int64_t>((number ^ sign) - sign);
  }
  return numbers;
}

std::vector<bool> unpacked_outcomes(const std::string& bytes, std::int64_t length) {
  // The file may be anyone's: what is said of its length is not believed.
  const auto examples = std::clamp<std::int64_t>(length, 0, 8 * static_cast<std::int64_t>(bytes.size()));
  std::vector<bool> right;
  for (std::size_t i = 0; i < static_cast<std::size_t>(examples); ++i)
    right.push_back((static_cast<unsigned char>(bytes[i / 8]) & (0x80 >> (i % 8))) != 0);
  return right;
}

void insert_example_numbers(ResultStore::State& state, std::int64_t point_id, const std::string& name,
                            const std::vector<std::int64_t>& numbers) {
  const auto width = width_of(numbers);
  const auto bytes = packed(numbers, width);
  const auto digest = sha256_hex(std::to_string(width) + '\n' + bytes);
  auto& insert = state.statement(
      "INSERT INTO numbers (digest, length, width, content) VALUES (?, ?, ?, ?) ON CONFLICT (digest) DO NOTHING");
  bind_from(insert, 1, digest, static_cast<std::int64_t>(numbers.size()), std::int64_t{width});
  insert.bind(4, bytes.data(), static_cast<int>(bytes.size()));
  insert.exec();
  auto& join = state.statement("INSERT INTO point_numbers (point_id, name, digest) VALUES (?, ?, ?)");
  bind_from(join, 1, point_id, name, digest);
  join.exec();
}

Rows ResultStore::example_digests(const std::string& experiment) const {
  return translated(state_->file, [&] {
    auto& select = state_->statement(R"sql(
WITH chosen AS (
  SELECT cell.key, point.id, point.step, point.kind, point.id = cell.point_id AS last, point.predictions_digest
  FROM cell JOIN point ON point.attempt_id = cell.attempt_id
  WHERE ?1 = '' OR cell.id IN (SELECT cell_id FROM experiment_cell
                               WHERE experiment_id = (SELECT id FROM experiment WHERE name = ?1)))
SELECT key, step, kind, last, 'right' AS name, predictions_digest AS digest FROM chosen
WHERE predictions_digest IN (SELECT digest FROM predictions)
UNION ALL
SELECT key, step, kind, last, name, digest FROM chosen JOIN point_numbers ON point_id = chosen.id)sql");
    select.bind(1, experiment);
    return rows_of(select);
  });
}

std::vector<bool> ResultStore::outcomes(const std::string& digest) const {
  return translated(state_->file, [&] {
    auto& select =
        state_->statement("SELECT length, encoding, outcomes FROM predictions WHERE digest = ? AND encoding = 'bits'");
    select.bind(1, digest);
    std::vector<bool> right;
    if (select.executeStep()) right = unpacked_outcomes(blob_of(select.getColumn(2)), select.getColumn(0).getInt64());
    select.reset();
    return right;
  });
}

std::vector<std::int64_t> ResultStore::example_numbers(const std::string& digest) const {
  return translated(state_->file, [&] {
    auto& select = state_->statement("SELECT width, content FROM numbers WHERE digest = ?");
    select.bind(1, digest);
    std::vector<std::int64_t> numbers;
    if (select.executeStep()) {
      numbers = unpacked_numbers(blob_of(select.getColumn(1)), select.getColumn(0).getInt());
    }
    select.reset();
    return numbers;
  });
}

}  // namespace espalier::store
