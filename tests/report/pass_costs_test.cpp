// What a pass takes beside its time, in tables and on the page of a cell.
#include "report/cell_page.h"
#include "table_cells.h"

namespace espalier::report {
namespace {

class PassCosts : public Tables {
 protected:
  // One timed cell; the energy of a pass where a counter is named.
  void add_timed(double sparsity, const std::string& energy_source) {
    auto attempt = done_attempt(0.7);
    Latency latency{8, 16, 10, 8, 120, 0.8, 0.79, 0.81, 1, "cpu"};
    latency.outliers = 7;
    latency.dense_peak_bytes = 4'000'000, latency.pruned_peak_bytes = 3'250'000;
    if (!energy_source.empty()) {
      latency.dense_joules = 0.25, latency.pruned_joules = 0.125;
      latency.energy_source = energy_source;
    }
    attempt.points[1].latency = {latency};
    add(with(sparsity), attempt);
  }
};

TEST_F(PassCosts, StandInTables) {
  add_timed(0.5, "RAPL package-0");

  const auto made = table({{"scorer"}, {"sparsity"}, "dense_joules,joules,dense_peak_bytes,peak_bytes,outliers"});

  ASSERT_EQ(made.rows.size(), 1U);
  const auto& cells = made.rows[0].cells;
  ASSERT_EQ(cells.size(), 5U);
  EXPECT_EQ(cells[0].mean, 0.25);
  EXPECT_EQ(cells[1].mean, 0.125);
  EXPECT_EQ(cells[2].mean, 4e6);
  EXPECT_EQ(cells[3].mean, 3.25e6);
  EXPECT_EQ(cells[4].mean, 7);
  EXPECT_EQ(notes(made).find("not measurable"), std::string::npos) << notes(made);
}

TEST_F(PassCosts, ThatNothingCountsAreSaidToBeNotMeasurable) {
  add_timed(0.5, "");

  const auto made = table({{"scorer"}, {"sparsity"}, "joules"});

  EXPECT_NE(render(made, Format::Markdown).find("| magnitude | no value |"), std::string::npos)
      << render(made, Format::Markdown);
  EXPECT_NE(
      notes(made).find("energy: not measurable where these cells were timed: no counter can be read there (RAPL of "
                       "the processor, NVML of a GPU)\n"),
      std::string::npos)
      << notes(made);
  EXPECT_EQ(notes(table({{"scorer"}, {"sparsity"}, "milliseconds"})).find("energy"), std::string::npos);
}

TEST_F(PassCosts, StandOnThePageOfTheCell) {
  add_timed(0.5, "RAPL package-0");
  add_timed(0.75, "");
  EXPECT_NE(
      cell_page(store.read("0"))
          .find(
              "ratio 0.8 (0.79 to 0.81): faster; 120 repeats, 1 threads, cpu; 7 outliers; energy of a pass: dense 0.25 "
              "J, pruned 0.125 J (RAPL package-0); peak memory of a pass: dense 4.000 MB, pruned 3.250 MB\n"),
      std::string::npos)
      << cell_page(store.read("0"));
  EXPECT_NE(cell_page(store.read("1")).find("7 outliers; energy of a pass: not measurable there; peak memory"),
            std::string::npos)
      << cell_page(store.read("1"));
}

}  // namespace
}  // namespace espalier::report
