#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include <espalier/error.h>
#include "figures/figure.h"
#include "support/temp_dir.h"
#include "words/atomic_file.h"

namespace espalier::figures {
namespace {

const std::string hostile = "''; `touch owned` ' system(\"touch owned\") @x %s {\\bf} #$&_^~\n!touch owned\n<b>";

Figure lines_named(const std::string& name) {
  PlotLine line;
  line.names = {name};
  PlotMark first, second;
  first.x = 0.25;
  first.y = 0.9;
  first.low = 0.8;
  first.high = 0.95;
  second.x = 0.5;
  second.y = 0.7;
  second.diverged = true;
  line.marks = {first, second};
  line.failed = {0.75};
  LinePlot plot;
  plot.x_label = plot.y_label = name;
  plot.panels = {{name, {line}, {0.95}}};
  Figure figure;
  figure.plot = plot;
  return figure;
}

Figure ranks_named(const std::string& name) {
  RankPlot plot;
  plot.x_label = name;
  plot.levels = {{name, 1.5}, {"b", 1.75}, {"c", 2.75}};
  plot.critical_difference = 1;
  plot.groups = {{name, "b"}};
  Figure figure;
  figure.plot = plot;
  return figure;
}

Figure heads_named(const std::string& name) {
  HeadPlot plot;
  plot.title = plot.shade_label = name;
  plot.rows = {{name, {0, 0.5, 1}}, {"1", {1, 1}}};
  Figure figure;
  figure.plot = plot;
  return figure;
}

TEST(FigureScript, ShowsNamesInSingleQuotesWithoutLineBreaks) {
  Paper paper;
  const auto script = script_of(lines_named("it's\n!rm"), paper);

  EXPECT_NE(script.find("title 'it'.sprintf('%c', 39).'s\\x0a!rm'"), std::string::npos) << script;
  EXPECT_EQ(script.find("\n!rm"), std::string::npos);
}

TEST(FigureScript, DrawsIntervalsDivergedFailedAndDenseApart) {
  const auto script = script_of(lines_named("fisher"), Paper());

  EXPECT_NE(script.find("0.25 0.9 0.8 0.95 7\n0.5 0.7 0.7 0.7 6\n"), std::string::npos) << script;
  for (const char* sign : {"title 'dense'", "title 'diverged'", "title 'failed'"})
    EXPECT_NE(script.find(sign), std::string::npos) << sign;
}

TEST(FigureScript, GivesItsNumbersAsCsv) {
  EXPECT_EQ(csv_of(lines_named("=f")),
            "panel,line,x,y,low,high,n,state,verdict\r\n"
            "'=f,dense,,0.95,,,,measured,\r\n"
            "'=f,'=f,0.25,0.9,0.8,0.95,1,measured,\r\n"
            "'=f,'=f,0.5,0.7,,,1,diverged,\r\n"
            "'=f,'=f,0.75,,,,,failed,\r\n");
  EXPECT_EQ(csv_of(ranks_named("a")),
            "level,mean_rank,critical_difference,groups\r\na,1.5,1,1\r\nb,1.75,1,1\r\nc,2.75,1,\r\n");
}

TEST(FigureScript, WritesLargeNumbersWithTheDecimalsThatTellTicsApart) {
  const auto over = [](double low, double high) {
    auto figure = lines_named("fisher");
    auto& line = std::get<LinePlot>(figure.plot).panels[0].lines[0];
    line.failed.clear();
    line.marks[0].x = low;
    line.marks[1].x = high;
    return script_of(figure, Paper());
  };
  EXPECT_NE(over(126e6, 126.9e6).find("set xtics 200000\nset format x '%.1s%c'\n"), std::string::npos);
  EXPECT_NE(over(2e9, 80e9).find("set xtics 2e+10\nset format x '%.0s%c'\n"), std::string::npos);
  EXPECT_NE(over(1, 300).find("set xtics autofreq\nset format x '%g'\n"), std::string::npos);
}

TEST(FigureScript, ReadsLengths) {
  EXPECT_DOUBLE_EQ(millimetres_from("--width", "84mm"), 84);
  EXPECT_DOUBLE_EQ(millimetres_from("--width", "8.4cm"), 84);
  EXPECT_DOUBLE_EQ(millimetres_from("--width", "3in"), 76.2);
  try {
    millimetres_from("--width", "84");
    FAIL();
  } catch (const SettingsError& error) {
    EXPECT_STREQ(error.what(),
                 "--width 84: no length\n    expected a number and mm, cm, in or pt, from 30 mm to 1000 mm, as in "
                 "--width 84mm");
  }
}

TEST(FigureScript, IsDrawnInEveryFormatAndCarriesOutNoName) {
  if (std::system("gnuplot --version > /dev/null 2>&1") != 0) GTEST_SKIP() << "no gnuplot here";
  test::TempDir folder;
  for (const auto& figure : {lines_named(hostile), ranks_named(hostile), heads_named(hostile)}) {
    for (const auto medium : {Medium::Pdf, Medium::Svg, Medium::Png, Medium::Tikz}) {
      Paper paper;
      paper.medium = medium;
      write_file(folder / "figure.gp", script_of(figure, paper));
      const auto line = "cd '" + folder.path().string() + "' && gnuplot -d figure.gp > drawn 2> said";
      EXPECT_EQ(std::system(line.c_str()), 0) << read_file(folder / "said");
      EXPECT_GT(std::filesystem::file_size(folder / "drawn"), 500U);
      EXPECT_FALSE(std::filesystem::exists(folder / "owned"));
      if (medium == Medium::Svg) {
        EXPECT_EQ(read_file(folder / "drawn").find("<b>"), std::string::npos);
      }
    }
  }
}

TEST(FigureScript, EmbedsFonts) {
  if (std::system("gnuplot --version > /dev/null 2>&1 && pdffonts -v > /dev/null 2>&1") != 0)
    GTEST_SKIP() << "no gnuplot or no pdffonts here";
  test::TempDir folder;
  write_file(folder / "figure.gp", script_of(lines_named("fisher"), Paper()));
  const auto line = "cd '" + folder.path().string() +
                    "' && gnuplot -d figure.gp > figure.pdf && pdffonts figure.pdf | tail -n +3 | awk '{print "
                    "$(NF-4)}' | sort -u > embedded";
  ASSERT_EQ(std::system(line.c_str()), 0);
  EXPECT_EQ(read_file(folder / "embedded"), "yes\n");
}

}  // namespace
}  // namespace espalier::figures
