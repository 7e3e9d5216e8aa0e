// The same small table in each format.
#include <espalier/error.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "report/table.h"
#include "support/message_of.h"

namespace espalier::report {
namespace {

AxisValue number(const std::string& text) { return {text, std::stod(text)}; }

TableCell measured(double mean, double half_width, std::int64_t n) {
  TableCell cell;
  cell.mean = mean;
  cell.half_width = half_width;
  cell.n = n;
  cell.achieved_min = cell.achieved_max = 0.5;
  return cell;
}

Table sample_table() {
  Table table;
  table.experiment = "demo_1";
  table.value = "accuracy";
  table.split = "test";
  table.examples = 8;
  table.row_axes = {"granularity", "scorer"};
  table.column_axes = {"sparsity"};
  table.columns = {{number("0.25")}, {number("0.5")}};
  table.common_n = 3;
  auto partly = measured(0.5, 0, 3);
  partly.failed = 1;
  TableCell waiting;
  waiting.missing = 3;
  TableCell failed;
  failed.failed = 2;
  table.rows = {{{{"dense", {}}, {"", {}}}, true, {measured(0.9, 0, 1), measured(0.9, 0, 1)}},
                {{{"head", {}}, {"fi|sher", {}}}, false, {measured(0.6, 0.25, 3), partly}},
                {{{"head", {}}, {"=cmd", {}}}, false, {waiting, failed}}};
  table.footnotes = {"accuracy on test, 8 examples", "100 % sure"};
  return table;
}

TEST(Rendering, ForATerminalIsAligned) {
  EXPECT_EQ(render(sample_table(), Format::Terminal),
            "demo_1: accuracy\n"
            "\n"
            "             sparsity →           0.25               0.5\n"
            "granularity  scorer\n"
            "────────────────────────────────────────────────────────\n"
            "dense                            0.900             0.900\n"
            "────────────────────────────────────────────────────────\n"
            "head         fi|sher     0.600 ± 0.250  0.500 (1 failed)\n"
            "head         =cmd                  ...            failed\n"
            "────────────────────────────────────────────────────────\n"
            "accuracy on test, 8 examples\n"
            "100 % sure\n");
}

TEST(Rendering, AsMarkdown) {
  EXPECT_EQ(render(sample_table(), Format::Markdown),
            "**demo_1: accuracy**\n"
            "\n"
            "| granularity | scorer | sparsity 0.25 | sparsity 0.5 |\n"
            "| --- | --- | ---: | ---: |\n"
            "| dense |  | 0.900 | 0.900 |\n"
            "| head | fi\\|sher | 0.600 ± 0.250 | 0.500 (1 failed) |\n"
            "| head | =cmd | ... | failed |\n"
            "\n"
            "- accuracy on test, 8 examples\n"
            "- 100 % sure\n");
}

TEST(Rendering, AsCsvHasOneLineForEachPlace) {
  EXPECT_EQ(render(sample_table(), Format::Csv),
            "granularity,scorer,sparsity,value,mean,low,high,n,achieved_min,achieved_max,failed,missing,sd,no_value,"
            "not_a_number,diverged,verdict,timed_out,out_of_memory,given_up\r\n"
            "dense,,0.25,accuracy,0.9,0.9,0.9,1,0.5,0.5,0,0,0,0,0,0,,0,0,0\r\n"
            "dense,,0.5,accuracy,0.9,0.9,0.9,1,0.5,0.5,0,0,0,0,0,0,,0,0,0\r\n"
            "head,fi|sher,0.25,accuracy,0.6,0.35,0.85,3,0.5,0.5,0,0,0,0,0,0,,0,0,0\r\n"
            "head,fi|sher,0.5,accuracy,0.5,0.5,0.5,3,0.5,0.5,1,0,0,0,0,0,,0,0,0\r\n"
            "head,'=cmd,0.25,accuracy,,,,0,,,0,3,,0,0,0,,0,0,0\r\n"
            "head,'=cmd,0.5,accuracy,,,,0,,,2,0,,0,0,0,,0,0,0\r\n");
}

TEST(Rendering, AsLatexUsesBooktabs) {
  EXPECT_EQ(render(sample_table(), Format::Latex),
            "% needs \\usepackage{booktabs}\n"
            "\\begin{table}\n"
            "\\centering\n"
            "\\caption{demo\\_1: accuracy}\n"
            "\\begin{tabular}{llrr}\n"
            "\\toprule\n"
            "& & \\multicolumn{2}{c}{sparsity} \\\\\n"
            "granularity & scorer & 0.25 & 0.5 \\\\\n"
            "\\midrule\n"
            "dense &  & 0.900 & 0.900 \\\\\n"
            "\\midrule\n"
            "head & fi\\textbar{}sher & 0.600 $\\pm$ 0.250 & 0.500 (1 failed) \\\\\n"
            "head & =cmd & ... & failed \\\\\n"
            "\\bottomrule\n"
            "\\end{tabular}\n"
            "\n"
            "\\smallskip\n"
            "\\begin{minipage}{\\linewidth}\\footnotesize\n"
            "accuracy on test, 8 examples.\\\\\n"
            "100 \\% sure.\n"
            "\\end{minipage}\n"
            "\\end{table}\n");
}

TEST(Rendering, AsJsonHasTheRecordsAndWhatIsSaidOfThem) {
  const auto document = nlohmann::json::parse(render(sample_table(), Format::Json));

  EXPECT_EQ(document["experiment"], "demo_1");
  EXPECT_EQ(document["value"], "accuracy");
  EXPECT_EQ(document["split"], "test");
  EXPECT_EQ(document["examples"], 8);
  EXPECT_EQ(document["footnotes"].size(), 2U);
  ASSERT_EQ(document["cells"].size(), 6U);
  EXPECT_EQ(document["cells"][0]["dense"], true);
  const auto& cell = document["cells"][2];
  EXPECT_EQ(cell["scorer"], "fi|sher");
  EXPECT_EQ(cell["sparsity"], 0.25);
  EXPECT_EQ(cell["mean"], 0.6);
  EXPECT_EQ(cell["low"], 0.6 - 0.25);
  EXPECT_EQ(cell["high"], 0.6 + 0.25);
  EXPECT_EQ(cell["n"], 3);
  EXPECT_EQ(cell["failed"], 0);
  EXPECT_TRUE(document["cells"][4]["mean"].is_null());
  EXPECT_EQ(document["cells"][4]["missing"], 3);
}

TEST(Rendering, LeavesOutPlacesWithoutCells) {
  auto table = sample_table();
  table.rows[2].cells[1] = {};

  EXPECT_EQ(nlohmann::json::parse(render(table, Format::Json))["cells"].size(), 5U);
  EXPECT_NE(render(table, Format::Markdown).find("| ... | - |"), std::string::npos);
}

TEST(Rendering, SaysNWhereItVaries) {
  auto table = sample_table();
  table.common_n = 0;

  EXPECT_NE(render(table, Format::Markdown).find("| 0.600 ± 0.250 n=3 | 0.500 n=3 (1 failed) |"), std::string::npos);
}

TEST(Format, IsKnownByName) {
  EXPECT_EQ(format_from("latex"), Format::Latex);
  EXPECT_NE(test::message_of<SettingsError>([] { format_from("markdwon"); }).find("did you mean 'markdown'?"),
            std::string::npos);
}

}  // namespace
}  // namespace espalier::report
