// `espalier report` as a user meets it.
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli_fixture.h"
#include "words/atomic_file.h"

namespace espalier::cli {
namespace {

class Report : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    const std::vector<std::string> words = {"run", "tiny.toml"}, variables = {"FAKE_FAIL_SEED=1"};
    ASSERT_EQ(espalier(words, variables).exit_code, 1);
  }
  // Words apart by spaces.
  test::Ran ran(const std::string& line) const {
    std::istringstream words(line);
    return espalier({std::istream_iterator<std::string>(words), std::istream_iterator<std::string>()});
  }
};

TEST_F(Report, WritesAPageOfADatabaseAndOfItsExperiment) {
  const auto written = ran("report tiny.toml -o page.html");
  const auto printed = ran("report results/tiny.db -o -");

  EXPECT_EQ(written.exit_code, 0) << written.err;
  EXPECT_EQ(written.out, "");
  EXPECT_NE(written.err.find(" MB, everything in one file"), std::string::npos) << written.err;
  EXPECT_TRUE(read_file(folder_ / "page.html").starts_with("<!doctype html>"));
  EXPECT_TRUE(printed.out.starts_with("<!doctype html>"));
}

TEST_F(Report, NamesAFileOfVerdictsThatIsNone) {
  folder_.write("wrong.json", "{\"cells\": 3}");
  const auto written = ran("report tiny.toml -o page.html --verdicts wrong.json");

  EXPECT_EQ(written.exit_code, 5);
  EXPECT_EQ(written.err, "wrong.json: no JSON object with a list 'cells', expected what 'verify --json' prints\n");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "page.html"));
}

// The same verdicts as those that verify prints.
TEST_F(Report, JudgesByAPublishedTable) {
  const auto page = ran("report tiny.toml -o - --without-sql --reference astar-2021 --model bert=small");
  ASSERT_EQ(page.exit_code, 0) << page.err;
  const std::string opening = "<script type=\"application/json\" id=\"data\">";
  const auto begin = page.out.find(opening) + opening.size();
  const auto data = nlohmann::json::parse(page.out.substr(begin, page.out.find("</script>", begin) - begin));
  const auto verified = ran("verify tiny.toml astar-2021 --model bert=small --json");

  EXPECT_EQ(data.at("verdicts"), nlohmann::json::parse(verified.out));
  EXPECT_EQ(data.at("verdicts").at("cells").size(), 2U);
}

TEST_F(Report, RefusesVerdictsFromTwoPlacesAndNamesWithoutATable) {
  const auto both = ran("report tiny.toml -o page.html --verdicts a.json --reference astar-2021");
  const auto without = ran("report tiny.toml -o page.html --model a=b");
  const auto unknown = ran("report tiny.toml -o page.html --reference astar-2012");

  EXPECT_EQ(both.exit_code, 2);
  EXPECT_EQ(both.err,
            "report: --verdicts a.json and --reference astar-2021 both give verdicts, and a page has one set\n"
            "    leave one of them out\n");
  EXPECT_EQ(without.exit_code, 2);
  EXPECT_EQ(without.err, "report: --model and --dataset are of a published table\n    name it with --reference\n");
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_NE(unknown.err.find("did you mean 'astar-2021'?"), std::string::npos) << unknown.err;
}

TEST_F(Report, NeedsAPlaceForThePage) {
  const auto written = ran("report tiny.toml");
  const auto absent = ran("report absent.db -o page.html");

  EXPECT_EQ(written.exit_code, 2);
  EXPECT_EQ(written.err, "--output is required\n    run: espalier report --help\n");
  EXPECT_EQ(absent.exit_code, 4);
  EXPECT_TRUE(absent.err.starts_with("absent.db: does not exist")) << absent.err;
  EXPECT_NE(ran("report --help").out.find("Example: espalier report"), std::string::npos);
}

}  // namespace
}  // namespace espalier::cli
