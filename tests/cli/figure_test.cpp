// `espalier figure`, and tables along a line of sparsities, as a user meets them.
#include <SQLiteCpp/Database.h>

#include <cstdlib>
#include <iterator>
#include <sstream>

#include "cli_fixture.h"
#include "words/atomic_file.h"

namespace espalier::cli {
namespace {

// Two scorers at three sparsities, of three seeds; what the fake worker measured is spread over them by hand: accuracy is
// 0.9 - sparsity / 2, and 0.1 less where heads go by magnitude.
class Figure : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    write_experiment("tiny.toml", "tiny", "[0, 1, 2]", R"(
[[grid]]
model = "small"
dataset = "few"
granularity = "head"
scorer = ["magnitude", "random"]
sparsity = [0.2, 0.5, 0.8]
seed = [0, 1, 2]
)");
    ASSERT_EQ(espalier({"run", "tiny.toml"}).exit_code, 0);
    SQLite::Database database((folder_ / "results/tiny.db").string(), SQLite::OPEN_READWRITE);
    database.exec(
        "UPDATE point SET requested_sparsity = (SELECT requested FROM cell WHERE cell.point_id = point.id), "
        "achieved_sparsity = (SELECT requested FROM cell WHERE cell.point_id = point.id) WHERE kind = 'pruned'");
    database.exec(
        "UPDATE metric SET value = (SELECT 0.9 - requested / 2 - 0.1 * (scorer_plugin = 'magnitude') FROM cell "
        "WHERE cell.point_id = metric.point_id) WHERE point_id IN (SELECT point_id FROM cell)");
  }
  // Words apart by spaces.
  test::Ran ran(const std::string& line) const {
    std::istringstream words(line);
    return espalier({std::istream_iterator<std::string>(words), std::istream_iterator<std::string>()});
  }
  static bool has(const char* program) {
    return std::system((std::string("command -v ") + program + " > /dev/null 2>&1").c_str()) == 0;
  }
};

TEST_F(Figure, GivesItsNumbersAndItsScript) {
  const auto numbers = ran("figure tiny.toml --by scorer --format csv");
  const auto script = ran("figure results/tiny.db --by scorer --script");

  ASSERT_EQ(numbers.exit_code, 0) << numbers.err;
  EXPECT_CONTAINS(numbers.out, "random");
  EXPECT_CONTAINS(numbers.out, "0.65");  // 0.9 - 0.5 / 2
  EXPECT_EQ(script.exit_code, 0) << script.err;
  EXPECT_CONTAINS(script.out, "plot ");
  EXPECT_CONTAINS(script.out, "magnitude");
}

TEST_F(Figure, IsDrawnIntoTheFileThatIsNamed) {
  if (!has("gnuplot")) GTEST_SKIP() << "no gnuplot here: apt-get install gnuplot-nox";
  for (const auto& [file, begins] : {std::pair("a.pdf", "%PDF"), std::pair("a.svg", "<?xml"),
                                     std::pair("a.png", "\x89PNG"), std::pair("a.tex", "\\begin{tikzpicture}")}) {
    const auto drawn = ran(std::string("figure tiny.toml --by scorer -o ") + file);
    ASSERT_EQ(drawn.exit_code, 0) << drawn.err;
    EXPECT_EQ(drawn.out, "");
    EXPECT_TRUE(read_file(folder_ / file).substr(0, 200).find(begins) != std::string::npos) << file;
  }
  const auto ranks = ran("figure tiny.toml --kind critical-difference -o ranks.svg");
  EXPECT_EQ(ranks.exit_code, 0) << ranks.err;
  EXPECT_CONTAINS(read_file(folder_ / "ranks.svg"), "random");
}

TEST_F(Figure, OfTikzIsCompiledByLatex) {
  if (!has("gnuplot") || !has("pdflatex") || std::system("kpsewhich tikz.sty > /dev/null 2>&1") != 0)
    GTEST_SKIP() << "no gnuplot, pdflatex or tikz here: apt-get install gnuplot-nox texlive-pictures";
  const auto drawn = ran("figure tiny.toml --by scorer -o curve.tex");
  ASSERT_EQ(drawn.exit_code, 0) << drawn.err;
  folder_.write("page.tex",
                "\\documentclass{article}\n\\usepackage{gnuplot-lua-tikz}\n\\begin{document}\n\\input{curve.tex}\n"
                "\\end{document}\n");
  const auto line =
      "cd '" + folder_.path().string() +
      "' && gnuplot -e 'set term tikz createstyle' > log 2>&1 && pdflatex -no-shell-escape -halt-on-error "
      "-interaction=nonstopmode page.tex > log 2>&1";
  EXPECT_EQ(std::system(line.c_str()), 0) << read_file(folder_ / "log");
  EXPECT_TRUE(read_file(folder_ / "page.pdf").starts_with("%PDF"));
}

TEST_F(Figure, SaysWhatItWasNotTold) {
  const auto nowhere = ran("figure tiny.toml");
  const auto unknown = ran("figure tiny.toml -o a.jpg");
  const auto kind = ran("figure tiny.toml --kind curv -o a.pdf");
  const auto axis = ran("figure tiny.toml --by screr -o a.pdf");
  const auto width = ran("figure tiny.toml --width 5km -o a.pdf");

  for (const auto* refused : {&nowhere, &unknown, &kind, &axis, &width})
    EXPECT_EQ(refused->exit_code, 2) << refused->err;
  EXPECT_TRUE(nowhere.err.starts_with("-o is missing: where the figure goes\n")) << nowhere.err;
  EXPECT_TRUE(unknown.err.starts_with("-o a.jpg: its name does not say which format it is to have\n")) << unknown.err;
  EXPECT_CONTAINS(kind.err, "did you mean 'curve'?");
  EXPECT_CONTAINS(axis.err, "did you mean 'scorer'?");
  EXPECT_CONTAINS(width.err, "--width 5km: no length\n");
  for (const char* file : {"a.jpg", "a.pdf"}) EXPECT_FALSE(std::filesystem::exists(folder_ / file));
}

// Nor does any other command that writes a file.
TEST_F(Figure, NeverTakesThePlaceOfWhatItReads) {
  const auto before = read_file(folder_ / "results/tiny.db");
  std::filesystem::create_symlink(folder_ / "results/tiny.db", folder_ / "link.svg");
  const std::vector<std::string> lines = {"figure results/tiny.db -o results/tiny.db --format svg",
                                          "figure results/tiny.db -o link.svg",
                                          "figure results/tiny.db -o ./results/tiny.db --format csv",
                                          "report results/tiny.db -o results/tiny.db",
                                          "report tiny.toml -o tiny.toml",
                                          "report tiny.toml -o results/tiny.db-wal",
                                          "report tiny.toml -o own.toml --reference own.toml",
                                          "bundle results/tiny.db -o copy.toml --experiment copy.toml",
                                          "bundle results/tiny.db -o results/tiny.db",
                                          "bundle tiny.toml -o tiny.toml",
                                          "export results/tiny.db --datasette results/tiny.db"};
  folder_.write("own.toml", "");
  std::filesystem::copy_file(folder_ / "tiny.toml", folder_ / "copy.toml");
  for (const auto& line : lines) {
    const auto refused = ran(line);
    EXPECT_EQ(refused.exit_code, 2) << line;
    EXPECT_CONTAINS(refused.err, ": this command reads that file, and would write over it\n    choose another name\n");
  }
  EXPECT_EQ(read_file(folder_ / "results/tiny.db"), before);
  EXPECT_TRUE(read_file(folder_ / "tiny.toml").starts_with("espalier = 1"));
}

TEST_F(Figure, NeedsAProgramThatDraws) {
  folder_.write("empty/none", "");
  const auto drawn = espalier({"figure", "tiny.toml", "-o", "a.pdf"}, {"PATH=" + (folder_ / "empty").string()});

  EXPECT_EQ(drawn.exit_code, 2);
  EXPECT_CONTAINS(drawn.err, "there is no program gnuplot here, which draws figures\n");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "a.pdf"));
}

// Between 0.2 and 0.5, and marked as such; at 0.5 it was measured.
TEST_F(Figure, HasATableOfLevelsThatLieOnItsLine) {
  const auto rows = json(ran("table tiny.toml --rows scorer --columns sparsity --at 0.35,0.5 --format json"));
  const auto text = ran("table tiny.toml --rows scorer --columns sparsity --at 0.35,0.5");
  const auto outside = ran("table tiny.toml --rows scorer --columns sparsity --at 1.5");

  EXPECT_CONTAINS(text.out, "0.650");
  EXPECT_CONTAINS(text.out, "0.725†");  // 0.9 - 0.35 / 2
  EXPECT_CONTAINS(rows.dump(), "interpolated");
  EXPECT_EQ(outside.exit_code, 2);
  EXPECT_CONTAINS(outside.err, "--at 1.5: expected achieved sparsities from 0 to 1");
}

TEST_F(Figure, HasAComparisonWithARegionOfPracticalEquivalence) {
  const auto compared = json(ran("table tiny.toml --compare scorer --rope 0.01 --format json"));
  const auto wide = json(ran("table tiny.toml --compare scorer --rope 0.5 --format json"));
  const auto alone = ran("table tiny.toml --rope 0.01");

  EXPECT_EQ(compared.at("rope").at("rope"), 0.01);
  EXPECT_GT(wide.at("rope").at("pairs").at(0).at("same").get<double>(), 0.95);
  EXPECT_LT(compared.at("rope").at("pairs").at(0).at("same").get<double>(), 0.05);
  EXPECT_EQ(alone.exit_code, 2);
  EXPECT_EQ(alone.err,
            "--rope: differences are judged between the levels of an axis\n    expected --compare AXIS too\n");
}

}  // namespace
}  // namespace espalier::cli
