// The checks between a file name and a plugin that may be called; the order is part of the contract (core/loader).
#include "loader/plugin_catalog.h"

#include <cxxabi.h>
#include <espalier/error.h>

#include <algorithm>
#include <boost/dll/runtime_symbol_info.hpp>
#include <boost/dll/shared_library.hpp>
#include <cstdlib>
#include <cstring>
#include <list>
#include <map>
#include <regex>

#include "abi_tag.h"
#include "loader/at_work.h"
#include "words/digest.h"
#include "words/names.h"
#include "words/plugin_files.h"
#include "words/printable.h"

namespace espalier::loader {
namespace {

namespace fs = std::filesystem;
namespace dll = boost::dll;

constexpr const char* card_symbol = "espalier_plugin_card";
constexpr const char* rebuild =
    "\n    rebuild it against this SDK: cmake -S . -B build -DEspalier_DIR=PREFIX/lib/cmake/Espalier";

// Libraries are opened once and held for ever, in a list that is deliberately never destroyed: virtual tables,
// exceptions and tensor deleters that live in a plugin may be used until the process ends.
std::list<dll::shared_library>& libraries() {
  static auto* opened = new std::list<dll::shared_library>();
  return *opened;
}

// "espalier_abi_1_torch_2_13_0_cxx11abi_1_std_20" as parts that people know.
std::map<std::string, std::string> parts_of_tag(const std::string& tag) {
  static const std::regex pattern("espalier_abi_(\\d+)_torch_(\\d+)_(\\d+)_(\\d+)_cxx11abi_(\\d+)_std_(\\d+)");
  std::smatch found;
  if (!std::regex_match(tag, found, pattern)) return {{"tag", tag}};
  return {{"SDK ABI", found[1]},
          {"LibTorch", found[2].str() + "." + found[3].str() + "." + found[4].str()},
          {"C++11 string ABI", found[5]},
          {"C++ standard", found[6]}};
}

// Every part in which two descriptions differ, both sides named.
std::string differences(const std::map<std::string, std::string>& plugin,
                        const std::map<std::string, std::string>& host) {
  std::string text;
  for (const auto& [name, expected] : host) {
    const auto found = plugin.find(name);
    const auto value = found == plugin.end() ? std::string("unknown") : found->second;
    if (value != expected) text += "\n    " + name + ": plugin " + value + ", this program " + expected;
  }
  return text;
}

// Every part in which a plugin was built otherwise than this program.
void check_build(const fs::path& file, const std::map<std::string, std::string>& plugin) {
  const auto other = differences(plugin, parts_of(ESPALIER_BUILD));
  if (!other.empty())
    throw PluginError(file.string() + ": was built in another way and cannot be loaded" + other + rebuild);
}

// Step one: before the file is opened, so that none of its code has run.
void check_tag(const fs::path& file) {
  const auto tags = abi_tags(file);
  const std::string expected = ESPALIER_TEXT(ESPALIER_ABI_TAG);
  if (tags.size() == 1 && tags[0] == expected) {
    const auto identity = identity_of(file);
    if (!identity.empty()) check_build(file, identity);
    return;
  }
  if (tags.empty()) {
    throw PluginError(file.string() +
                      ": is no Espalier plugin: it carries no ABI tag\n    the plugin's source ends with "
                      "ESPALIER_SCORER(...), ESPALIER_SEARCHER(...) or ESPALIER_RECOVERY(...)");
  }
  if (tags.size() > 1) {
    throw PluginError(file.string() + ": carries " + std::to_string(tags.size()) +
                      " ABI tags\n    a file holds one plugin");
  }
  throw PluginError(file.string() + ": was built for another Espalier or LibTorch and cannot be loaded" +
                    differences(parts_of_tag(tags[0]), parts_of_tag(expected)) + rebuild);
}

// The loader's sentence, with a symbol's name as it stands in the source.
std::string readable(const std::string& sentence) {
  static const std::regex undefined("undefined symbol: ([A-Za-z0-9_$.]+)");
  std::smatch found;
  if (!std::regex_search(sentence, found, undefined)) return sentence;
  int status = 0;
  char* name = abi::__cxa_demangle(found[1].str().c_str(), nullptr, nullptr, &status);
  const std::string shown = status == 0 ? name : found[1].str();
  std::free(name);
  return "symbol '" + shown +
         "' is used and defined nowhere\n    link the library that defines it, or build with "
         "espalier_add_plugin, which refuses such a plugin when it is linked";
}

const dll::shared_library& open(const fs::path& file) {
  constexpr int keep_for_ever = 0x1000;  // RTLD_NODELETE
  const auto mode = static_cast<dll::load_mode::type>(static_cast<int>(dll::load_mode::rtld_now) | keep_for_ever);
  try {
    return libraries().emplace_back(fs::absolute(file), mode);
  } catch (const std::exception& error) {
    throw PluginError(file.string() + ": cannot be opened: " + readable(error.what()));
  }
}

// Step two: the card, read as plain data until it matches.
const PluginCard& read_card(const fs::path& file, const dll::shared_library& library) {
  if (!library.has(card_symbol))
    throw PluginError(file.string() + ": carries an ABI tag but no plugin card" + std::string(rebuild));
  const auto& card = library.get<const PluginCard>(card_symbol);
  // dlsym also searches what a library depends on.
  std::error_code ignored;
  if (!fs::equivalent(dll::symbol_location_ptr(static_cast<const void*>(&card)), fs::absolute(file), ignored)) {
    throw PluginError(file.string() + ": has no plugin card of its own; one was found in a library it links");
  }
  if (card.abi != ESPALIER_ABI || card.size != sizeof(PluginCard)) {
    throw PluginError(file.string() + ": its plugin card does not fit\n    found SDK ABI " + std::to_string(card.abi) +
                      ", card of " + std::to_string(card.size) + " bytes; this program has SDK ABI " +
                      std::to_string(ESPALIER_ABI) + ", card of " + std::to_string(sizeof(PluginCard)) + " bytes" +
                      rebuild);
  }
  check_build(file, parts_of(card.build == nullptr ? "" : card.build));
  return card;
}

SettingValue default_of(const Setting& setting) {
  switch (setting.type) {
    case Setting::Type::Bool: return setting.integer != 0;
    case Setting::Type::Integer: return setting.integer;
    case Setting::Type::Real: return setting.real;
    default: return std::string(setting.text);
  }
}

std::vector<std::string> split_at_bars(const std::string& text) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; !text.empty() && begin <= text.size();) {
    const auto end = std::min(text.find('|', begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

constexpr std::size_t longest_name = 64, longest_line = 300, most_settings = 200, most_choices = 100;

// One line that can be printed, and is not too long.
bool is_line(const char* text, std::size_t most_bytes = longest_line) {
  const std::string_view line(text, ::strnlen(text, most_bytes + 1));
  return line.size() <= most_bytes && is_printable_line(line);
}

// Of a setting: what the experiment file's own keys are called, and what else no TOML key or SQL column should be.
bool is_setting_name(const char* text) {
  static const std::regex snake_case("[a-z][a-z0-9_]*");
  return is_line(text, longest_name) && std::regex_match(text, snake_case);
}

void check_setting(const std::string& of, const Setting& setting) {
  static const std::vector<std::string> reserved = {"plugin", "name"};
  if (!is_setting_name(setting.name)) {
    throw PluginError(of + "declares a setting called '" + printable_line(setting.name) +
                      "'\n    expected lower-case letters, digits and '_', at most 64, for instance learning_rate");
  }
  if (std::find(reserved.begin(), reserved.end(), setting.name) != reserved.end()) {
    throw PluginError(of + "declares a setting called '" + setting.name +
                      "', which is a word of the experiment file itself\n    give it another name");
  }
  for (const char* text : {setting.doc, setting.text, setting.choices, setting.in_file_order}) {
    if (is_line(text)) continue;
    throw PluginError(of + "the documentation, default or choices of setting '" + setting.name +
                      "' are no line that can be printed, of at most " + std::to_string(longest_line) + " bytes");
  }
}

// What is allowed: a range of numbers, or a list.
void describe_choices(const std::string& of, const Setting& setting, SettingDescription& described) {
  const std::string choices = setting.choices;
  const bool is_number = setting.type == Setting::Type::Integer || setting.type == Setting::Type::Real;
  if (is_number && choices.find("..") != std::string::npos) {
    described.range = range_from(choices);
    if (described.range) return;
    throw PluginError(of + "setting '" + setting.name + "' allows '" + choices +
                      "', which is no range\n    expected for instance 1.. or 0..1, or 0<.. for more than 0");
  }
  described.choices = split_at_bars(choices);
  const bool sound = described.choices.size() <= most_choices &&
                     std::none_of(described.choices.begin(), described.choices.end(),
                                  [](const std::string& choice) { return choice.empty(); });
  if (!sound) {
    throw PluginError(of + "setting '" + setting.name + "' allows '" + printable_line(choices) +
                      "'\n    expected at most 100 values with '|' between them");
  }
}

// Values with which the answer depends on the batches are values that the setting may have.
void describe_file_order(const std::string& of, const Setting& setting, SettingDescription& described) {
  described.in_file_order = split_at_bars(setting.in_file_order);
  const auto values =
      setting.type == Setting::Type::Bool ? std::vector<std::string>{"true", "false"} : described.choices;
  for (const auto& value : described.in_file_order) {
    if (!value.empty() && (values.empty() || std::find(values.begin(), values.end(), value) != values.end())) continue;
    throw PluginError(of + "setting '" + setting.name + "' makes the answer depend on the batches where it is '" +
                      printable_line(value) + "', which it cannot be\n    expected of in_file_order_if " +
                      (values.empty() ? std::string("values with '|' between them") : "some of " + join(values)));
  }
}

void describe_settings(const fs::path& file, const PluginCard& card, PluginDescription& plugin) {
  const auto of = file.string() + ": " + plugin.role + " '" + plugin.name + "': ";
  if (card.setting_count > most_settings) {
    throw PluginError(file.string() + ": '" + plugin.name + "' declares " + std::to_string(card.setting_count) +
                      " settings, at most " + std::to_string(most_settings) + " are allowed");
  }
  Settings defaults;
  for (std::uint32_t i = 0; i < card.setting_count; ++i) {
    const auto* setting = card.settings == nullptr ? nullptr : &card.settings[i];
    const bool whole = setting != nullptr && setting->type >= Setting::Type::Bool &&
                       setting->type <= Setting::Type::Text && setting->name != nullptr && *setting->name != '\0' &&
                       setting->text != nullptr && setting->doc != nullptr && *setting->doc != '\0' &&
                       setting->choices != nullptr && setting->in_file_order != nullptr;
    if (!whole) {
      throw PluginError(file.string() + ": setting " + std::to_string(i + 1) + " of '" + plugin.name +
                        "' lacks its name, type, default or documentation");
    }
    check_setting(of, *setting);
    if (defaults.has(setting->name)) {
      throw PluginError(file.string() + ": '" + plugin.name + "' declares setting '" + setting->name + "' twice");
    }
    SettingDescription described{setting->name, default_of(*setting), setting->doc, {}};
    describe_choices(of, *setting, described);
    describe_file_order(of, *setting, described);
    plugin.settings.push_back(std::move(described));
    defaults.set(setting->name, plugin.settings.back().default_value);
  }
  try {
    complete_settings(plugin, defaults);
  } catch (const SettingsError& error) {
    throw PluginError(file.string() + ": a default is not among the values that its setting allows\n    " +
                      error.what());
  }
}

void describe_traits(const fs::path& file, const PluginCard& card, PluginDescription& plugin) {
  if (const auto unknown = card.traits & ~known_traits(); unknown != 0) {
    throw PluginError(file.string() + ": " + plugin.role + " '" + plugin.name +
                      "' has traits that are not known (bits " + std::to_string(unknown) +
                      ")\n    expected a combination of espalier::PluginTraits");
  }
  plugin.traits = card.traits;
}

// Role, name, version and summary are those of a plugin that can be asked for, recorded and printed.
void check_words(const fs::path& file, const PluginCard& card) {
  for (const char* text : {card.role, card.name, card.version, card.summary}) {
    if (text == nullptr)
      throw PluginError(file.string() + ": its plugin card leaves role, name, version or summary out");
  }
  static const std::vector<std::string> roles = {"scorer", "searcher", "recovery"};
  if (!is_line(card.role, longest_name) || std::find(roles.begin(), roles.end(), card.role) == roles.end()) {
    throw PluginError(file.string() + ": " + unknown_name("plugin role", printable_line(card.role), roles));
  }
  static const std::regex kebab("[a-z0-9]+(-[a-z0-9]+)*");
  if (!is_line(card.name, longest_name) || !std::regex_match(card.name, kebab) ||
      std::string_view(card.name) == "none") {
    throw PluginError(file.string() + ": plugin name '" + printable_line(card.name) +
                      "' is not in kebab-case\n    expected lower-case words joined by '-', at most 64 letters, for "
                      "instance gate-gradient");
  }
  const std::string name = card.name;
  if (plugin_name_of(file) != name) {
    throw PluginError(file.string() + ": holds " + card.role + " '" + name +
                      "' under another name\n    call the file " + name +
                      ".so: a plugin's file is called like the plugin ('_' stands for '-')");
  }
  static const std::regex version("[0-9]+(\\.[0-9]+){0,3}([-+][0-9A-Za-z.+-]+)?");
  if (!is_line(card.version, longest_name) || !std::regex_match(card.version, version)) {
    throw PluginError(file.string() + ": version '" + printable_line(card.version) + "' of " + card.role + " '" + name +
                      "' is none\n    expected numbers with dots between, for instance 1.0.0 or 2.1-beta: results are "
                      "known by it, so raise it whenever what the plugin computes changes");
  }
  if (!is_line(card.summary)) {
    throw PluginError(file.string() + ": the summary of " + card.role + " '" + name +
                      "' is no line that can be printed, of at most " + std::to_string(longest_line) + " bytes");
  }
}

PluginDescription describe(const fs::path& file, const PluginCard& card) {
  check_words(file, card);
  PluginDescription plugin;
  plugin.file = file.string();
  plugin.role = card.role;
  plugin.name = card.name;
  plugin.version = card.version;
  plugin.summary = card.summary;
  describe_traits(file, card, plugin);
  describe_settings(file, card, plugin);
  const auto is_split = [](const SettingDescription& setting) { return setting.name == host::split; };
  if (plugin.has(needs_data) && std::none_of(plugin.settings.begin(), plugin.settings.end(), is_split)) {
    throw PluginError(file.string() + ": " + plugin.role + " '" + plugin.name +
                      "' reads data but declares no setting 'split'\n    add "
                      "espalier::Setting{\"split\", \"validation\", \"...\", \"train|validation\"}");
  }
  if (card.create == nullptr)
    throw PluginError(file.string() + ": '" + plugin.name + "' cannot be constructed: its card has no create");
  return plugin;
}

}  // namespace

Plugin load_plugin(const fs::path& file) {
  std::error_code absent;
  if (std::filesystem::is_directory(file, absent))
    throw PluginError(file.string() + ": is a folder, expected a plugin file");
  for (const auto& strange : plugin_files({file}).strange) throw PluginError(strange.message);
  check_tag(file);
  const AtWork loading("plugin file " + file.string(), "was being loaded");
  const auto& card = read_card(file, open(file));
  Plugin plugin;
  plugin.description = describe(file, card);
  plugin.file = file;
  plugin.file_digest = plugin.description.file_digest = sha256_of_file(file);
  plugin.card = &card;
  return plugin;
}

}  // namespace espalier::loader
