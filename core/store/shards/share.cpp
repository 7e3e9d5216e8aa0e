// A share of a plan, from the plan to a database of its own and home again.
#include <fmt/format.h>

#include "content.h"
#include "copying.h"
#include "file_system.h"
#include "store/shards/shard.h"
#include "words/atomic_file.h"
#include "words/digest.h"

namespace espalier::store {
namespace {

namespace fs = std::filesystem;

// Where groups are known each share is a run of them, so that few base models and scores are needed by two; else cells are
// dealt in turns, so that every share has some of the coarse ones that come first.
constexpr const char* deal = R"sql(
INSERT INTO temp.wanted
SELECT cell_id FROM (
  SELECT joined.cell_id, cell.base_group IS NOT NULL AS is_grouped,
         row_number() OVER (PARTITION BY cell.base_group IS NULL
                            ORDER BY cell.base_group, cell.score_group, joined.rank, joined.position, cell.key) - 1 AS place,
         count(*) OVER (PARTITION BY cell.base_group IS NULL) AS among
  FROM theirs.experiment_cell AS joined JOIN theirs.cell ON cell.id = joined.cell_id
  WHERE joined.asked = 1 AND joined.state = 'waiting')
WHERE CASE WHEN is_grouped THEN place * ?2 / among ELSE place % ?2 END = ?1 - 1)sql";

}  // namespace

std::int64_t take_share(const fs::path& plan, const fs::path& shard, const Share& share) {
  auto content = read_shard(plan);
  check(content, plan);
  ResultStore::State state{shard, open_database(shard, Mode::Create), {}};
  return translated(shard, [&] {
    const Attached attached(state, content.bytes);
    SQLite::Transaction transaction(*state.database, SQLite::TransactionBehavior::IMMEDIATE);
    if (state.database->execAndGet("SELECT count(*) FROM theirs.attempt").getInt64() > 0) {
      throw StoreError(plan.string() +
                       ": is no plan, its cells have been computed\n    plans are written by: espalier submit "
                       "FILE --dry-run");
    }
    forget_wanted(state);
    auto& dealing = state.statement(deal);
    dealing.bind(1, share.index);
    dealing.bind(2, share.count);
    dealing.exec();
    copy_cells(state);
    const auto cells = state.database->execAndGet("SELECT count(*) FROM temp.wanted").getInt64();
    transaction.commit();
    return cells;
  });
}

std::string carry_home(const fs::path& database, const fs::path& home, const std::string& unless_digest) {
  const auto bytes = translated(database, [&] { return bytes_of(*open_database(database, Mode::ReadOnly)); });
  auto digest = sha256_hex(bytes);
  if (digest != unless_digest) write_file(home, bytes);
  return digest;
}

std::vector<ShardRecord> shards_brought_home(const fs::path& database) {
  ResultStore::State state{database, open_database(database, Mode::ReadOnly), {}};
  return translated(database, [&] {
    auto& select = state.statement("SELECT file, max(merged) FROM shard GROUP BY file ORDER BY file");
    std::vector<ShardRecord> records;
    while (select.executeStep()) records.push_back({select.getColumn(0).getString(), select.getColumn(1).getDouble()});
    select.reset();
    return records;
  });
}

std::string network_of(const fs::path& file) {
  // The folder may not be there yet; what it will be made in is.
  std::error_code ignored;
  auto folder = fs::absolute(file, ignored).parent_path();
  while (!fs::exists(folder, ignored) && folder.has_relative_path()) folder = folder.parent_path();
  return network_file_system(folder);
}

}  // namespace espalier::store
