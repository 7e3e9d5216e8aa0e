// What verdicts were asked with, kept beside them.
#include <espalier/error.h>

#include <nlohmann/json.hpp>

#include "published/verdicts.h"

namespace espalier::published {

nlohmann::json as_json(const VerdictRequest& request) {
  return {{"models", request.models},
          {"datasets", request.datasets},
          {"tolerance", request.tolerance ? nlohmann::json(*request.tolerance) : nlohmann::json(nullptr)},
          {"distance", request.distance}};
}

VerdictRequest request_from_json(const nlohmann::json& document) {
  VerdictRequest request;
  try {
    request.models = document.at("models").get<std::map<std::string, std::string>>();
    request.datasets = document.at("datasets").get<std::map<std::string, std::string>>();
    if (!document.at("tolerance").is_null()) request.tolerance = document.at("tolerance").get<double>();
    request.distance = document.at("distance").get<double>();
  } catch (const nlohmann::json::exception&) {
    throw InputError(
        "the member 'request' of the verdicts is not what 'espalier verify --json' writes\n    expected models, "
        "datasets, tolerance and distance");
  }
  return request;
}

}  // namespace espalier::published
