#include <espalier/error.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base64.h"
#include "page/report_page.h"
#include "sample_cells.h"
#include "support/temp_dir.h"
#include "words/atomic_file.h"
#include "words/digest.h"

namespace espalier::page {
namespace {

using nlohmann::json;

const std::string hostile = "</script><script>alert(1)</script><!--\"'&\xe2\x80\xa8\x01\xff";

class Pages : public ::testing::Test {
 protected:
  json data() const { return json::parse(page_data(request())); }
  PageRequest request() const { return {folder / "results.db", "", std::nullopt, {}}; }
  // Three cells of scorers of these names: done, failed, waiting.
  void fill(const std::string& scorer) {
    std::vector<store::NewCell> cells;
    for (int i = 0; i < 3; ++i) {
      auto settings = test::sample_settings();
      settings.seed = i;
      settings.scorer.name = scorer;
      cells.push_back({"k" + std::to_string(i), json_text(to_json(settings))});
    }
    store.insert({"demo", "What is lost in " + scorer + "?", "demo.toml", "digest"}, cells, false);
    auto done = test::done_attempt(0.75, 0.5);
    SiteLeft site;
    site.site = "layer.0";
    site.heads = 2;
    site.heads_dense = 3;
    site.head_dim = 32;
    site.qk = site.vo = std::vector<std::int64_t>{32, 0, 16};
    SearchRecord search;
    search.trajectory = {{{"step", 1}, {"loss", 0.5}}, {{"step", 2}, {"loss", 0.25}}};
    done.points.back().details = PointDetails{{site}, std::nullopt, search};
    ASSERT_TRUE(store.finish(*store.claim("demo", "a", 1000), done));
    ASSERT_TRUE(store.finish(*store.claim("demo", "a", 1000), test::failed_attempt("no memory in " + scorer)));
  }

  test::TempDir folder;
  store::ResultStore store{folder / "results.db", store::Mode::Create};
};

// Row `i` of a column, with its text.
json at(const json& data, const std::string& table, const std::string& column, std::size_t i) {
  const auto& values = data.at(table).at("columns").at(column);
  if (!values.contains("texts")) return values.at("numbers").at(i);
  const auto& place = values.at("texts").at(i);
  return place.is_null() ? json() : data.at("texts").at(place.get<std::size_t>());
}

TEST_F(Pages, HoldEveryCellAndPointOfTheDatabase) {
  fill("magnitude");
  const auto page = data();
  EXPECT_EQ(page.at("cells").at("rows"), store.cells("").rows.size());
  EXPECT_EQ(page.at("points").at("rows"), store.points("").rows.size());
  EXPECT_EQ(page.at("latencies").at("rows"), store.latencies("").rows.size());
  EXPECT_EQ(at(page, "cells", "state", 0), "done");
  EXPECT_EQ(at(page, "cells", "state", 1), "failed");
  EXPECT_EQ(at(page, "cells", "message", 1), "no memory in magnitude");
  EXPECT_EQ(at(page, "cells", "state", 2), "waiting");
  EXPECT_EQ(at(page, "points", "accuracy", 1), 0.75);
}

TEST_F(Pages, TellWhatIsLeftOfEachHeadAndHowSearchesWent) {
  fill("magnitude");
  const auto maps = data().at("maps");
  ASSERT_EQ(maps.at("masks").size(), 1U);
  EXPECT_EQ(maps.at("masks").at(0).at("left"), "905");  // all, nothing, half of nine rounded up
  EXPECT_EQ(maps.at("searches").at(0).at("names"), json({"loss", "step"}));
  EXPECT_EQ(maps.at("searches").at(0).at("rows"), json::parse("[[0.5, 1], [0.25, 2]]"));
}

TEST_F(Pages, ANumberThatIsNoneIsNull) {
  auto attempt = test::done_attempt(std::nan(""), 0.5);
  store.insert(test::sample_experiment(), test::sample_cells(1), false);
  ASSERT_TRUE(store.finish(*store.claim("demo", "a", 1000), attempt));
  const auto page = data();
  EXPECT_TRUE(at(page, "points", "accuracy", 1).is_null());
  EXPECT_EQ(at(page, "points", "not_numbers", 1), "accuracy");
}

TEST_F(Pages, AnEmptyDatabaseIsAPage) {
  EXPECT_EQ(data().at("cells").at("rows"), 0);
  EXPECT_NE(report_page(request()).find("</html>"), std::string::npos);
}

TEST_F(Pages, HostileNamesEndNoScript) {
  fill(hostile);
  const auto text = page_data(request());
  EXPECT_EQ(text.find('<'), std::string::npos);
  const auto page = json::parse(text);
  EXPECT_NE(at(page, "cells", "scorer", 0).get<std::string>().find("</script><script>alert(1)"), std::string::npos);
  const auto whole = report_page(request());
  std::size_t scripts = 0;
  for (auto place = whole.find("</script"); place != std::string::npos; place = whole.find("</script", place + 1))
    ++scripts;
  EXPECT_EQ(scripts, 5U);  // the data, the libraries, SQLite, what runs it, the page's own
}

// The content of each script of a page that is run, as a policy names it.
std::vector<std::string> script_digests(const std::string& page) {
  std::vector<std::string> digests;
  for (auto begin = page.find("<script>"); begin != std::string::npos; begin = page.find("<script>", begin)) {
    begin += 8;
    const auto hex = sha256_hex(page.substr(begin, page.find("</script>", begin) - begin));
    std::string bytes;
    for (std::size_t i = 0; i < hex.size(); i += 2)
      bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
    digests.push_back("'sha256-" + base64(bytes) + "'");
  }
  return digests;
}

TEST_F(Pages, NameTheirScriptsByDigestAndLetNothingElseIn) {
  for (const bool opens_databases : {true, false}) {
    auto wanted = request();
    wanted.opens_databases = opens_databases;
    const auto page = report_page(wanted);
    const auto begin = page.find("content=\"default-src 'none'; script-src ");
    ASSERT_NE(begin, std::string::npos);
    const auto policy = page.substr(begin, page.find("\">", begin) - begin);
    const auto digests = script_digests(page);
    EXPECT_EQ(digests.size(), opens_databases ? 3U : 2U);
    for (const auto& digest : digests) EXPECT_NE(policy.find(digest), std::string::npos) << digest;
    EXPECT_EQ(policy.find(" 'unsafe-eval'"), std::string::npos);
    EXPECT_EQ(policy.find("'wasm-unsafe-eval'") != std::string::npos, opens_databases);
    EXPECT_EQ(page.find("id=\"sqlite\"") != std::string::npos, opens_databases);
    EXPECT_EQ(page.find("<link"), std::string::npos);
    EXPECT_EQ(page.find("<script src"), std::string::npos);
  }
}

TEST_F(Pages, HoldTheStatementsThatReadADatabaseInABrowser) {
  auto wanted = request();
  const auto reader = json::parse(page_data(wanted)).at("reader");
  EXPECT_EQ(reader.at("application_id"), 0x4573706C);
  EXPECT_EQ(reader.at("columns").at("cells").at(0), json({"experiment", "text"}));
  wanted.opens_databases = false;
  EXPECT_FALSE(json::parse(page_data(wanted)).contains("reader"));
}

// The test vectors of RFC 4648.
TEST(Base64, IsThatOfTheStandard) {
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, letters] : vectors) EXPECT_EQ(base64(bytes), letters);
}

TEST_F(Pages, RefuseVerdictsThatAreNone) {
  auto wrong = request();
  wrong.verdicts = NamedText{"wrong.json", "[1]"};
  try {
    page_data(wrong);
    FAIL() << "it is taken";
  } catch (const InputError& error) {
    EXPECT_STREQ(error.what(), "wrong.json: no JSON object with a list 'cells', expected what 'verify --json' prints");
  }
}

TEST_F(Pages, RefuseEntriesOfVerdictsThatAreNoObjects) {
  auto wrong = request();
  wrong.verdicts = NamedText{"wrong.json", R"({"cells": [{}, null]})"};
  try {
    page_data(wrong);
    FAIL() << "it is taken";
  } catch (const InputError& error) {
    EXPECT_STREQ(error.what(), "wrong.json: entry 2 of 'cells' is null, expected an object as 'verify --json' prints");
  }
}

TEST(VendoredFiles, AreThoseThatVersionsNames) {
  const auto folder = std::filesystem::path(ESPALIER_SOURCE_DIR) / "core/page/vendor";
  std::istringstream lines(read_file(folder / "VERSIONS"));
  std::size_t files = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line.front() == '#') continue;
    std::istringstream words(line);
    std::string package, version, inside, file, digest;
    words >> package >> version >> inside >> file >> digest;
    EXPECT_EQ(sha256_of_file(folder / file), digest) << file;
    ++files;
  }
  EXPECT_EQ(files, 7U);
}

}  // namespace
}  // namespace espalier::page
