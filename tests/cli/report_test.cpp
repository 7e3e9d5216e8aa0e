// `espalier report` as a user meets it.
#include "cli_fixture.h"
#include "words/atomic_file.h"

namespace espalier::cli {
namespace {

class Report : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    ASSERT_EQ(espalier({"run", "tiny.toml"}, {"FAKE_FAIL_SEED=1"}).exit_code, 1);
  }
};

TEST_F(Report, WritesAPageOfADatabaseAndOfItsExperiment) {
  const auto ran = espalier({"report", "tiny.toml", "-o", "page.html"});
  const auto printed = espalier({"report", "results/tiny.db", "-o", "-"});

  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_EQ(ran.out, "");
  EXPECT_TRUE(ran.err.starts_with("page.html: 0.")) << ran.err;
  EXPECT_TRUE(read_file(folder_ / "page.html").starts_with("<!doctype html>"));
  EXPECT_TRUE(printed.out.starts_with("<!doctype html>"));
}

TEST_F(Report, NamesAFileOfVerdictsThatIsNone) {
  folder_.write("wrong.json", "{\"cells\": 3}");
  const auto ran = espalier({"report", "tiny.toml", "-o", "page.html", "--verdicts", "wrong.json"});

  EXPECT_EQ(ran.exit_code, 5);
  EXPECT_EQ(ran.err, "wrong.json: no JSON object with a list 'cells', expected what 'verify --json' prints\n");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "page.html"));
}

TEST_F(Report, NeedsAPlaceForThePage) {
  const auto ran = espalier({"report", "tiny.toml"});
  const auto absent = espalier({"report", "absent.db", "-o", "page.html"});

  EXPECT_EQ(ran.exit_code, 2);
  EXPECT_EQ(ran.err, "--output is required\n    run: espalier report --help\n");
  EXPECT_EQ(absent.exit_code, 4);
  EXPECT_TRUE(absent.err.starts_with("absent.db: does not exist")) << absent.err;
  EXPECT_NE(espalier({"report", "--help"}).out.find("Example: espalier report"), std::string::npos);
}

}  // namespace
}  // namespace espalier::cli
