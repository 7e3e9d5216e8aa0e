// `espalier report` as a user meets it.
#include <iterator>
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
  EXPECT_TRUE(written.err.starts_with("page.html: 0.")) << written.err;
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
