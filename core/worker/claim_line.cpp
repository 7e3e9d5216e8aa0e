// A claim as the parent hands it to its child.
#include <nlohmann/json.hpp>

#include "cell_process.h"

namespace espalier::worker {

std::string line_of(const store::Claim& claim) {
  return nlohmann::json{{"cell_id", claim.cell_id},
                        {"key", claim.key},
                        {"settings", claim.settings},
                        {"attempt", claim.attempt},
                        {"worker", claim.worker}}
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
  return claim;
}

}  // namespace espalier::worker
