// Tables for papers are compiled as a reader of the paper's source would: with names that mean something in LaTeX and Typst.
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "report/comparing/axis_comparison.h"
#include "table_cells.h"

namespace espalier::report {
namespace {

const char* const hostile = "\\input{/etc/passwd} $x^2$ #panic() %~&_{}[] *a* `b` <c> \"d\" @e =f //g";

class CompiledTables : public Tables {
 protected:
  void SetUp() override {
    for (const double sparsity : {0.25, 0.5}) {
      for (const auto& scorer : {std::string("fisher"), std::string("magnitude"), std::string(hostile)})
        add(with(sparsity, 0, scorer), done_attempt(scorer == "fisher" ? 0.7 : 0.5));
    }
    add(with(0.75, 0, "fisher"), failed_attempt("50% of \\memory_ #gone"));
    TableRequest request;
    request.fits_rows = request.fits_columns = true;
    comparison_ = compare_axis(store, "demo", "scorer", request);
    request.significance = 0.05;
    request.value = "accuracy,parameters_total";
    table_ = table(request);
  }
  std::string both(Format format) const { return render(table_, format) + "\n" + render(comparison_, format); }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(folder / name) << text;
    return (folder / name).string();
  }
  static int shell(const std::string& command) { return std::system(command.c_str()); }
  std::string log() const {
    std::ifstream file(folder / "log");
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  AxisComparison comparison_;
  Table table_;
};

TEST_F(CompiledTables, LatexTakesThem) {
  if (shell("command -v pdflatex > /dev/null && kpsewhich booktabs.sty > /dev/null") != 0)
    GTEST_SKIP() << "pdflatex and booktabs are not here: apt-get install texlive-latex-recommended";
  write("page.tex", "\\documentclass{article}\n\\usepackage{booktabs}\n\\begin{document}\n" + both(Format::Latex) +
                        "\\end{document}\n");
  EXPECT_EQ(shell("cd '" + folder.path().string() +
                  "' && pdflatex -no-shell-escape -halt-on-error -interaction=nonstopmode page.tex > log 2>&1"),
            0)
      << log();
  EXPECT_TRUE(std::filesystem::exists(folder / "page.pdf"));
}

TEST_F(CompiledTables, TypstTakesThem) {
  const auto python = std::string(ESPALIER_SOURCE_DIR) + "/.deps/venv/bin/python";
  if (shell("'" + python + "' -c 'import typst' > /dev/null 2>&1") != 0)
    GTEST_SKIP() << "the Python package typst is not here: bash cmake/quickstart.sh test installs it";
  const auto page = write("page.typ", both(Format::Typst));
  EXPECT_EQ(shell("'" + python + "' -c 'import sys, typst; typst.compile(sys.argv[1], output=sys.argv[2])' '" + page +
                  "' '" + (folder / "typst.pdf").string() + "' > '" + (folder / "log").string() + "' 2>&1"),
            0)
      << log();
  EXPECT_TRUE(std::filesystem::exists(folder / "typst.pdf"));
}

}  // namespace
}  // namespace espalier::report
