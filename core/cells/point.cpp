#include "cells/point.h"

#include <cmath>
#include <limits>
#include <numeric>
#include <set>
#include <string_view>
#include <type_traits>

#include "words/digest.h"

namespace espalier {
namespace {

using Json = nlohmann::json;

// A field that a database keeps, as JSON: what is absent is null.
Json field_json(std::int64_t value) { return value; }
Json field_json(double value) { return number_json(value); }
Json field_json(const std::string& text) { return text.empty() ? Json() : Json(text); }
Json field_json(const std::optional<std::int64_t>& value) { return value ? Json(*value) : Json(); }
Json field_json(const std::optional<double>& value) { return value ? number_json(*value) : Json(); }
Json field_json(const std::optional<bool>& value) { return value ? Json(*value ? 1 : 0) : Json(); }

void read_field(const Json& json, std::int64_t& value) { value = json.get<std::int64_t>(); }
void read_field(const Json& json, double& value) { value = number_from(json); }
void read_field(const Json& json, std::string& text) {
  text = json.is_null() ? std::string() : json.get<std::string>();
}
template <typename T>
void read_field(const Json& json, std::optional<T>& value) {
  if (!json.is_null()) value = json.get<T>();
}
void read_field(const Json& json, std::optional<bool>& value) {
  if (!json.is_null()) value = json.is_boolean() ? json.get<bool>() : json.get<std::int64_t>() != 0;
}

// Whole numbers as such: a list of heads reads better without ".0".
Json short_number(double value) {
  if (std::isfinite(value) && value == std::floor(value) && std::abs(value) < 1e15)
    return static_cast<std::int64_t>(value);
  return number_json(value);
}

// What the details of early points did not say yet.
template <typename Left, typename Visit>
void each_later_field(Left& left, const Visit& visit) {
  visit("heads_dense", left.heads_dense);
  visit("head_dim", left.head_dim);
  visit("qk", left.qk);
  visit("vo", left.vo);
  visit("flops_dense", left.flops_dense);
  visit("flops", left.flops);
  visit("parameters_dense", left.parameters_dense);
  visit("parameters", left.parameters);
}

Json to_json(const SiteLeft& left) {
  Json json = {{"site", left.site}, {"heads", left.heads}};
  each_later_field(left, [&](const char* name, const auto& value) {
    if (value) json[name] = *value;
  });
  return json;
}

SiteLeft site_left_from(const Json& json) {
  SiteLeft left{json.at("site"), json.at("heads")};
  each_later_field(left, [&](const char* name, auto& value) {
    using Value = typename std::remove_cvref_t<decltype(value)>::value_type;
    if (const auto found = json.find(name); found != json.end()) value = found->template get<Value>();
  });
  return left;
}

Json to_json(const SearchRecord& search) {
  auto json = Json::object();
  for (const auto& [name, note] : search.notes) {
    json["notes"][name] =
        std::holds_alternative<double>(note) ? short_number(std::get<double>(note)) : Json(std::get<std::string>(note));
  }
  for (const auto& step : search.trajectory) {
    auto entry = Json::object();
    for (const auto& [name, value] : step) entry[name] = short_number(value);
    json["trajectory"].push_back(std::move(entry));
  }
  if (search.left_out_steps > 0) json["left_out_steps"] = search.left_out_steps;
  if (search.work) {
    json.update({{"evaluations", search.work->evaluations},
                 {"computed", search.work->computed},
                 {"known", search.work->known},
                 {"stopped", search.work->stopped},
                 {"examples", search.work->examples},
                 {"examples_asked", search.work->examples_asked},
                 {"seconds", number_json(search.work->seconds)}});
  }
  for (const auto& training : search.trainings) json["trainings"].push_back(to_json(training));
  return json;
}

SearchRecord search_from(const Json& json) {
  SearchRecord search;
  const auto notes = json.value("notes", Json::object());
  for (const auto& [name, note] : notes.items()) {
    if (note.is_string())
      search.notes[name] = note.get<std::string>();
    else
      search.notes[name] = number_from(note);
  }
  for (const auto& step : json.value("trajectory", Json::array())) search.trajectory.push_back(numbers_from(step));
  search.left_out_steps = json.value("left_out_steps", std::int64_t{0});
  if (json.contains("evaluations")) {
    search.work = EvaluationWork{json.at("evaluations"),
                                 json.at("computed"),
                                 json.at("known"),
                                 json.at("stopped"),
                                 json.at("examples"),
                                 json.at("examples_asked"),
                                 number_from(json.at("seconds"))};
  }
  for (const auto& training : json.value("trainings", Json::array()))
    search.trainings.push_back(training_report_from_json(training));
  return search;
}

// Of a latency: what was not measured at first, and is left out where it was not.
bool is_later_field(std::string_view name) {
  static const std::set<std::string_view> later = {"dense_joules",     "pruned_joules",     "energy_source",
                                                   "dense_peak_bytes", "pruned_peak_bytes", "outliers"};
  return later.contains(name);
}

Latency latency_from(const Json& json) {
  if (json.is_array()) {
    Latency latency{json.at(0), json.at(1), json.at(2), json.at(3), json.at(7), json.at(4), json.at(5), json.at(6)};
    latency.threads = json.at(8).get<std::int64_t>();
    latency.device = json.at(9);
    return latency;
  }
  Latency latency;
  each_field(latency, [&](const char* name, auto& value) {
    if (json.contains(name) || !is_later_field(name)) read_field(json.at(name), value);
  });
  return latency;
}

// A member that may be a text that holds JSON; null where there is none.
Json unfolded(const Json& json, const char* name) {
  const auto found = json.find(name);
  if (found == json.end()) return {};
  if (!found->is_string()) return *found;
  const auto text = found->get<std::string>();
  return text.empty() ? Json() : Json::parse(text);
}

}  // namespace

std::string Latency::verdict() const {
  if (!std::isfinite(ratio_low) || !std::isfinite(ratio_high)) return {};
  if (ratio_high < 1 - least_difference) return "faster";
  if (ratio_low > 1 + least_difference) return "slower";
  return ratio_low >= 1 - most_of_the_same && ratio_high <= 1 + most_of_the_same ? "same" : "undecided";
}

bool SearchRecord::empty() const {
  return notes.empty() && trajectory.empty() && left_out_steps == 0 && !work && trainings.empty();
}

std::optional<std::int64_t> Point::heads_kept() const {
  if (!details || details->sites.empty()) return std::nullopt;
  return std::accumulate(details->sites.begin(), details->sites.end(), std::int64_t{0},
                         [](std::int64_t heads, const SiteLeft& site) { return heads + site.heads; });
}

std::optional<std::int64_t> Point::evaluations() const {
  if (!details || !details->search || !details->search->work) return std::nullopt;
  return details->search->work->evaluations;
}

nlohmann::json number_json(double value) { return std::isfinite(value) ? nlohmann::json(value) : nlohmann::json(); }

double number_from(const nlohmann::json& json) {
  return json.is_null() ? std::numeric_limits<double>::quiet_NaN() : json.get<double>();
}

nlohmann::json numbers_json(const std::map<std::string, double>& values) {
  auto json = nlohmann::json::object();
  for (const auto& [name, value] : values) json[name] = number_json(value);
  return json;
}

std::map<std::string, double> numbers_from(const nlohmann::json& json) {
  std::map<std::string, double> values;
  for (const auto& [name, value] : json.items()) values[name] = number_from(value);
  return values;
}

std::string json_text(const nlohmann::json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

nlohmann::json to_json(const TrainingReport& report) {
  auto epochs = nlohmann::json::array();
  for (const auto& epoch : report.epochs) {
    epochs.push_back({{"epoch", epoch.epoch},
                      {"training_loss", number_json(epoch.training_loss)},
                      {"validation", numbers_json(epoch.validation)}});
  }
  nlohmann::json json = {{"epochs", epochs},
                         {"best_epoch", report.best_epoch},
                         {"steps", report.steps},
                         {"seconds", number_json(report.seconds)}};
  if (!report.divergence.empty()) json["divergence"] = report.divergence;
  return json;
}

nlohmann::json to_json(const Latency& latency) {
  Json json;
  each_field(latency, [&](const char* name, const auto& value) {
    if (auto field = field_json(value); !field.is_null() || !is_later_field(name)) json[name] = std::move(field);
  });
  json["verdict"] = field_json(latency.verdict());
  return json;
}

nlohmann::json to_json(const PointDetails& details) {
  auto sites = Json::array();
  for (const auto& site : details.sites) sites.push_back(to_json(site));
  Json json = {{"sites", sites}};
  if (details.operations) {
    json["operations"] = {{"tokens", details.operations->tokens},
                          {"flops_dense", details.operations->flops_dense},
                          {"flops", details.operations->flops},
                          {"macs_dense", details.operations->macs_dense},
                          {"macs", details.operations->macs}};
  }
  if (details.search) json["search"] = to_json(*details.search);
  return json;
}

nlohmann::json to_json(const Proof& proof) {
  auto sites = Json::array();
  for (const auto& site : proof.sites) {
    sites.push_back({{"site", site.site},
                     {"difference_from_dense", number_json(site.difference_from_dense)},
                     {"difference_from_zeroed", number_json(site.difference_from_zeroed)},
                     {"answered", site.answered}});
  }
  return {{"passed", proof.passed},
          {"examples", proof.examples},
          {"largest_difference", number_json(proof.largest_difference)},
          {"spread", number_json(proof.spread)},
          {"tolerance", number_json(proof.tolerance)},
          {"failure", proof.failure},
          {"sites", sites}};
}

nlohmann::json to_json(const Point& point) {
  Json json;
  each_field(point, [&](const char* name, const auto& value) { json[name] = field_json(value); });
  json["metrics"] = numbers_json(point.metrics);
  json["proof"] = point.proof ? to_json(*point.proof) : Json();
  json["details"] = point.details ? to_json(*point.details) : Json();
  json["latency"] = Json::array();
  for (const auto& latency : point.latency) json["latency"].push_back(to_json(latency));
  if (!point.predictions.empty()) json["predictions"] = point.predictions;
  if (!point.example_numbers.empty()) json["example_numbers"] = point.example_numbers;
  for (const auto& [name, form] : point.other_forms) json[name] = form;
  return json;
}

TrainingReport training_report_from_json(const nlohmann::json& json) {
  TrainingReport report;
  for (const auto& entry : json.at("epochs")) {
    report.epochs.push_back(
        {entry.at("epoch"), number_from(entry.at("training_loss")), numbers_from(entry.at("validation"))});
  }
  report.best_epoch = json.at("best_epoch");
  report.steps = json.at("steps");
  report.seconds = number_from(json.at("seconds"));
  report.divergence = json.value("divergence", std::string());
  return report;
}

PointDetails point_details_from_json(const nlohmann::json& json) {
  PointDetails details;
  for (const auto& site : json.at("sites")) details.sites.push_back(site_left_from(site));
  if (const auto found = json.find("operations"); found != json.end()) {
    details.operations = OperationsLeft{found->at("tokens"), found->at("flops_dense"), found->at("flops"),
                                        found->at("macs_dense"), found->at("macs")};
  }
  if (const auto found = json.find("search"); found != json.end()) details.search = search_from(*found);
  return details;
}

Proof proof_from_json(const nlohmann::json& json) {
  Proof proof;
  proof.passed = json.at("passed");
  proof.examples = json.at("examples");
  proof.largest_difference = number_from(json.at("largest_difference"));
  proof.spread = number_from(json.at("spread"));
  proof.tolerance = number_from(json.at("tolerance"));
  proof.failure = json.at("failure");
  for (const auto& site : json.at("sites")) {
    proof.sites.push_back({site.at("site"), number_from(site.at("difference_from_dense")),
                           number_from(site.at("difference_from_zeroed")), site.at("answered")});
  }
  return proof;
}

Point point_from_json(const nlohmann::json& json) {
  Point point;
  point.predictions = json.value("predictions", std::string());
  if (const auto found = json.find("example_numbers"); found != json.end()) found->get_to(point.example_numbers);
  // What the earlier form leaves out.
  static const std::set<std::string_view> may_be_absent = {"requested_sparsity", "proof_passed", "predictions_digest"};
  each_field(point, [&](const char* name, auto& value) {
    if (json.contains(name) || !may_be_absent.contains(name)) read_field(json.at(name), value);
  });
  if (point.predictions_digest.empty()) point.predictions_digest = sha256_hex(point.predictions);
  point.metrics = numbers_from(json.at("metrics"));
  if (const auto proof = unfolded(json, "proof"); !proof.is_null()) point.proof = proof_from_json(proof);
  if (const auto details = unfolded(json, "details"); !details.is_null())
    point.details = point_details_from_json(details);
  for (const auto& latency : json.value("latency", Json::array())) point.latency.push_back(latency_from(latency));
  return point;
}

}  // namespace espalier
