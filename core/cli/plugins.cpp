#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "output.h"
#include "runner/plugin_descriptions.h"
#include "words/names.h"

namespace espalier::cli {
namespace {

// What a searcher asks of a grid.
std::string demands(const PluginDescription& searcher) {
  std::string text = searcher.has(needs_scores) ? "needs a scorer" : "takes no scorer";
  if (const auto budgets = searcher.budgets(); !budgets.empty()) text += "; budgets " + join(budgets);
  return text;
}

std::string as_text(const PluginDescription& plugin) {
  std::string text = fmt::format("{} {}  {}\n    {}\n", plugin.role, plugin.name, plugin.version, plugin.summary);
  if (plugin.role == "searcher") text += "    " + demands(plugin) + "\n";
  if (plugin.has(heads_only)) text += "    granularity head\n";
  std::size_t widest = 0;
  for (const auto& setting : plugin.settings) widest = std::max(widest, setting.name.size());
  for (const auto& setting : plugin.settings) {
    text +=
        fmt::format("    {:<{}} = {}  {}", setting.name, widest, to_json(setting.default_value).dump(), setting.doc);
    if (!setting.choices.empty()) text += fmt::format(" ({})", join(setting.choices));
    if (setting.range) text += fmt::format(" ({})", setting.range->in_words());
    text += "\n";
  }
  return text;
}

// A file that was found in a folder is only left out; one that the user names should have worked.
bool was_named(const std::string& file, const std::vector<std::string>& paths) {
  return std::any_of(paths.begin(), paths.end(), [&](const std::string& path) {
    std::error_code different;
    return std::filesystem::is_regular_file(path, different) && std::filesystem::equivalent(path, file, different);
  });
}

}  // namespace

ExitCode plugins(const PluginsArguments& arguments) {
  auto described = runner::describe_plugins(arguments.plugins);
  std::sort(described.plugins.begin(), described.plugins.end(),
            [](const auto& a, const auto& b) { return std::tie(a.role, a.name) < std::tie(b.role, b.name); });
  if (arguments.json) {
    nlohmann::json document{{"plugins", nlohmann::json::array()}, {"refused", nlohmann::json::array()}};
    for (const auto& plugin : described.plugins) document["plugins"].push_back(to_json(plugin));
    for (const auto& refused : described.refused) {
      document["refused"].push_back({{"file", refused.file}, {"message", refused.message}});
    }
    print_json(document);
  } else {
    for (const auto& plugin : described.plugins) print(as_text(plugin));
    if (described.plugins.empty()) print("no plugins\n");
  }
  auto exit_code = ExitCode::Done;
  for (const auto& refused : described.refused) {
    if (!arguments.json) say("left out: " + refused.message);
    if (was_named(refused.file, arguments.plugins)) exit_code = ExitCode::Plugin;
  }
  return exit_code;
}

}  // namespace espalier::cli
