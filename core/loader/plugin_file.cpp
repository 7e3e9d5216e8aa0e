// The checks between a file name and a plugin that may be called; the order is part of the contract (core/loader).
#include "loader/plugin_catalog.h"

#include <cxxabi.h>
#include <espalier/error.h>

#include <algorithm>
#include <boost/dll/runtime_symbol_info.hpp>
#include <boost/dll/shared_library.hpp>
#include <cstdlib>
#include <list>
#include <map>
#include <regex>

#include "abi_tag.h"
#include "words/digest.h"
#include "words/names.h"

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

// Step one: before the file is opened, so that none of its code has run.
void check_tag(const fs::path& file) {
  std::error_code failed;
  if (!fs::is_regular_file(file, failed)) throw PluginError(file.string() + ": no such plugin file");
  const auto tags = abi_tags(file);
  const std::string expected = ESPALIER_TEXT(ESPALIER_ABI_TAG);
  if (tags.size() == 1 && tags[0] == expected) return;
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

std::map<std::string, std::string> parts_of_build(const char* build) {
  std::map<std::string, std::string> parts;
  std::string text = build == nullptr ? "" : build;
  for (std::size_t begin = 0; begin < text.size();) {
    const auto end = std::min(text.find(';', begin), text.size());
    const auto part = text.substr(begin, end - begin);
    const auto equals = part.find('=');
    if (equals != std::string::npos) parts[part.substr(0, equals)] = part.substr(equals + 1);
    begin = end + 1;
  }
  return parts;
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
  const auto other = differences(parts_of_build(card.build), parts_of_build(ESPALIER_BUILD));
  if (!other.empty())
    throw PluginError(file.string() + ": was built in another way and cannot be loaded" + other + rebuild);
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

void describe_settings(const fs::path& file, const PluginCard& card, PluginDescription& plugin) {
  Settings defaults;
  for (std::uint32_t i = 0; i < card.setting_count; ++i) {
    const auto* setting = card.settings == nullptr ? nullptr : &card.settings[i];
    const bool whole = setting != nullptr && setting->type >= Setting::Type::Bool &&
                       setting->type <= Setting::Type::Text && setting->name != nullptr && *setting->name != '\0' &&
                       setting->text != nullptr && setting->doc != nullptr && setting->choices != nullptr;
    if (!whole) {
      throw PluginError(file.string() + ": setting " + std::to_string(i + 1) + " of '" + plugin.name +
                        "' lacks its name, type, default or documentation");
    }
    if (defaults.has(setting->name)) {
      throw PluginError(file.string() + ": '" + plugin.name + "' declares setting '" + setting->name + "' twice");
    }
    plugin.settings.push_back({setting->name, default_of(*setting), setting->doc, split_at_bars(setting->choices)});
    defaults.set(setting->name, plugin.settings.back().default_value);
  }
  try {
    complete_settings(plugin, defaults);
  } catch (const SettingsError& error) {
    throw PluginError(file.string() + ": a default is not among the values that its setting allows\n    " +
                      error.what());
  }
}

PluginDescription describe(const fs::path& file, const PluginCard& card) {
  for (const char* text : {card.role, card.name, card.version, card.summary}) {
    if (text == nullptr)
      throw PluginError(file.string() + ": its plugin card leaves role, name, version or summary out");
  }
  PluginDescription plugin;
  plugin.file = file.string();
  plugin.role = card.role;
  plugin.name = card.name;
  plugin.version = card.version;
  plugin.summary = card.summary;
  plugin.needs_data = (card.traits & needs_data) != 0;
  plugin.needs_scores = (card.traits & needs_scores) != 0;
  plugin.uses_randomness = (card.traits & uses_randomness) != 0;
  plugin.trains = (card.traits & trains) != 0;
  plugin.evaluates = (card.traits & evaluates) != 0;
  plugin.heads_only = (card.traits & heads_only) != 0;
  static const std::vector<std::pair<std::uint32_t, const char*>> budgets = {{budget_sparsity, "sparsity"},
                                                                             {budget_heads, "heads"},
                                                                             {budget_macs, "macs"},
                                                                             {budget_latency, "latency"},
                                                                             {budget_loss, "loss_of_metric"}};
  for (const auto& [trait, name] : budgets) {
    if ((card.traits & trait) != 0) plugin.budgets.emplace_back(name);
  }
  static const std::vector<std::string> roles = {"scorer", "searcher", "recovery"};
  if (std::find(roles.begin(), roles.end(), plugin.role) == roles.end()) {
    throw PluginError(file.string() + ": " + unknown_name("plugin role", plugin.role, roles));
  }
  static const std::regex kebab("[a-z0-9]+(-[a-z0-9]+)*");
  if (!std::regex_match(plugin.name, kebab) || plugin.name == "none") {
    throw PluginError(file.string() + ": plugin name '" + plugin.name +
                      "' is not in kebab-case\n    expected lower-case words "
                      "joined by '-', for instance gate-gradient");
  }
  describe_settings(file, card, plugin);
  const auto is_split = [](const SettingDescription& setting) { return setting.name == "split"; };
  if (plugin.needs_data &&
      std::none_of(plugin.settings.begin(), plugin.settings.end(), is_split)) {
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
  check_tag(file);
  const auto& card = read_card(file, open(file));
  Plugin plugin;
  plugin.description = describe(file, card);
  plugin.traits = card.traits;
  plugin.file = file;
  plugin.file_digest = sha256_of_file(file);
  plugin.card = &card;
  return plugin;
}

}  // namespace espalier::loader
