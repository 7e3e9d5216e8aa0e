#include "engine/point_json.h"

#include <limits>
#include <nlohmann/json.hpp>

namespace espalier::engine {
namespace {

using Json = nlohmann::json;

// What is not a number is written as null.
std::map<std::string, double> metrics_from(const Json& entry) {
  std::map<std::string, double> metrics;
  for (const auto& [name, value] : entry.items())
    metrics[name] = value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>();
  return metrics;
}

}  // namespace

nlohmann::json to_json(const Point& point) {
  Json entry = {{"step", point.step},
                {"kind", point.kind},
                {"achieved_sparsity", point.achieved_sparsity},
                {"parameters_dense", point.parameters_dense},
                {"parameters_masked", point.parameters_masked},
                {"parameters_removed", point.parameters_removed},
                {"parameters_total", point.parameters_total},
                {"multiply_adds_dense", point.multiply_adds_dense},
                {"multiply_adds_done", point.multiply_adds_done},
                {"mask_digest", point.mask_digest},
                {"split", point.split},
                {"examples", point.examples},
                {"metrics", point.metrics},
                {"proof", point.proof},
                {"predictions", point.predictions},
                {"details", point.details}};
  for (const auto& latency : point.latency) {
    entry["latency"].push_back({latency.batch, latency.length, latency.dense_milliseconds, latency.pruned_milliseconds,
                                latency.ratio, latency.ratio_low, latency.ratio_high, latency.repeats, latency.threads,
                                latency.device});
  }
  if (point.requested_sparsity) entry["requested_sparsity"] = *point.requested_sparsity;
  if (point.proof_passed) entry["proof_passed"] = *point.proof_passed;
  return entry;
}

Point point_from_json(const nlohmann::json& entry) {
  Point point;
  point.step = entry.at("step");
  point.kind = entry.at("kind");
  point.achieved_sparsity = entry.at("achieved_sparsity");
  point.parameters_dense = entry.at("parameters_dense");
  point.parameters_masked = entry.at("parameters_masked");
  point.parameters_removed = entry.at("parameters_removed");
  point.parameters_total = entry.at("parameters_total");
  point.multiply_adds_dense = entry.at("multiply_adds_dense");
  point.multiply_adds_done = entry.at("multiply_adds_done");
  point.mask_digest = entry.at("mask_digest");
  point.split = entry.at("split");
  point.examples = entry.at("examples");
  point.metrics = metrics_from(entry.at("metrics"));
  point.proof = entry.at("proof");
  point.predictions = entry.at("predictions");
  point.details = entry.at("details");
  for (const auto& l : entry.value("latency", Json::array()))
    point.latency.push_back({l.at(0), l.at(1), l.at(2), l.at(3), l.at(4), l.at(5), l.at(6), l.at(7), l.at(8), l.at(9)});
  if (entry.contains("requested_sparsity")) point.requested_sparsity = entry.at("requested_sparsity").get<double>();
  if (entry.contains("proof_passed")) point.proof_passed = entry.at("proof_passed").get<bool>();
  return point;
}

}  // namespace espalier::engine
