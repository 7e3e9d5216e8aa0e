// Every step between a file and a plugin that may be called refuses in its own words.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "loader/plugin_fixture.h"
#include "support/temp_dir.h"
#include "words/digest.h"

namespace espalier::test {
namespace {

using loader::load_plugin;
namespace fs = std::filesystem;

std::string refusal_of_file(const fs::path& file) {
  return message_of<PluginError>([&] { load_plugin(file); });
}

// The refusal of a broken plugin, without its path in front.
std::string refusal_of(const std::string& name) {
  const auto message = refusal_of_file(plugin_file(name));
  const auto path = plugin_file(name).string();
  EXPECT_TRUE(message.starts_with(path)) << message;
  return message.substr(std::min(path.size(), message.size()));
}

std::string bytes_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(PluginFile, AGoodOneIsDescribed) {
  const auto plugin = load_plugin(plugin_file("steady"));

  EXPECT_EQ(plugin.description.role, "scorer");
  EXPECT_EQ(plugin.description.name, "steady");
  EXPECT_EQ(plugin.description.version, "1.0.0");
  EXPECT_EQ(plugin.description.summary, "Scores in the units' order");
  EXPECT_FALSE(plugin.has(needs_data));
  EXPECT_EQ(plugin.description.file, plugin_file("steady").string());
  EXPECT_EQ(plugin.file_digest, sha256_of_file(plugin_file("steady")));
  ASSERT_EQ(plugin.description.settings.size(), 1u);
  EXPECT_EQ(plugin.description.settings[0].name, "step");
  EXPECT_EQ(plugin.description.settings[0].default_value, SettingValue(std::int64_t{1}));
  EXPECT_EQ(plugin.description.settings[0].choices, (std::vector<std::string>{"1", "2"}));
}

TEST(PluginFile, MustExist) {
  EXPECT_EQ(refusal_of_file("/nowhere/salience.so"), "/nowhere/salience.so: no such plugin file");
  const TempDir folder;
  fs::create_directories(folder / "folder.so");
  fs::create_symlink("nowhere", folder / "link.so");
  ASSERT_EQ(::mkfifo((folder / "pipe.so").c_str(), 0600), 0);
  EXPECT_EQ(refusal_of_file(folder / "link.so"),
            (folder / "link.so").string() + ": is a link to a file that is not there");
  EXPECT_EQ(refusal_of_file(folder / "pipe.so"),
            (folder / "pipe.so").string() + ": is no ordinary file, and cannot be a plugin");
  EXPECT_EQ(refusal_of_file(folder / "folder.so"),
            (folder / "folder.so").string() + ": is a folder, expected a plugin file");
}

TEST(PluginFile, MustBeALibrary) {
  const TempDir folder;
  for (const std::string content : {"", "E", "#!/bin/sh\necho no library\n"}) {
    const auto file = folder.write("text.so", content);
    EXPECT_EQ(refusal_of_file(file),
              file.string() + ": is no shared library\n    expected an ELF file built with espalier_add_plugin");
  }
}

TEST(PluginFile, MayNotBeCutOff) {
  const TempDir folder;
  const auto whole = bytes_of(plugin_file("steady"));
  for (const std::size_t size :
       {std::size_t{4}, std::size_t{63}, std::size_t{64}, whole.size() / 2, whole.size() - 1}) {
    const auto file = folder.write("cut.so", whole.substr(0, size));
    EXPECT_TRUE(says(refusal_of_file(file), file.string(), {size < 64 ? "damaged or cut off" : "cut off"})) << size;
  }
}

// Whatever stands in the header and the tables: a refusal or a plugin, and never a crash. Only reading is tried: what
// is executed may not be damaged.
TEST(PluginFile, DamagedTablesAreRefused) {
  const TempDir folder;
  auto damaged = bytes_of(plugin_file("steady"));
  for (const std::size_t place :
       {std::size_t{0x28}, std::size_t{0x3c}, std::size_t{0x3e}}) {  // e_shoff, e_shnum, e_shstrndx
    auto copy = damaged;
    copy[place] = static_cast<char>(copy[place] ^ 0x55);
    copy[place + 1] = static_cast<char>(copy[place + 1] ^ 0x55);
    const auto file = folder.write("damaged.so", copy);
    EXPECT_TRUE(says(refusal_of_file(file), file.string(), {": "})) << place;
  }
}

TEST(PluginFile, OfAnotherMachineIsRefused) {
  const TempDir folder;
  auto bytes = bytes_of(plugin_file("steady"));
  bytes[4] = 1;  // ELFCLASS32

  EXPECT_TRUE(says(refusal_of_file(folder.write("small.so", bytes)),
                   (folder / "small.so").string() + ": was built for another machine"));
  bytes[4] = 2;
  bytes[18] = 8;  // EM_MIPS
  EXPECT_TRUE(says(refusal_of_file(folder.write("mips.so", bytes)),
                   (folder / "mips.so").string() + ": was built for another machine"));
}

// Distributions strip what they install: .symtab goes, the tag must still be found.
TEST(PluginFile, MayBeStripped) {
  const TempDir folder;
  const auto stripped = folder / "steady.so";
  ASSERT_EQ(std::system(("strip -o '" + stripped.string() + "' '" + plugin_file("steady").string() + "'").c_str()), 0);

  EXPECT_EQ(load_plugin(stripped).description.name, "steady");
}

TEST(PluginFile, NeedsATag) {
  EXPECT_TRUE(says(refusal_of("no_tag"), ": is no Espalier plugin: it carries no ABI tag",
                   {"\n    the plugin's source ends with ESPALIER_SCORER(...)"}));
}

TEST(PluginFile, AnotherTagIsRefusedWithEveryDifference) {
  EXPECT_TRUE(says(refusal_of("other_tag"), ": was built for another Espalier or LibTorch and cannot be loaded",
                   {"SDK ABI: plugin 7, this program " ESPALIER_TEXT(ESPALIER_ABI),
                    "LibTorch: plugin 1.13.1, this program " ESPALIER_TEXT(TORCH_VERSION_MAJOR) ".",
                    "C++11 string ABI: plugin 0, this program 1", "C++ standard: plugin 17, this program 20",
                    "rebuild it against this SDK: cmake -S . -B build -DEspalier_DIR="}));
}

TEST(PluginFile, NeedsACard) { EXPECT_TRUE(says(refusal_of("no_card"), ": carries an ABI tag but no plugin card")); }

TEST(PluginFile, TheCardMustBeItsOwn) {
  EXPECT_EQ(refusal_of("card_elsewhere"), ": has no plugin card of its own; one was found in a library it links");
}

TEST(PluginFile, TheCardMustFit) {
  const auto size = std::to_string(sizeof(PluginCard)), ours = std::to_string(ESPALIER_ABI);

  EXPECT_TRUE(says(refusal_of("other_size"), ": its plugin card does not fit",
                   {"found SDK ABI " + ours + ", card of " + std::to_string(sizeof(PluginCard) + 8) +
                    " bytes; this program has SDK ABI " + ours + ", card of " + size + " bytes"}));
  EXPECT_TRUE(says(refusal_of("other_abi"), ": its plugin card does not fit",
                   {"found SDK ABI " + std::to_string(ESPALIER_ABI + 1) + ", card of " + size +
                    " bytes; this program has SDK ABI " + ours + ", card of " + size + " bytes"}));
}

TEST(PluginFile, AnotherBuildIsRefusedWithEveryDifference) {
  const auto message = refusal_of("other_build");

  EXPECT_TRUE(says(message, ": was built in another way and cannot be loaded",
                   {"compiler: plugin clang++ 99, this program " ESPALIER_BUILD_COMPILER,
                    "containers: plugin debug, this program release"}));
  EXPECT_EQ(message.find("cxx11abi"), std::string::npos) << message;
}

// Opening a file built with a sanitizer would end the program, so it must not come to that.
TEST(PluginFile, ABuildWithASanitizerIsRefusedBeforeItIsOpened) {
  EXPECT_TRUE(says(refusal_of("asan_build"), ": was built in another way and cannot be loaded",
                   {"sanitizer: plugin address, this program none", "rebuild it against this SDK"}));
}

TEST(PluginFile, IsCalledLikeItsPlugin) {
  EXPECT_EQ(refusal_of("other_name"),
            ": holds scorer 'other' under another name\n    call the file other.so: a plugin's file is called like the "
            "plugin ('_' stands for '-')");
}

TEST(PluginFile, HasAVersionThatIsOne) {
  EXPECT_TRUE(says(refusal_of("no_version"), ": version '' of scorer 'no-version' is none",
                   {"for instance 1.0.0", "raise it whenever what the plugin computes changes"}));
  EXPECT_TRUE(says(refusal_of("odd_version"), ": version 'banana; DROP' of scorer 'odd-version' is none"));
}

TEST(PluginFile, HasTraitsThatAreKnown) {
  EXPECT_EQ(refusal_of("odd_traits"),
            ": scorer 'odd-traits' has traits that are not known (bits 1048576)\n    expected a combination of "
            "espalier::PluginTraits");
}

TEST(PluginFile, HasASummaryThatCanBePrinted) {
  const std::string expected = " is no line that can be printed, of at most 300 bytes";
  EXPECT_EQ(refusal_of("long_summary"), ": the summary of scorer 'long-summary'" + expected);
  EXPECT_EQ(refusal_of("raw_summary"), ": the summary of scorer 'raw-summary'" + expected);
}

TEST(PluginFile, HasSettingsThatCanBeWritten) {
  EXPECT_TRUE(says(refusal_of("reserved_setting"), ": scorer 'reserved-setting': declares a setting called 'plugin'",
                   {"a word of the experiment file itself"}));
  EXPECT_TRUE(says(refusal_of("odd_setting"), ": scorer 'odd-setting': declares a setting called 'a \"b\"\\x0a'",
                   {"for instance learning_rate"}));
  EXPECT_EQ(refusal_of("many_settings"), ": 'many-settings' declares 10000 settings, at most 200 are allowed");
}

TEST(PluginFile, HasRangesThatHoldTheirDefaults) {
  EXPECT_TRUE(says(refusal_of("odd_range"), ": scorer 'odd-range': setting 'rank' allows '9..1', which is no range",
                   {"expected for instance 1.. or 0..1"}));
  EXPECT_TRUE(says(refusal_of("default_out_of_range"), ": a default is not among the values that its setting allows",
                   {"setting 'rank' of scorer 'default-out-of-range' is 0, expected an integer of at least 1 (what)"}));
}

TEST(PluginFile, NamesValuesThatDependOnBatchesAndCanBe) {
  EXPECT_TRUE(says(refusal_of("odd_file_order"),
                   ": scorer 'odd-file-order': setting 'squares' makes the answer depend on the batches where it is "
                   "'per-bach', which it cannot be",
                   {"expected of in_file_order_if some of per-sample, per-batch"}));
}

TEST(PluginFile, TheRoleMustBeKnown) {
  EXPECT_TRUE(says(refusal_of("other_role"), ": unknown plugin role 'scorrer'", {"did you mean 'scorer'?"}));
  EXPECT_EQ(refusal_of("no_role"), ": its plugin card leaves role, name, version or summary out");
}

TEST(PluginFile, TheNameMustBeInKebabCase) {
  EXPECT_TRUE(
      says(refusal_of("bad_name"), ": plugin name 'Bad_Name' is not in kebab-case", {"for instance gate-gradient"}));
}

TEST(PluginFile, AScorerThatReadsDataHasASplit) {
  EXPECT_TRUE(says(refusal_of("no_split"), ": scorer 'no-split' reads data but declares no setting 'split'",
                   {"espalier::Setting{\"split\""}));
}

TEST(PluginFile, SettingsMakeSense) {
  EXPECT_EQ(refusal_of("setting_without_doc"),
            ": setting 1 of 'setting-without-doc' lacks its name, type, default or documentation");
  EXPECT_EQ(refusal_of("settings_missing"),
            ": setting 1 of 'settings-missing' lacks its name, type, default or documentation");
  EXPECT_EQ(refusal_of("same_setting_twice"), ": 'same-setting-twice' declares setting 'depth' twice");
  EXPECT_TRUE(says(refusal_of("default_not_allowed"), ": a default is not among the values that its setting allows",
                   {"unknown value of setting 'norm' of scorer 'default-not-allowed': '3'", "known: 1, 2"}));
}

TEST(PluginFile, MustBeConstructible) {
  EXPECT_EQ(refusal_of("no_create"), ": 'no-create' cannot be constructed: its card has no create");
}

TEST(PluginFile, AMissingSymbolIsNamedAsInTheSource) {
  EXPECT_TRUE(says(refusal_of("missing_symbol"),
                   ": cannot be opened: symbol 'salience::weight_of(int)' is used and defined nowhere"));
}

}  // namespace
}  // namespace espalier::test
