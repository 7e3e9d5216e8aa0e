// What stands in the place of cells that a limit cut, and beside a value whose sparsity is not the one asked for.
#include <nlohmann/json.hpp>

#include "../table_cells.h"

namespace espalier::report {
namespace {

Attempt cut_by(FailureReason reason) {
  auto attempt = failed_attempt("a limit");
  attempt.reason = reason;
  return attempt;
}

TEST_F(Tables, CellsThatALimitCutHaveMarksAndFootnotes) {
  add(with(0.1), cut_by(FailureReason::TimeLimit));
  add(with(0.2), cut_by(FailureReason::MemoryLimit));
  add(with(0.3), cut_by(FailureReason::OutOfMemory));
  add(with(0.4), cut_by(FailureReason::Crash));
  add(with(0.5));
  store.claim("demo", "w", 1000);
  store.worker_died("w", "killed", 1);

  const auto made = table({{"scorer"}, {"sparsity"}, ""});

  EXPECT_NE(render(made, Format::Markdown)
                .find("| magnitude | timed out | out of memory | out of memory | failed | given up |"),
            std::string::npos)
      << render(made, Format::Markdown);
  EXPECT_NE(notes(made).find("failed: 1 cell failed: a limit (1)\n"), std::string::npos) << notes(made);
  EXPECT_NE(notes(made).find("timed out: 1 cell reached the time limit of an attempt and was stopped\n"),
            std::string::npos);
  EXPECT_NE(notes(made).find("out of memory: 2 cells needed more than there was, or than the memory limit allows\n"),
            std::string::npos);
  EXPECT_NE(notes(made).find("given up: 1 cell whose worker died in every attempt that it was allowed\n"),
            std::string::npos);
}

TEST_F(Tables, SeedsThatALimitCutAreCountedBesideTheValue) {
  add(with(0.5, 0), done_attempt(0.7));
  add(with(0.5, 1), cut_by(FailureReason::TimeLimit));
  add(with(0.5, 2), failed_attempt("the scorer gave NaN"));

  const auto made = table({{"scorer"}, {"sparsity"}, ""});

  EXPECT_NE(render(made, Format::Markdown).find("0.700 (1 failed, 1 timed out)"), std::string::npos)
      << render(made, Format::Markdown);
  const auto document = nlohmann::json::parse(render(made, Format::Json));
  const auto& cell = document["cells"].back();
  EXPECT_EQ(cell["failed"], 2);
  EXPECT_EQ(cell["timed_out"], 1);
  EXPECT_EQ(cell["out_of_memory"], 0);
  EXPECT_NE(render(made, Format::Csv).find(",timed_out,out_of_memory,given_up\r\n"), std::string::npos);
}

TEST_F(Tables, AchievedSparsityStandsBesideTheValueWhereItIsNotTheRequested) {
  add(with(0.5, 0), done_attempt(0.7, 0.48));
  add(with(0.5, 1), done_attempt(0.7, 0.51));
  add(with(0.25, 0), done_attempt(0.8, 0.2504));
  add(with(0.75, 0), done_attempt(0.6, 0.7));

  const auto text = render(table({{"scorer"}, {"sparsity"}, ""}), Format::Markdown);

  EXPECT_NE(text.find("| magnitude | 0.800 | 0.700 (at 0.480 to 0.510) | 0.600 (at 0.700) |"), std::string::npos)
      << text;
}

TEST_F(Tables, AchievedSparsityStandsBesideTheFirstOfSeveralValues) {
  add(with(0.5, 0), done_attempt(0.7, 0.48));

  const auto text = render(table({{"scorer"}, {"sparsity"}, "accuracy,achieved_sparsity"}), Format::Markdown);

  EXPECT_NE(text.find("| 0.700 (at 0.480) | 0.480 |"), std::string::npos) << text;
}

}  // namespace
}  // namespace espalier::report
