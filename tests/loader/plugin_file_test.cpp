// Every step between a file and a plugin that may be called refuses in its own words.
#include <gtest/gtest.h>

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
  EXPECT_FALSE(plugin.description.needs_data);
  EXPECT_EQ(plugin.description.file, plugin_file("steady").string());
  EXPECT_EQ(plugin.file_digest, sha256_of_file(plugin_file("steady")));
  ASSERT_EQ(plugin.description.settings.size(), 1u);
  EXPECT_EQ(plugin.description.settings[0].name, "step");
  EXPECT_EQ(plugin.description.settings[0].default_value, SettingValue(std::int64_t{1}));
  EXPECT_EQ(plugin.description.settings[0].choices, (std::vector<std::string>{"1", "2"}));
}

TEST(PluginFile, MustExist) {
  EXPECT_EQ(refusal_of_file("/nowhere/salience.so"), "/nowhere/salience.so: no such plugin file");
  EXPECT_TRUE(
      says(refusal_of_file(fs::temp_directory_path()), fs::temp_directory_path().string() + ": no such plugin file"));
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
