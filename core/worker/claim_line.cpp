// What parent and child hand each other: a claim as a line, a finished attempt as bytes.
#include <nlohmann/json.hpp>

#include "cell_process.h"

namespace espalier::worker {

std::string line_of(const store::Claim& claim) {
  return nlohmann::json{{"cell_id", claim.cell_id},      {"key", claim.key},
                        {"settings", claim.settings},    {"attempt", claim.attempt},
                        {"worker", claim.worker},        {"batch_halvings", claim.batch_halvings},
                        {"companions", claim.companions}}
      .dump();
}

store::Claim claim_from(const std::string& line) {
  const auto json = nlohmann::json::parse(line);
  store::Claim claim;
  claim.cell_id = json.at("cell_id");
  claim.key = json.at("key");
  claim.settings = json.at("settings");
  claim.attempt = json.at("attempt");
  claim.worker = json.at("worker");
  claim.batch_halvings = json.at("batch_halvings");
  claim.companions = json.at("companions").get<std::vector<std::string>>();
  return claim;
}

std::string bytes_of(const Attempt& attempt) {
  auto points = nlohmann::json::array(), artifacts = nlohmann::json::array(), plugins = nlohmann::json::array();
  for (const auto& point : attempt.points) points.push_back(to_json(point));
  for (const auto& artifact : attempt.artifacts) artifacts.push_back({artifact.kind, artifact.digest, artifact.path});
  for (const auto& plugin : attempt.plugins)
    plugins.push_back({plugin.role, plugin.name, plugin.version, plugin.file_digest});
  const nlohmann::json json = {{"failed", attempt.outcome != Outcome::Done},
                               {"message", attempt.message},
                               {"reason", attempt.reason ? to_string(*attempt.reason) : ""},
                               {"seconds", attempt.seconds.value_or(0)},
                               {"timing", attempt.timing ? to_json(*attempt.timing) : nlohmann::json()},
                               {"points", std::move(points)},
                               {"artifacts", std::move(artifacts)},
                               {"plugins", std::move(plugins)}};
  std::string bytes;
  nlohmann::json::to_cbor(json, bytes);
  return bytes;
}

Attempt attempt_from(const std::string& bytes) {
  const auto json = nlohmann::json::from_cbor(bytes);
  Attempt attempt;
  attempt.outcome = json.at("failed").get<bool>() ? Outcome::Failed : Outcome::Done;
  attempt.message = json.at("message");
  attempt.reason = find_name<FailureReason>(json.at("reason").get<std::string>());
  attempt.seconds = json.at("seconds").get<double>();
  if (const auto& timing = json.at("timing"); !timing.is_null()) attempt.timing = timing_from_json(timing);
  for (const auto& point : json.at("points")) attempt.points.push_back(point_from_json(point));
  for (const auto& artifact : json.at("artifacts"))
    attempt.artifacts.push_back({artifact.at(0), artifact.at(1), artifact.at(2)});
  for (const auto& plugin : json.at("plugins"))
    attempt.plugins.push_back({plugin.at(0), plugin.at(1), plugin.at(2), plugin.at(3)});
  return attempt;
}

}  // namespace espalier::worker
