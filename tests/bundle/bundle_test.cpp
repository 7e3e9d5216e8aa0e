#include "bundle/bundle.h"

#include <espalier/error.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "bundle/check.h"
#include "store/sample_cells.h"
#include "store/shards/shard.h"
#include "support/message_of.h"
#include "support/temp_dir.h"
#include "words/atomic_file.h"
#include "words/digest.h"

namespace espalier::bundle {
namespace {

namespace fs = std::filesystem;

constexpr const char* experiment_text = "espalier = 1\nname = \"demo\"\n";

class Bundles : public testing::Test {
 protected:
  void SetUp() override {
    const auto database = folder / "demo.db";
    {
      store::ResultStore store(database, store::Mode::Create);
      auto experiment = test::sample_experiment();
      experiment.question = "<script>alert(1)</script> | `id` [x](javascript:1)";
      experiment.file_digest = sha256_hex(experiment_text);
      store.insert(experiment, test::sample_cells(2), false);
      auto attempt = test::done_attempt(0.8);
      attempt.environment = {
          {"espalier", "1.0"}, {"host", "secret-host"}, {"command_line", {"/home/me/x"}}, {"threads", 1}};
      attempt.artifacts = {{"mask", "mask", "results/cache/masks/" + std::string(64, 'a') + ".safetensors"},
                           {"scores", "abc", "results/cache/scores/" + std::string(64, 'b') + ".safetensors"}};
      ASSERT_TRUE(store.finish(*store.claim("demo", "a", 1000), attempt));
    }
    store::carry_home(database, folder / "copy.db", "");
    contents.title = "../de mo";
    contents.database = folder / "copy.db";
    contents.summary = store::summary_of(contents.database);
    contents.experiments = {{"experiments/1/demo.toml"}};
    contents.files = {{"experiments/1/demo.toml", "The experiment", "application/toml", experiment_text},
                      {cells_name, "Cells", "application/jsonl", "{}\n"}};
    contents.missing = {{"mask", std::string(64, 'a') + ".safetensors", "is not in the cache any more"},
                        {"scores", std::string(64, 'b') + ".safetensors", "is not in the cache any more"}};
  }

  static std::string digest_of(const std::string& text, const std::vector<std::string>& included) {
    auto all = text;
    for (const auto& one : included) all += "and " + one;
    return sha256_hex(all);
  }
  BundleCheck check() {
    fs::remove_all(folder / "out");
    fs::create_directory(folder / "out");
    return check_bundle(ArchiveReader(file), folder / "out", digest_of);
  }
  // The bundle with one file's content exchanged, its checksum put right where asked for.
  void exchange(const std::string& name, const std::string& content, bool with_checksum) {
    std::vector<std::pair<std::string, std::string>> files;
    {
      const ArchiveReader reader(file);
      for (const auto& entry : reader.entries())
        files.emplace_back(entry.name, entry.name == name ? content : reader.text(entry.name));
    }
    const auto before =
        std::find_if(files.begin(), files.end(), [](const auto& one) { return one.first == manifest_name; });
    if (with_checksum) {
      auto& manifest = before->second;
      const auto line = manifest.find("  " + name + "\n");
      ASSERT_NE(line, std::string::npos) << manifest;
      manifest.replace(line - 64, 64, sha256_hex(content));
    }
    ArchiveWriter writer(file);
    for (const auto& [file_name, text] : files) writer.add_text(file_name, text);
    writer.commit();
  }
  static std::vector<std::string> wrong(const BundleCheck& check) {
    std::vector<std::string> all;
    for (const auto& finding : check.findings) {
      for (const auto& sentence : finding.wrong) all.push_back(finding.subject + ": " + sentence);
    }
    return all;
  }

  test::TempDir folder;
  const fs::path file = folder / "b.zip";
  BundleContents contents;
};

TEST_F(Bundles, HoldWhatTheySay) {
  const auto written = write_bundle(contents, file);
  const auto found = check();

  EXPECT_EQ(wrong(found), std::vector<std::string>{});
  EXPECT_TRUE(found.holds());
  EXPECT_EQ(found.missing.size(), 2U);
  EXPECT_EQ(written.sha256, sha256_of_file(file));
  EXPECT_EQ(written.bytes, fs::file_size(file));
  EXPECT_EQ(written.files, ArchiveReader(file).entries().size());
  EXPECT_EQ(ArchiveReader(file).entries()[0].name, "results/-.-de-mo.db");
}

TEST_F(Bundles, AreTheSameBytesAgain) {
  const auto one = write_bundle(contents, file), two = write_bundle(contents, folder / "c.zip");
  EXPECT_EQ(one.sha256, two.sha256);
}

TEST_F(Bundles, LeaveNothingBesideThem) {
  fs::create_directory(folder / "alone");
  write_bundle(contents, folder / "alone/b.zip");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder / "alone"), fs::directory_iterator()), 1);
}

TEST_F(Bundles, KeepHostsAndCommandLinesOutOfWhatPeopleRead) {
  write_bundle(contents, file);
  const ArchiveReader reader(file);
  for (const auto* name : {"appendix.md", "appendix.html", description_name, crate_name}) {
    EXPECT_EQ(reader.text(name).find("secret-host"), std::string::npos) << name;
    EXPECT_EQ(reader.text(name).find("/home/me"), std::string::npos) << name;
  }
}

TEST_F(Bundles, MakeNoMarkupOfNames) {
  write_bundle(contents, file);
  const ArchiveReader reader(file);

  const auto page = reader.text("appendix.html"), text = reader.text("appendix.md");
  EXPECT_EQ(page.find("<script"), std::string::npos);
  EXPECT_NE(page.find("&lt;script&gt;alert(1)&lt;/script&gt;"), std::string::npos);
  EXPECT_NE(page.find("default-src 'none'"), std::string::npos);
  EXPECT_NE(text.find("\\<script\\>alert\\(1\\)\\</script\\> \\| \\`id\\` \\[x\\]\\(javascript:1\\)"),
            std::string::npos)
      << text;
  EXPECT_EQ(nlohmann::json::parse(reader.text(crate_name)).at("@graph")[1].at("description"),
            "<script>alert(1)</script> | `id` [x](javascript:1)");
}

TEST_F(Bundles, SayWhichFileIsNotWhatItWas) {
  write_bundle(contents, file);
  exchange("experiments/1/demo.toml", "espalier = 2\n", false);

  const auto sentences = wrong(check());
  ASSERT_EQ(sentences.size(), 2U);
  EXPECT_EQ(sentences[0], "checksums: 'experiments/1/demo.toml' has SHA-256 " + sha256_hex("espalier = 2\n") +
                              ", listed is " + sha256_hex(experiment_text));
  EXPECT_EQ(sentences[1], "experiments: 'experiments/1/demo.toml' is not the file that ran last");
}

TEST_F(Bundles, CountTheFilesThatAnExperimentIncludes) {
  contents.files.push_back({"experiments/shared.toml", "Definitions", "application/toml", "more"});
  contents.experiments[0].included = {"experiments/shared.toml"};
  write_bundle(contents, file);
  EXPECT_EQ(wrong(check()),
            std::vector<std::string>{"experiments: 'experiments/1/demo.toml' is not the file that ran last"});

  contents.experiments[0].included = {"experiments/lost.toml"};
  write_bundle(contents, file);
  EXPECT_EQ(wrong(check()), std::vector<std::string>{"experiments: 'experiments/1/demo.toml' is the file of an "
                                                     "experiment, and it or what it includes is not there"});
}

TEST_F(Bundles, AreNotSavedByAChecksumThatIsPutRight) {
  write_bundle(contents, file);
  exchange("experiments/1/demo.toml", "espalier = 2\n", true);
  EXPECT_EQ(wrong(check()),
            std::vector<std::string>{"experiments: 'experiments/1/demo.toml' is not the file that ran last"});
}

TEST_F(Bundles, SayWhatIsMissingWithoutBeingListed) {
  contents.missing.clear();
  write_bundle(contents, file);

  const std::string mask(64, 'a'), scores(64, 'b');
  const std::string why = ".safetensors' is named by the database, not there and not listed as missing";
  EXPECT_EQ(wrong(check()),
            (std::vector<std::string>{"masks: 'cache/masks/" + mask + why, "scores: 'cache/scores/" + scores + why}));
}

TEST_F(Bundles, SayWhichMaskIsNotThatOfItsCell) {
  contents.files.push_back({"cache/masks/" + std::string(64, 'a') + ".safetensors", "A mask",
                            "application/octet-stream", std::string("\2\0\0\0\0\0\0\0{}", 10)});
  contents.files.push_back({"cache/masks/other.safetensors", "A mask", "application/octet-stream", "x"});
  write_bundle(contents, file);

  EXPECT_EQ(wrong(check()), (std::vector<std::string>{
                                "masks: 'cache/masks/" + std::string(64, 'a') +
                                    ".safetensors' holds a mask of digest none that can be read, cell k0 recorded mask",
                                "masks: 'cache/masks/other.safetensors' is of no cell"}));
}

TEST_F(Bundles, SayWhichFilesNobodyListed) {
  write_bundle(contents, file);
  std::vector<std::pair<std::string, std::string>> files;
  {
    const ArchiveReader reader(file);
    for (const auto& entry : reader.entries()) files.emplace_back(entry.name, reader.text(entry.name));
  }
  {
    ArchiveWriter writer(file);
    for (const auto& [name, text] : files) writer.add_text(name, text);
    writer.add_text("extra.txt", "extra");
    writer.commit();
  }
  EXPECT_EQ(wrong(check()), (std::vector<std::string>{"checksums: 'extra.txt' is there, and not listed",
                                                      "description: 'extra.txt' is not described"}));
}

TEST_F(Bundles, OfADatabaseThatWasSpoiltDoNotHold) {
  write_bundle(contents, file);
  auto bytes = read_file(contents.database);
  for (std::size_t i = 4096 * 3; i < 4096 * 3 + 200; ++i) bytes[i] = 'x';
  exchange("results/-.-de-mo.db", bytes, true);

  bool refused = false;
  try {
    refused = !check().holds();
  } catch (const StoreError& error) {
    refused = std::string(error.what()).find("the database is damaged") != std::string::npos;
  }
  EXPECT_TRUE(refused);
}

TEST_F(Bundles, OfANewerFormatAreRefused) {
  write_bundle(contents, file);
  exchange(description_name, R"({"format": 7, "database": "../x"})", true);
  EXPECT_EQ(test::message_of<InputError>([&] { check(); }),
            "the bundle has format 7, this program knows 1\n    use the Espalier that wrote it, or a newer one");
}

TEST_F(Bundles, ThatNameNoDatabaseOfTheirsAreRefused) {
  write_bundle(contents, file);
  exchange(description_name, R"({"format": 1, "database": "../../etc/passwd"})", true);
  EXPECT_EQ(test::message_of<InputError>([&] { check(); }), file.string() + ": '../../etc/passwd' is not in it");
}

TEST_F(Bundles, AreNotAnyArchive) {
  {
    ArchiveWriter writer(file);
    writer.add_text("a", "");
    writer.commit();
  }
  EXPECT_EQ(test::message_of<InputError>([&] { check(); }),
            "no bundle: 'bundle.json' is not in it\n    expected what 'espalier bundle' wrote");
}

TEST(PlainNames, AreOnePartOfAPath) {
  EXPECT_EQ(plain_name("demo-1_2.3"), "demo-1_2.3");
  EXPECT_EQ(plain_name("../../etc/passwd"), "-.-..-etc-passwd");
  EXPECT_EQ(plain_name(".."), "-.");
  EXPECT_EQ(plain_name(""), "results");
  EXPECT_EQ(plain_name("a b\n<é>"), "a-b-----");
  for (const auto* name : {"../../etc/passwd", "..", "", "a b", "."})
    EXPECT_EQ(complaint_about_name(plain_name(name)), "") << name;
}

}  // namespace
}  // namespace espalier::bundle
