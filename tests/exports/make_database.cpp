// make_database FILE CELLS EXAMPLES: a database as runs make it, for tests that read it with other programs: every state of a
// cell, values that are absent or no number, and names that are meant to break whoever prints them.
#include <cstdlib>
#include <iostream>
#include <limits>
#include <string>

#include "store/sample_cells.h"

namespace {

using namespace espalier;

constexpr const char* names[] = {"magnitude",
                                 "fisher",
                                 "=HYPERLINK(\"http://x\",\"y\")",
                                 "../../etc/passwd",
                                 "'; DROP TABLE cell; --",
                                 "<script>alert(1)</script>",
                                 "two\nlines, and \"quotes\"",
                                 "\x1b[31m red",
                                 "Größe \xE2\x80\xAE turned",
                                 "{{7*7}} $(id) `id` \\input{x} %s"};

std::string outcomes(std::size_t cell, std::size_t examples) {
  std::string right(examples, '0');
  for (std::size_t i = 0; i < examples; ++i) right[i] = (i * 7 + cell * 3) % 10 < 7 ? '1' : '0';
  return right;
}

Attempt attempt_of(std::size_t cell, std::size_t examples) {
  auto attempt = test::done_attempt(0.5 + 0.001 * static_cast<double>(cell % 400));
  for (auto& point : attempt.points) {
    const bool dense = point.kind == "dense";
    point.predictions = outcomes(dense ? 0 : cell, examples);
    point.predictions_digest = dense ? "dense answers" : "answers of " + std::to_string(cell);
    point.examples = static_cast<std::int64_t>(examples);
    if (dense) point.example_numbers["label"] = {0, 1, -1, 300, std::int64_t{1} << 40};
    point.latency = {Latency{1, 128, 4, 3, 50, 0.75, 0.7, 0.8, 1, "cpu"}};
  }
  if (cell % 3 == 0) attempt.points[1].metrics["macro_f1"] = std::numeric_limits<double>::quiet_NaN();
  if (cell % 5 == 0) attempt.points[1].proof_passed = std::nullopt;
  return attempt;
}

void make(const std::string& file, std::size_t count, std::size_t examples) {
  std::vector<store::NewCell> cells;
  for (std::size_t i = 0; i < count; ++i) {
    auto settings = test::sample_settings();
    settings.scorer.name = names[i % std::size(names)];
    settings.budget.value = 0.25 * static_cast<double>(1 + i % 3);
    settings.seed = static_cast<std::int64_t>(i);
    cells.push_back(test::sample_cell(std::string("cell").append(std::to_string(i)), settings));
  }
  store::ResultStore store(file, store::Mode::Create);
  store.insert(test::sample_experiment(), cells, false);
  for (std::size_t i = 0; i + 1 < count; ++i) {
    const auto claim = store.claim("demo", "worker", 1000);
    store.finish(*claim,
                 i % 11 == 10 ? test::failed_attempt("=cmd|' /C calc'!A0\n\tand \xff") : attempt_of(i, examples));
  }
}

}  // namespace

int main(int count, char** words) {
  if (count != 4) {
    std::cerr << "usage: make_database FILE CELLS EXAMPLES\n";
    return 2;
  }
  make(words[1], static_cast<std::size_t>(std::atol(words[2])), static_cast<std::size_t>(std::atol(words[3])));
  return 0;
}
