// One measured state on a cell's way, as the engine measures it, the cache keeps it, the database records it and pages
// show it. What is not a number is written as null, and read back as none.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

namespace espalier {

// How a training went: of a base model, inside a search, or of a recovery.
struct EpochReport {
  std::int64_t epoch = 0;  // from 1
  double training_loss = 0;
  std::map<std::string, double> validation;  // metrics; empty without a validation split
};

struct TrainingReport {
  std::vector<EpochReport> epochs;
  std::int64_t best_epoch = 0;
  std::int64_t steps = 0;
  double seconds = 0;
  std::string divergence;  // where something stopped being a number, and what to do; empty: nothing did
};

// How long one forward pass takes, compacted against dense.
struct Latency {
  std::int64_t batch = 0;
  std::int64_t length = 0;         // tokens of each example; of sounds, those of the reference, or 1
  double dense_milliseconds = 0;   // the median
  double pruned_milliseconds = 0;  // the dense median times the ratio, so that both say the same
  std::int64_t repeats = 0;        // passes of each that were timed
  // Pruned over dense, from passes next to each other, and its 99 % interval.
  double ratio = 1, ratio_low = 1, ratio_high = 1;
  std::optional<std::int64_t> threads = {};
  std::string device = {};
  // Of one pass, each measured apart from the times; none where they cannot be had.
  std::optional<double> dense_joules = {}, pruned_joules = {};
  std::string energy_source = {};  // what counted the energy; empty: nothing here does
  std::optional<std::int64_t> dense_peak_bytes = {}, pruned_peak_bytes = {};
  std::optional<std::int64_t> outliers =
      {};  // of the ratios: outside of Tukey's fences, and in the interval all the same

  // Two copies of one model may well differ by so much, by where their weights lie in memory; and what is called the same
  // differs by no more than this.
  static constexpr double least_difference = 0.01, most_of_the_same = 0.03;
  // "faster" or "slower" where the whole interval lies beyond the least difference on one side, "same" where all of it is
  // within what is called the same, else "undecided": the times spread too much. Empty without an interval.
  std::string verdict() const;
};

// What is kept of one site's heads and channels, after closure.
struct SiteLeft {
  std::string site;
  std::int64_t heads = 0;  // of which anything is left
  std::optional<std::int64_t> heads_dense = {}, head_dim = {};
  std::optional<std::vector<std::int64_t>> qk = {}, vo = {};  // channels, head by head
  std::optional<std::int64_t> flops_dense = {}, flops = {};   // of a pruned point
  std::optional<std::int64_t> parameters_dense = {}, parameters = {};

  bool operator==(const SiteLeft&) const = default;
};

// Closed-form operations of one example of so many tokens, of the whole model, before and after.
struct OperationsLeft {
  std::int64_t tokens = 0;
  std::int64_t flops_dense = 0, flops = 0;
  std::int64_t macs_dense = 0, macs = 0;  // multiply-adds

  bool operator==(const OperationsLeft&) const = default;
};

// Masks that a search had evaluated.
struct EvaluationWork {
  std::int64_t evaluations = 0, computed = 0, known = 0, stopped = 0;
  std::int64_t examples = 0, examples_asked = 0;
  double seconds = 0;
};

// What a searcher said, and what its search took.
struct SearchRecord {
  std::map<std::string, std::variant<double, std::string>> notes;
  std::vector<std::map<std::string, double>> trajectory;
  std::int64_t left_out_steps = 0;     // of a trajectory that was too long
  std::optional<EvaluationWork> work;  // where masks were evaluated
  std::vector<TrainingReport> trainings;

  bool empty() const;
};

struct PointDetails {
  std::vector<SiteLeft> sites;
  std::optional<OperationsLeft> operations;
  std::optional<SearchRecord> search;
};

struct SiteProof {
  std::string site;
  double difference_from_dense = 0;   // largest, of the site's output under the mask, fed with the dense model's input
  double difference_from_zeroed = 0;  // compacted against zeroed weights
  bool answered = false;              // it changed (or what went contributes nothing), and both agree

  bool operator==(const SiteProof&) const = default;
};

// That a mask was applied, and that the smaller model computes the same.
struct Proof {
  bool passed = false;
  std::int64_t examples = 0;
  double largest_difference = 0;  // of logits, masked against compacted
  double spread = 0;              // standard deviation of the masked logits
  double tolerance = 0;
  std::vector<SiteProof> sites;  // those that the mask touches
  std::string failure;           // what failed first; empty when passed

  bool operator==(const Proof&) const = default;
};

struct Point {
  std::int64_t step = 0;
  std::string kind;  // dense, pruned, recovered, or diverged: by a training that broke off, which pruned or recovered
  std::optional<double> requested_sparsity;
  double achieved_sparsity = 0;          // removed share of the Q, K, V, O weights and Q, K, V biases, after closure
  std::int64_t parameters_dense = 0;     // of the attention sites, as the sparsity counts them
  std::int64_t parameters_masked = 0;    // what the mask itself switches off
  std::int64_t parameters_removed = 0;   // what compaction removes (closure)
  std::int64_t parameters_total = 0;     // of the whole model that is left
  std::int64_t multiply_adds_dense = 0;  // of the evaluation, computed the plain way on the dense model
  std::int64_t multiply_adds_done = 0;   // of the evaluation, as it was computed
  std::string mask_digest;               // empty for the dense point
  std::string split;                     // what the metrics were measured on
  std::int64_t examples = 0;
  std::map<std::string, double> metrics;
  std::optional<bool> proof_passed;  // absent: no proof was asked for
  std::optional<Proof> proof;
  std::string predictions;  // one outcome an example, '1' or '0'; empty where the database was asked
  std::string predictions_digest;
  // One number an example, in file order: `predicted` and `label` of a classification; `word_errors`, `words`,
  // `character_errors` and `characters` of a transcript. Empty where the database was asked.
  std::map<std::string, std::vector<std::int64_t>> example_numbers;
  std::optional<PointDetails> details;
  std::vector<Latency> latency;
  // Members of to_json that a database holds in another form: shown as they are, and used for nothing.
  std::map<std::string, nlohmann::json> other_forms;

  // What is left of the sites, and what finding it took; nullopt where the details do not say.
  std::optional<std::int64_t> heads_kept() const;
  std::optional<std::int64_t> evaluations() const;
};

// The columns that databases keep, each of which is a member of the JSON form as well: its name, and what it holds.
template <typename SomeLatency, typename Visit>
void each_field(SomeLatency& latency,
                Visit&& visit) requires std::is_same_v<std::remove_const_t<SomeLatency>, Latency> {
  visit("batch", latency.batch);
  visit("length", latency.length);
  visit("dense_milliseconds", latency.dense_milliseconds);
  visit("pruned_milliseconds", latency.pruned_milliseconds);
  visit("repeats", latency.repeats);
  visit("ratio", latency.ratio);
  visit("ratio_low", latency.ratio_low);
  visit("ratio_high", latency.ratio_high);
  visit("threads", latency.threads);
  visit("device", latency.device);
  visit("dense_joules", latency.dense_joules);
  visit("pruned_joules", latency.pruned_joules);
  visit("energy_source", latency.energy_source);
  visit("dense_peak_bytes", latency.dense_peak_bytes);
  visit("pruned_peak_bytes", latency.pruned_peak_bytes);
  visit("outliers", latency.outliers);
}
template <typename SomePoint, typename Visit>
void each_field(SomePoint& point, Visit&& visit) requires std::is_same_v<std::remove_const_t<SomePoint>, Point> {
  visit("step", point.step);
  visit("kind", point.kind);
  visit("requested_sparsity", point.requested_sparsity);
  visit("achieved_sparsity", point.achieved_sparsity);
  visit("parameters_dense", point.parameters_dense);
  visit("parameters_masked", point.parameters_masked);
  visit("parameters_removed", point.parameters_removed);
  visit("parameters_total", point.parameters_total);
  visit("multiply_adds_dense", point.multiply_adds_dense);
  visit("multiply_adds_done", point.multiply_adds_done);
  visit("mask_digest", point.mask_digest);
  visit("split", point.split);
  visit("examples", point.examples);
  visit("proof_passed", point.proof_passed);
  visit("predictions_digest", point.predictions_digest);
}

// Numbers as JSON has them: what is not finite is null, and null is read as no number.
nlohmann::json number_json(double value);
double number_from(const nlohmann::json& json);
nlohmann::json numbers_json(const std::map<std::string, double>& values);
std::map<std::string, double> numbers_from(const nlohmann::json& json);
// One line; bytes that are no UTF-8 are replaced.
std::string json_text(const nlohmann::json& json);

nlohmann::json to_json(const TrainingReport& report);
nlohmann::json to_json(const Latency& latency);
nlohmann::json to_json(const PointDetails& details);
nlohmann::json to_json(const Proof& proof);
nlohmann::json to_json(const Point& point);

// Each throws a JSON exception where the text is not what to_json wrote.
TrainingReport training_report_from_json(const nlohmann::json& json);
PointDetails point_details_from_json(const nlohmann::json& json);
Proof proof_from_json(const nlohmann::json& json);
// Also of the form that finished steps and known points had before: details and proof as texts that hold JSON, a latency
// as a list.
Point point_from_json(const nlohmann::json& json);

}  // namespace espalier
