#include "cells/attempt.h"

namespace espalier {
namespace {

using Json = nlohmann::json;

Json optional_json(const auto& value) { return value ? Json(*value) : Json(); }

}  // namespace

nlohmann::json to_json(const Timing& timing) {
  Json json = {{"seconds", numbers_json(timing.seconds)}, {"cached", Json(timing.cached)}};
  if (timing.steps_read > 0) json["cached"]["steps"] = timing.steps_read;
  for (const auto& step : timing.recovery) {
    auto trainings = Json::array();
    for (const auto& training : step) trainings.push_back(to_json(training));
    json["recovery"].push_back(std::move(trainings));
  }
  if (timing.peak_memory_bytes) json["peak_memory_bytes"] = *timing.peak_memory_bytes;
  if (timing.peak_device_bytes) json["peak_device_bytes"] = *timing.peak_device_bytes;
  if (timing.memory_shortages > 0) json["memory_shortages"] = timing.memory_shortages;
  return json;
}

Timing timing_from_json(const nlohmann::json& json) {
  Timing timing;
  timing.seconds = numbers_from(json.at("seconds"));
  for (const auto& [stage, cached] : json.at("cached").items()) {
    if (stage == "steps")
      timing.steps_read = cached;
    else
      timing.cached[stage] = cached;
  }
  for (const auto& step : json.value("recovery", Json::array())) {
    auto& trainings = timing.recovery.emplace_back();
    for (const auto& training : step) trainings.push_back(training_report_from_json(training));
  }
  if (const auto found = json.find("peak_memory_bytes"); found != json.end())
    timing.peak_memory_bytes = found->get<std::int64_t>();
  if (const auto found = json.find("peak_device_bytes"); found != json.end())
    timing.peak_device_bytes = found->get<std::int64_t>();
  timing.memory_shortages = json.value("memory_shortages", std::int64_t{0});
  return timing;
}

nlohmann::json to_json(const Attempt& attempt) {
  Json json = {{"number", attempt.number},
               {"worker", attempt.worker},
               {"outcome", to_string(attempt.outcome)},
               {"started", optional_json(attempt.started)},
               {"ended", optional_json(attempt.ended)},
               {"seconds", optional_json(attempt.seconds)},
               {"message", attempt.message},
               {"timing", attempt.timing ? to_json(*attempt.timing) : Json()},
               {"environment", attempt.environment},
               {"points", Json::array()},
               {"artifacts", Json::array()},
               {"plugins", Json::array()}};
  for (const auto& point : attempt.points) json["points"].push_back(to_json(point));
  for (const auto& artifact : attempt.artifacts)
    json["artifacts"].push_back({{"kind", artifact.kind}, {"digest", artifact.digest}, {"path", artifact.path}});
  for (const auto& plugin : attempt.plugins) {
    json["plugins"].push_back({{"role", plugin.role},
                               {"name", plugin.name},
                               {"version", plugin.version},
                               {"file_digest", plugin.file_digest}});
  }
  // Not known of attempts of earlier versions.
  if (attempt.reason) json["reason"] = to_string(*attempt.reason);
  if (!attempt.device.empty()) json["device"] = attempt.device;
  if (attempt.batch_halvings > 0) json["batch_halvings"] = attempt.batch_halvings;
  if (attempt.peak_memory_bytes) json["peak_memory_bytes"] = *attempt.peak_memory_bytes;
  for (const auto& [name, form] : attempt.other_forms) json[name] = form;
  return json;
}

}  // namespace espalier
