#include "mask_evaluator.h"

#include <ATen/TensorOperators.h>
#include <espalier/error.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <fcntl.h>
#include <unistd.h>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>

#include "engine/environment.h"
#include "loader/visit.h"
#include "words/digest.h"
#include "words/version.h"

namespace espalier::engine {
namespace {

namespace fs = std::filesystem;

// Parts of the split that a bounded evaluation goes through; smaller ones stop earlier and pack worse.
constexpr std::int64_t parts_of_a_split = 16;
constexpr std::int64_t least_texts_a_part = 32, least_sounds_a_part = 4;
// Masks that are computed together: more have hardly more in common, and their answers are kept only when all are known.
constexpr std::size_t most_masks_together = 64;
// Examples are ordered anew when so large a share of what the ordering mask keeps or drops has changed.
constexpr double far_share = 0.125;
constexpr double no_bound = -std::numeric_limits<double>::infinity();

// Of all else that a line of the journal says, so that a flipped bit is seen.
std::string seal_of(nlohmann::json entry) {
  entry.erase("seal");
  return sha256_hex(entry.dump()).substr(0, 16);
}

// The share of bits in which two masks of one model differ.
double distance(const Mask& one, const Mask& other) {
  std::int64_t different = 0, all = 0;
  for (std::int64_t site = 0; site < one.size(); ++site) {
    for (const auto projection : all_projections) {
      const auto& bits = one.site(site).of(projection);
      if (!bits.defined()) continue;
      different += bits.ne(other.site(site).of(projection)).sum().item<std::int64_t>();
      all += bits.numel();
    }
  }
  return all == 0 ? 0 : static_cast<double>(different) / static_cast<double>(all);
}

}  // namespace

SplitEvaluator::SplitEvaluator(const nn::Model& model, const Mask& kept, tasks::Task& task, EvaluatorSettings settings,
                               const Watch& watch)
    : series_(model, settings.compute, settings.scale,
              nn::prefix_bytes(task.device().place, task.device().memory_bytes)),
      kept_(kept),
      task_(task),
      settings_(std::move(settings)),
      watch_(watch) {
  read_journal();
}

SplitEvaluator::~SplitEvaluator() = default;

const tasks::Split& SplitEvaluator::split() const { return task_.split("validation"); }

double SplitEvaluator::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun_).count();
}

tasks::BoundedMetric* SplitEvaluator::bounds() const {
  if (!bounds_) bounds_ = task_.bounded(split(), metric());
  return bounds_->get();
}

std::string SplitEvaluator::metric() const {
  return settings_.metric.empty() ? task_.ranking_metrics().at(0) : settings_.metric;
}

double SplitEvaluator::resolution() const { return bounds() == nullptr ? 0 : bounds()->resolution(); }

Evaluated SplitEvaluator::evaluate(const Mask& mask, double at_least) { return evaluate_each({&mask, 1}, at_least)[0]; }

const Evaluated* SplitEvaluator::known(const std::string& digest, double at_least) const {
  const auto found = answers_.find(digest);
  if (found == answers_.end()) return nullptr;
  return found->second.complete || found->second.quality < at_least ? &found->second : nullptr;
}

std::vector<Evaluated> SplitEvaluator::evaluate_each(std::span<const Mask> masks, double at_least) {
  watch_.check();
  std::vector<std::string> digests;
  std::vector<Question> questions;
  std::set<std::string> to_compute;
  for (const auto& mask : masks) {
    auto now = mask.intersected(kept_);
    const auto& digest = digests.emplace_back(now.digest());
    const bool is_new = asked_.insert(digest).second;
    if (known(digest, at_least) != nullptr) {
      if (is_new) ++known_;
    } else if (to_compute.insert(digest).second) {
      questions.push_back({std::move(now), digest});
    }
  }
  if (!questions.empty()) {
    loader::put_folder_back();
    compute(questions, at_least);
  }
  std::vector<Evaluated> answers;
  for (const auto& digest : digests) {
    const auto& answer = answers.emplace_back(answers_.at(digest));
    if (!answer.complete || !(improvements_.empty() || answer.quality > improvements_.back().at("quality"))) continue;
    improvements_.push_back(
        {{"quality", answer.quality}, {"evaluations", static_cast<double>(evaluations())}, {"seconds", seconds()}});
  }
  return answers;
}

void SplitEvaluator::compute(std::span<Question> questions, double at_least) {
  const nn::ComputeGuard compute(settings_.compute, series_.model().device());
  std::vector<Mask> masks;
  for (const auto& question : questions) masks.push_back(question.mask);
  if (settings_.stopping_error > 0 && at_least > no_bound) draw_order(questions);
  std::size_t done = 0;
  for (const auto& group : series_.visits(masks)) {
    for (std::size_t begin = 0; begin < group.size(); begin += most_masks_together) {
      std::vector<Question*> together;
      for (auto i = begin; i < std::min(begin + most_masks_together, group.size()); ++i)
        together.push_back(&questions[group[i]]);
      compute_together(together, at_least);
      if (settings_.check) settings_.check();
      for (const auto* question : together) keep(*question);
      done += together.size();
      const auto now = std::chrono::steady_clock::now();
      if (done == questions.size() || now - said_ < std::chrono::seconds(5)) continue;
      said_ = now;
      watch_.tell(fmt::format("{} of {} masks evaluated", done, questions.size()));
    }
  }
  // In the order in which they were asked for, however they were computed.
  for (const auto& question : questions) {
    if (question.answer->complete) order_by(question);
  }
}

void SplitEvaluator::compute_together(std::span<Question*> questions, double at_least) {
  for (auto* question : questions) question->model = series_.compacted(question->mask);
  if (at_least > no_bound && bounds() != nullptr) {
    const auto& all = parts();
    for (std::size_t i = 0; i < all.size(); ++i) compute_part(questions, all[i], rows_[i], at_least);
  } else {
    compute_part(questions, split(), all_rows(), at_least);
  }
  for (auto* question : questions) question->model.reset();
}

// By those that have no answer yet.
void SplitEvaluator::compute_part(std::span<Question*> questions, const tasks::Split& part, const data::Rows& rows,
                                  double at_least) {
  watch_.check();
  std::vector<Question*> open;
  std::vector<const nn::Model*> models;
  for (auto* question : questions) {
    if (question->answer) continue;
    open.push_back(question);
    models.push_back(question->model.get());
  }
  if (open.empty()) return;
  const auto evaluations = task_.evaluate_models(models, part);
  for (std::size_t i = 0; i < open.size(); ++i) {
    auto& question = *open[i];
    question.examples += std::ssize(rows);
    if (bounds() != nullptr) note(question, bounds()->found(evaluations[i], rows), rows);
    if (&part == &split()) {
      question.answer = {task_.quality(evaluations[i].metrics, settings_.metric), true};
      continue;
    }
    const bool is_whole = question.examples == split().examples->size();
    const auto now = most_of(question);
    if (is_whole || now.quality < at_least) question.answer = {now.quality, is_whole, now.certain || is_whole};
  }
}

// What it can still become.
Evaluated SplitEvaluator::most_of(const Question& question) const {
  const double most = bounds()->at_most(question.answers);
  if (settings_.stopping_error == 0) return {most, false};
  const auto looks = std::max<double>(1, static_cast<double>(rows_.size()) - 1);
  const auto likely = bounds()->likely_at_most(question.answers, settings_.stopping_error / looks);
  return likely < most ? Evaluated{*likely, false, false} : Evaluated{most, false};
}

void SplitEvaluator::note(Question& question, const std::vector<tasks::BoundedMetric::Found>& found,
                          const data::Rows& rows) const {
  const auto count = static_cast<std::size_t>(split().examples->size());
  question.answers.resize(count, tasks::BoundedMetric::unseen);
  question.sureness.resize(count);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    question.answers[static_cast<std::size_t>(rows[i])] = found[i].answer;
    question.sureness[static_cast<std::size_t>(rows[i])] = found[i].sureness;
  }
}

void SplitEvaluator::keep(const Question& question) {
  ++computed_;
  examples_ += question.examples;
  examples_asked_ += split().examples->size();
  if (!question.answer->complete) ++stopped_;
  answers_[question.digest] = *question.answer;
  write(question.digest, *question.answer, question.examples);
}

// The next masks differ little from one that was evaluated whole: what it got wrong, or nearly, comes first. The order
// stays while masks are near that one, so that what is known of the parts serves them.
void SplitEvaluator::order_by(const Question& question) {
  if (bounds() == nullptr || settings_.stopping_error > 0) return;
  if (ordered_by_ && distance(*ordered_by_, question.mask) <= far_share) return;
  ordered_by_ = question.mask;
  auto order = all_rows();
  const auto sureness = [&](std::int64_t row) { return question.sureness[static_cast<std::size_t>(row)]; };
  std::stable_sort(order.begin(), order.end(),
                   [&](std::int64_t one, std::int64_t other) { return sureness(one) < sureness(other); });
  cut(order);
}

// At random, once it is known what is asked: no mask is chosen by the order that it is judged by.
void SplitEvaluator::draw_order(std::span<const Question> questions) {
  const auto rows = all_rows();
  if (bounds() == nullptr || !bounds()->likely_at_most(rows, 1)) {
    throw SettingsError(fmt::format(
        "stopping_error = {} stops evaluations by a random sample of examples, which says nothing of {}\n    expected "
        "metric accuracy; without stopping_error, evaluations stop where a bound is certainly missed",
        settings_.stopping_error, metric()));
  }
  std::vector<std::string> digests;
  for (const auto& question : questions) digests.push_back(question.digest);
  std::sort(digests.begin(), digests.end());
  const auto seed = sha256_hex(fmt::format("order of examples {}", fmt::join(digests, " "))).substr(0, 16);
  Random random(std::stoull(seed, nullptr, 16));
  const auto drawn = random.uniform(std::ssize(rows)).argsort();
  cut({drawn.const_data_ptr<std::int64_t>(), drawn.const_data_ptr<std::int64_t>() + drawn.numel()});
}

data::Rows SplitEvaluator::all_rows() const {
  data::Rows rows(static_cast<std::size_t>(split().examples->size()));
  std::iota(rows.begin(), rows.end(), std::int64_t{0});
  return rows;
}

void SplitEvaluator::cut(const data::Rows& order) {
  const auto count = std::ssize(order);
  const auto least = task_.dataset().format == Format::TextClassification ? least_texts_a_part : least_sounds_a_part;
  const auto size = std::max(least, (count + parts_of_a_split - 1) / parts_of_a_split);
  rows_.clear();
  parts_.clear();
  for (std::int64_t begin = 0; begin < count; begin += size)
    rows_.emplace_back(order.begin() + begin, order.begin() + std::min(begin + size, count));
}

const std::vector<tasks::Split>& SplitEvaluator::parts() {
  if (rows_.empty()) cut(all_rows());
  if (parts_.empty()) parts_ = task_.parts_of(split(), rows_);
  return parts_;
}

void SplitEvaluator::read_journal() {
  if (settings_.folder.empty()) return;
  nlohmann::json made_from = {{"model", settings_.model_digest},
                              {"data", task_.split_digest("validation")},
                              {"metric", settings_.metric},
                              {"compute", to_string(settings_.compute)},
                              {"scale", {static_cast<int>(settings_.scale.kind), settings_.scale.number}},
                              {"results_version", results_version}};
  if (settings_.stopping_error > 0) made_from["stopping_error"] = settings_.stopping_error;
  note_device(made_from, task_.device());
  journal_ = settings_.folder / "evaluations" / (sha256_hex(made_from.dump()) + ".jsonl");
  std::ifstream lines(journal_);
  std::int64_t broken = 0;
  for (std::string line; std::getline(lines, line);) {
    const auto entry = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    // A line that a killed process left half written, that holds no number or another one than was written, is computed
    // again.
    if (!entry.is_object() || !entry.contains("seal") || entry["seal"] != seal_of(entry)) {
      ++broken;
      continue;
    }
    const auto mask = entry.find("mask"), quality = entry.find("quality"), complete = entry.find("complete");
    if (mask == entry.end() || quality == entry.end() || complete == entry.end()) continue;
    if (!mask->is_string() || !quality->is_number() || !complete->is_boolean()) continue;
    const Evaluated answer{quality->get<double>(), complete->get<bool>(), !entry.contains("within_error")};
    auto& known = answers_.try_emplace(mask->get<std::string>(), answer).first->second;
    if (answer.complete || (!known.complete && answer.quality < known.quality)) known = answer;
  }
  if (broken == 0) return;
  watch_.tell(
      fmt::format("{}: {} of its lines do not verify, and those masks are computed again", journal_.string(), broken));
}

void SplitEvaluator::write(const std::string& digest, const Evaluated& answer, std::int64_t examples) {
  if (journal_.empty() || !std::isfinite(answer.quality)) return;
  nlohmann::json entry = {
      {"mask", digest}, {"quality", answer.quality}, {"complete", answer.complete}, {"examples", examples}};
  if (!answer.certain) entry["within_error"] = settings_.stopping_error;
  entry["seal"] = seal_of(entry);
  const auto line = entry.dump() + '\n';
  std::error_code ignored;
  fs::create_directories(journal_.parent_path(), ignored);
  // One write a line, at the end of the file: processes that search the same model do not tear each other's lines. What
  // cannot be kept is computed again another time.
  const int file = ::open(journal_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (file < 0) return;
  [[maybe_unused]] const auto written = ::write(file, line.data(), line.size());
  ::close(file);
}

std::int64_t SplitEvaluator::within_error() const {
  return std::count_if(answers_.begin(), answers_.end(),
                       [&](const auto& answer) { return !answer.second.certain && asked_.contains(answer.first); });
}

EvaluationWork SplitEvaluator::work() const {
  return {evaluations(), computed_, known_, stopped_, examples_, examples_asked_, seconds()};
}

}  // namespace espalier::engine
