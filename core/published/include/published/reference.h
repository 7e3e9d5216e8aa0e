// A table that a paper printed, as results/published/README.md describes its file: cells that know their line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace espalier::published {

struct PublishedCell {
  std::string model, dataset, language, granularity, scorer, scope, metric;
  std::string kind;  // measured, interpolated, nearest or claimed
  std::string variant, device, start, claimed_by, note;
  std::optional<double> requested_sparsity, achieved_sparsity;  // percent
  std::optional<double> encoder_self_sparsity, decoder_self_sparsity, decoder_cross_sparsity;
  std::optional<std::int64_t> iteration, batch_size;
  std::vector<std::int64_t> heads_kept, heads_total;
  std::optional<double> spread;
  double value = 0;
  std::int64_t line = 0;  // of the value

  // All that a cell is known by, but its column and its iteration: cells of one series are one trajectory.
  std::string series() const;
  // "ast audioset-balanced head fisher global map at 60 %".
  std::string words() const;
};

struct PublishedMetric {
  std::string unit;
  bool higher_is_better = true;
  int decimals = 2;  // digits that the source prints

  double half_unit() const;  // of the last digit
  bool percent() const { return unit.rfind("percent", 0) == 0; }
};

// What is known of a test set.
struct PublishedDataset {
  std::optional<std::int64_t> examples, words;
};

// Prose of the source: one method is better than another in every cell that both have.
struct PublishedStatement {
  std::string text, better, worse, metric;
  std::int64_t line = 0;
};

struct PublishedTable {
  std::string file;
  std::map<std::string, std::string> source;  // title, citation, certainty, ...
  std::map<std::string, PublishedMetric> metrics;
  std::map<std::string, PublishedDataset> datasets;
  std::map<std::string, std::string> own_models, own_datasets;  // of [match]: their name to the database's
  std::vector<PublishedCell> cells;
  std::vector<PublishedStatement> statements;
  std::size_t absent = 0;

  double sparsity_half_unit() const;                   // of the last digit that the sparsities are printed with
  std::string place(const PublishedCell& cell) const;  // file:line
};

// Throws InputError with all that is wrong, each with file:line:column.
PublishedTable read_table(const std::filesystem::path& file);

// Tables that ship with the program: name (the file's, without its ending) and file, in order.
std::map<std::string, std::filesystem::path> shipped_tables();
// Of a path or of a shipped table's name. Throws SettingsError for a name that is neither.
std::filesystem::path table_file(const std::string& name);

}  // namespace espalier::published
