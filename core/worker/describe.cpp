// What plugins there are, as JSON: espalier keeps the answer, so that planning needs no plugin code.
#include <cstdio>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "input.h"

namespace espalier::worker {

ExitCode describe(const PluginPaths& plugins) {
  const auto catalog = open_catalog(plugins);
  nlohmann::json answer = {{"plugins", nlohmann::json::array()}, {"refused", nlohmann::json::array()}};
  for (const auto& plugin : catalog->plugins()) answer["plugins"].push_back(to_json(plugin.description));
  for (const auto& refusal : catalog->refusals()) {
    answer["refused"].push_back({{"file", refusal.file.string()}, {"message", refusal.message}});
  }
  std::puts(answer.dump(2).c_str());
  return ExitCode::Done;
}

}  // namespace espalier::worker
