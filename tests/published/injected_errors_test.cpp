// 200 errors put into the published tables by a seeded generator. Whether one can be found in principle is said beside the
// change, by arithmetic of its own: brute force over counts, a second line through the neighbours, closed forms at known
// numbers of units.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <random>
#include <set>

#include "shipped.h"

namespace espalier::published {
namespace {

using Engine = std::mt19937_64;

struct Injection {
  std::string what;
  std::size_t cell = 0;
  bool detectable = false;
};

std::set<std::string> found_in(const PublishedTable& table) {
  std::set<std::string> found;
  for (const auto& finding : check_table(table).findings) found.insert(finding.rule + finding.where + finding.found);
  return found;
}

std::size_t pick(const PublishedTable& table, Engine& engine, const std::function<bool(const PublishedCell&)>& wanted) {
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < table.cells.size(); ++i) {
    if (wanted(table.cells[i])) places.push_back(i);
  }
  return places.empty() ? table.cells.size() : places[engine() % places.size()];
}

bool is_one_series(const PublishedCell& one, const PublishedCell& other) {
  return one.model == other.model && one.dataset == other.dataset && one.language == other.language &&
         one.granularity == other.granularity && one.scorer == other.scorer && one.scope == other.scope &&
         one.metric == other.metric;
}

// How far a printed interpolated value is from every line that the printed digits allow; 0: it may be one of them.
double beyond_rounding(const PublishedTable& table, const PublishedCell& column) {
  const PublishedCell *left = nullptr, *right = nullptr;
  for (const auto& cell : table.cells) {
    if (!cell.iteration || !is_one_series(cell, column)) continue;
    const double sparsity = *cell.achieved_sparsity, wanted = *column.requested_sparsity;
    if (sparsity <= wanted && (left == nullptr || sparsity > *left->achieved_sparsity)) left = &cell;
    if (sparsity >= wanted && (right == nullptr || sparsity < *right->achieved_sparsity)) right = &cell;
  }
  if (left == nullptr || right == nullptr || left == right) return 0;
  const double slope = (right->value - left->value) / (*right->achieved_sparsity - *left->achieved_sparsity);
  const double line = left->value + slope * (*column.requested_sparsity - *left->achieved_sparsity);
  const double unit = 0.5 * std::pow(10.0, -table.metrics.at(column.metric).decimals);
  return std::abs(line - column.value) - (2 * unit + 0.1 * std::abs(slope));
}

// By trying every count.
bool is_some_count(double percent, std::int64_t examples, double half_unit) {
  for (std::int64_t k = 0; k <= examples; ++k) {
    if (std::abs(100.0 * static_cast<double>(k) / static_cast<double>(examples) - percent) <= half_unit + 1e-9)
      return true;
  }
  return false;
}

Injection wrong_column(PublishedTable& table, Engine& engine) {
  const auto i = pick(table, engine, [](const auto& cell) { return cell.kind == "interpolated"; });
  const auto& cell = table.cells[i];
  const auto j = pick(table, engine, [&](const auto& other) {
    return other.kind == "interpolated" && is_one_series(cell, other) &&
           other.requested_sparsity != cell.requested_sparsity;
  });
  if (j < table.cells.size()) table.cells[i].value = table.cells[j].value;
  return {"value of another column", i, beyond_rounding(table, table.cells[i]) > 1e-6};
}

Injection digits_transposed(PublishedTable& table, Engine& engine) {
  const auto i = pick(table, engine, [](const auto& cell) { return cell.kind == "interpolated"; });
  auto& cell = table.cells[i];
  const double scale = std::pow(10.0, table.metrics.at(cell.metric).decimals);
  const auto printed = std::llround(cell.value * scale);
  const auto last = printed % 10, before = printed / 10 % 10;
  cell.value = static_cast<double>(printed - before * 10 - last + last * 10 + before) / scale;
  return {"last digits transposed", i, beyond_rounding(table, cell) > 1e-6};
}

Injection wrong_sparsity(PublishedTable& table, Engine& engine) {
  const auto i = pick(table, engine, [](const auto& cell) { return cell.iteration && *cell.iteration > 0; });
  *table.cells[i].achieved_sparsity += engine() % 2 == 0 ? 0.1 : -0.1;
  // Three metrics of one iteration are printed; the other two, and the other scorers' ones, still agree.
  return {"sparsity off by a unit", i, true};
}

Injection wrong_sign(PublishedTable& table, Engine& engine) {
  const auto i = pick(table, engine, [](const auto& cell) { return cell.kind == "measured" && cell.value > 0; });
  table.cells[i].value = -table.cells[i].value;
  return {"sign", i, true};
}

Injection wrong_operations(PublishedTable& table, Engine& engine) {
  const auto i = pick(table, engine, [](const auto& cell) { return cell.metric == "gflops"; });
  // One row of channels makes 0.01 G of the shorter and 0.08 G of the longer sounds: a tenth of a percent may be one.
  const double off = 0.01 * static_cast<double>(1 + engine() % 30);
  table.cells[i].value += off;
  return {"operations", i, off > 0.095};
}

Injection wrong_dense(PublishedTable& table, Engine& engine) {
  const auto i = pick(table, engine, [](const auto& cell) {
    return cell.achieved_sparsity == 0.0 && (cell.metric == "accuracy" || cell.metric == "map");
  });
  table.cells[i].value -= 2 * table.metrics.at(table.cells[i].metric).half_unit();
  return {"dense row", i, true};
}

Injection measured_value(PublishedTable& table, Engine& engine) {
  const auto i = pick(table, engine, [](const auto& cell) {
    return cell.iteration && *cell.iteration > 0 && (cell.metric == "accuracy" || cell.metric == "map");
  });
  table.cells[i].value -=
      2 * table.metrics.at(table.cells[i].metric).half_unit() * static_cast<double>(1 + engine() % 40);
  bool detectable = false;
  for (const auto& cell : table.cells)
    detectable |=
        cell.kind == "interpolated" && is_one_series(cell, table.cells[i]) && beyond_rounding(table, cell) > 1e-6;
  return {"measured value", i, detectable};
}

Injection parameters_of_another_size(PublishedTable& table, Engine& engine) {
  const auto i =
      pick(table, engine, [](const auto& cell) { return cell.metric == "parameters_million" && cell.iteration; });
  // The sparsity's last digit is 0.06 M: two millions are no rounding.
  table.cells[i].value += engine() % 2 == 0 ? 2 : -double(700 + engine() % 100);
  return {"parameters", i, true};
}

Injection wrong_site_share(PublishedTable& table, Engine& engine) {
  const auto i = pick(table, engine,
                      [](const auto& cell) { return cell.encoder_self_sparsity && *cell.encoder_self_sparsity < 99; });
  auto& cell = table.cells[i];
  *cell.encoder_self_sparsity += 0.01 * static_cast<double>(1 + engine() % 20);
  const double mean = (*cell.encoder_self_sparsity + *cell.decoder_self_sparsity + *cell.decoder_cross_sparsity) / 3;
  return {"share of the encoder", i, std::abs(mean - *cell.achieved_sparsity) > 0.010001};
}

Injection wrong_average(PublishedTable& table, Engine& engine) {
  const auto i = pick(table, engine, [](const auto& cell) { return cell.dataset == "average"; });
  // More than the steepest line allows: 12 points of WER a percent, at a hundredth.
  table.cells[i].value += 0.5 + 0.01 * static_cast<double>(engine() % 100);
  return {"average", i, true};
}

Injection no_count(PublishedTable& table, Engine& engine) {
  const std::int64_t examples = 100 + static_cast<std::int64_t>(engine() % 900);
  const auto i =
      pick(table, engine, [](const auto& cell) { return cell.metric == "accuracy" && cell.kind == "measured"; });
  table.cells = {PublishedCell(table.cells[i])};
  auto& cell = table.cells[0];
  cell.dataset = "small", cell.iteration.reset(), cell.achieved_sparsity.reset();
  table.statements.clear();
  table.datasets["small"].examples = examples;
  cell.value = 0.01 * static_cast<double>(engine() % 10'000);
  return {"accuracy of a small test set", 0, !is_some_count(cell.value, examples, 0.005)};
}

struct Generator {
  const char* table;
  Injection (*inject)(PublishedTable&, Engine&);
};
constexpr Generator generators[] = {
    {"silence-of-the-weights.ast-audioset", wrong_column},
    {"silence-of-the-weights.ast-speechcommands", wrong_column},
    {"silence-of-the-weights.ast-audioset", digits_transposed},
    {"silence-of-the-weights.ast-speechcommands", digits_transposed},
    {"silence-of-the-weights.ast-audioset", wrong_sparsity},
    {"silence-of-the-weights.ast-speechcommands", wrong_sparsity},
    {"silence-of-the-weights.ast-audioset", wrong_sign},
    {"silence-of-the-weights.whisper", wrong_sign},
    {"silence-of-the-weights.ast-audioset", wrong_operations},
    {"silence-of-the-weights.ast-speechcommands", wrong_operations},
    {"silence-of-the-weights.ast-audioset", wrong_dense},
    {"silence-of-the-weights.ast-speechcommands", wrong_dense},
    {"silence-of-the-weights.ast-audioset", measured_value},
    {"silence-of-the-weights.ast-speechcommands", measured_value},
    {"silence-of-the-weights.whisper", parameters_of_another_size},
    {"silence-of-the-weights.whisper", wrong_site_share},
    {"silence-of-the-weights.whisper", wrong_average},
    {"silence-of-the-weights.ast-speechcommands", no_count},
};

TEST(InjectedErrors, AreAllFoundWhereTheyCanBe) {
  Engine engine(17);
  std::map<std::string, PublishedTable> tables;
  std::map<std::string, std::set<std::string>> clean;
  int injected = 0, detectable = 0, found = 0;
  for (; injected < 200; ++injected) {
    const auto& generator = generators[static_cast<std::size_t>(injected) % std::size(generators)];
    if (tables.count(generator.table) == 0) {
      tables.emplace(generator.table, shipped(generator.table));
      clean[generator.table] = found_in(tables.at(generator.table));
    }
    auto table = tables.at(generator.table);
    const auto injection = generator.inject(table, engine);
    bool is_found = false;
    for (const auto& finding : found_in(table)) is_found |= clean[generator.table].count(finding) == 0;
    detectable += injection.detectable ? 1 : 0;
    found += is_found ? 1 : 0;
    EXPECT_TRUE(is_found || !injection.detectable)
        << injection.what << " in " << generator.table << ": " << table.cells[injection.cell].words() << " "
        << table.cells[injection.cell].value;
  }
  std::printf("%d injected, %d detectable in principle, %d found\n", injected, detectable, found);
  EXPECT_GE(detectable, 120);
}

}  // namespace
}  // namespace espalier::published
