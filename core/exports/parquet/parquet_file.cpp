#include "parquet/parquet_file.h"

#include <espalier/error.h>
#include <zlib.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "parquet/compact_thrift.h"
#include "words/printable.h"
#include "words/utf8.h"
#include "words/version.h"

namespace espalier::exports {
namespace {

using store::ColumnType;
using store::QueryValue;

// Numbers of the format (parquet.thrift).
constexpr std::int32_t boolean_type = 0, int64_type = 2, double_type = 5, byte_array_type = 6;
constexpr std::int32_t plain_encoding = 0, rle_encoding = 3, gzip_codec = 2, data_page = 0, optional_field = 1,
                       utf8_text = 0;
constexpr std::size_t rows_a_group = 100'000;
constexpr std::size_t bytes_a_group = 64UL * 1024 * 1024;  // a page's size must fit 31 bits, and a group the memory

std::int32_t physical_type(ColumnType type) {
  switch (type) {
    case ColumnType::Integer: return int64_type;
    case ColumnType::Real: return double_type;
    case ColumnType::Flag: return boolean_type;
    default: return byte_array_type;
  }
}

static_assert(std::endian::native == std::endian::little, "Parquet's numbers are little-endian, as they lie here");
template <typename Number>
void append(std::string& bytes, Number number) {
  char raw[sizeof(Number)];
  std::memcpy(raw, &number, sizeof(Number));
  bytes.append(raw, sizeof(Number));
}

void append_variable(std::string& bytes, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>((value & 0x7F) | 0x80);
  bytes += static_cast<char>(value);
}

// Runs of equal levels, each its length and the level: of bit width 1.
std::string definition_levels(const std::vector<bool>& is_present) {
  std::string runs;
  for (std::size_t start = 0; start < is_present.size();) {
    std::size_t end = start;
    while (end < is_present.size() && is_present[end] == is_present[start]) ++end;
    append_variable(runs, (end - start) << 1);
    runs += static_cast<char>(is_present[start] ? 1 : 0);
    start = end;
  }
  std::string levels;
  append(levels, static_cast<std::uint32_t>(runs.size()));
  return levels + runs;
}

// One bit a flag, the first in the lowest.
std::string packed_flags(const std::string& flags) {
  std::string bits((flags.size() + 7) / 8, '\0');
  for (std::size_t i = 0; i < flags.size(); ++i) {
    if (flags[i] != 0) bits[i / 8] = static_cast<char>(static_cast<unsigned char>(bits[i / 8]) | 1U << (i % 8));
  }
  return bits;
}

// Without a time in its header, so that equal tables are equal files.
std::string gzipped(const std::string& bytes) {
  z_stream stream{};
  constexpr int fastest = 1, gzip_window = 15 + 16, memory = 8;
  if (deflateInit2(&stream, fastest, Z_DEFLATED, gzip_window, memory, Z_DEFAULT_STRATEGY) != Z_OK)
    throw std::bad_alloc();
  std::string out(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int code = deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  if (code != Z_STREAM_END) throw std::bad_alloc();
  return out;
}

void write_schema(CompactThrift& thrift, const store::DescribedView& table) {
  thrift.list_of_structs(2, table.columns.size() + 1);
  thrift.begin_struct();
  thrift.text(4, table.name);
  thrift.integer(5, static_cast<std::int32_t>(table.columns.size()));
  thrift.end_struct();
  for (const auto& column : table.columns) {
    thrift.begin_struct();
    thrift.integer(1, physical_type(column.type));
    thrift.integer(3, optional_field);
    thrift.text(4, column.name);
    if (column.type == ColumnType::Text) {
      thrift.integer(6, utf8_text);
      thrift.nested(10);  // the same in newer words: a union of which the first is a text
      thrift.begin_struct();
      thrift.nested(1);
      thrift.begin_struct();
      thrift.end_struct();
      thrift.end_struct();
    }
    thrift.end_struct();
  }
}

}  // namespace

ParquetFile::ParquetFile(const std::filesystem::path& path, const store::DescribedView& table)
    : table_(table), file_(path), columns_(table.columns.size()) {
  write("PAR1");
}

void ParquetFile::write(std::string_view bytes) {
  file_.write(bytes);
  offset_ += static_cast<std::int64_t>(bytes.size());
}

void ParquetFile::add(const std::vector<QueryValue>& row) {
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    auto& values = columns_[i].values;
    const auto before = values.size();
    columns_[i].is_present.push_back(!std::holds_alternative<std::monostate>(row[i]));
    if (const auto* integer = std::get_if<std::int64_t>(&row[i])) {
      if (table_.columns[i].type == ColumnType::Flag)
        values += static_cast<char>(*integer != 0 ? 1 : 0);
      else
        append(values, *integer);
    } else if (const auto* real = std::get_if<double>(&row[i])) {
      append(values, *real);
    } else if (const auto* text = std::get_if<std::string>(&row[i])) {
      const auto shown = invalid_utf8(*text) ? printable(*text, std::string::npos) : *text;
      append(values, static_cast<std::uint32_t>(shown.size()));
      values += shown;
    }
    buffered_bytes_ += values.size() - before;
  }
  ++rows_;
  if (columns_.front().is_present.size() >= rows_a_group || buffered_bytes_ >= bytes_a_group) end_group();
}

ParquetFile::Chunk ParquetFile::written(const Column& column, ColumnType type) {
  const auto raw =
      definition_levels(column.is_present) + (type == ColumnType::Flag ? packed_flags(column.values) : column.values);
  const auto compressed = gzipped(raw);
  const auto rows = column.is_present.size();
  CompactThrift header;
  header.begin_struct();
  header.integer(1, data_page);
  header.integer(2, static_cast<std::int32_t>(raw.size()));
  header.integer(3, static_cast<std::int32_t>(compressed.size()));
  header.nested(5);
  header.begin_struct();
  header.integer(1, static_cast<std::int32_t>(rows));
  header.integer(2, plain_encoding);
  header.integer(3, rle_encoding);
  header.integer(4, rle_encoding);
  header.end_struct();
  header.end_struct();
  Chunk chunk;
  chunk.offset = offset_;
  chunk.rows = static_cast<std::int64_t>(rows);
  chunk.absent = std::count(column.is_present.begin(), column.is_present.end(), false);
  chunk.raw_bytes = static_cast<std::int64_t>(header.bytes().size() + raw.size());
  write(header.bytes());
  write(compressed);
  chunk.bytes = offset_ - chunk.offset;
  return chunk;
}

void ParquetFile::end_group() {
  Group group;
  group.rows = static_cast<std::int64_t>(columns_.front().is_present.size());
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    group.chunks.push_back(written(columns_[i], table_.columns[i].type));
    columns_[i] = {};
  }
  groups_.push_back(std::move(group));
  buffered_bytes_ = 0;
}

std::string ParquetFile::footer() const {
  CompactThrift thrift;
  thrift.begin_struct();
  thrift.integer(1, 1);  // of the format
  write_schema(thrift, table_);
  thrift.long_integer(3, rows_);
  thrift.list_of_structs(4, groups_.size());
  for (const auto& group : groups_) {
    std::int64_t raw_bytes = 0;
    thrift.begin_struct();
    thrift.list_of_structs(1, group.chunks.size());
    for (std::size_t i = 0; i < group.chunks.size(); ++i) {
      const auto& chunk = group.chunks[i];
      raw_bytes += chunk.raw_bytes;
      thrift.begin_struct();
      thrift.long_integer(2, chunk.offset);
      thrift.nested(3);
      thrift.begin_struct();
      thrift.integer(1, physical_type(table_.columns[i].type));
      thrift.list_of_integers(2, {plain_encoding, rle_encoding});
      thrift.list_of_texts(3, {table_.columns[i].name});
      thrift.integer(4, gzip_codec);
      thrift.long_integer(5, chunk.rows);
      thrift.long_integer(6, chunk.raw_bytes);
      thrift.long_integer(7, chunk.bytes);
      thrift.long_integer(9, chunk.offset);
      thrift.nested(12);  // statistics: how many values are absent
      thrift.begin_struct();
      thrift.long_integer(3, chunk.absent);
      thrift.end_struct();
      thrift.end_struct();
      thrift.end_struct();
    }
    thrift.long_integer(2, raw_bytes);
    thrift.long_integer(3, group.rows);
    thrift.end_struct();
  }
  thrift.text(6, "espalier " + version());
  thrift.end_struct();
  return thrift.bytes();
}

void ParquetFile::commit() {
  if (!columns_.front().is_present.empty()) end_group();
  auto end = footer();
  append(end, static_cast<std::uint32_t>(end.size()));
  write(end);
  write("PAR1");
  file_.commit();
}

}  // namespace espalier::exports
