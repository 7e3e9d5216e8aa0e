// The smoke grid: small cells of everything that computes, run on a device and on the CPU and compared.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <functional>
#include <map>
#include <ostream>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "engine/family_cells.h"
#include "tiny_models.h"

namespace espalier::test {

struct DeviceCell {
  std::string name;
  std::function<void(TinyCell&)> prepare = [](TinyCell&) {};
  bool by_time = false;  // what is chosen depends on times: masks differ from run to run
};
inline void PrintTo(const DeviceCell& cell, std::ostream* out) { *out << cell.name; }

// Without dropout, and with a learning rate at which a wrong step shows.
struct CellOnDevices : TinyCell {
  explicit CellOnDevices(const DeviceCell& which) {
    without_dropout(folder / "model");
    which.prepare(*this);
  }
  // Each device has caches of its own unless told otherwise.
  engine::CellResult run(const nn::Device& device, const std::string& cache = "") const {
    return engine::Engine(bundled_plugins(), folder / ("cache-" + (cache.empty() ? device.kind() : cache)), Watch{},
                          device)
        .run(cell);
  }
};

namespace cells {

inline std::function<void(TinyCell&)> scorer(std::string name, Settings settings = {},
                                             Granularity granularity = Granularity::Head) {
  return [=](TinyCell& tiny) {
    tiny.cell.scorer = tiny.plugin("scorer", name, settings);
    tiny.cell.granularity = granularity;
  };
}
inline std::function<void(TinyCell&)> searcher(std::string name, Settings settings = {},
                                               Budget budget = {BudgetKind::Heads, 3}, bool scored = false) {
  return [=](TinyCell& tiny) {
    tiny.cell.searcher = tiny.plugin("searcher", name, settings);
    tiny.cell.budget = budget;
    if (!scored) tiny.cell.scorer.name = tiny.cell.scorer.plugin = "none";
  };
}
inline std::function<void(TinyCell&)> recovery(std::string name, Settings settings = {}) {
  return [=](TinyCell& tiny) {
    tiny.cell.scorer = tiny.plugin("scorer", "fisher");
    tiny.cell.recovery = tiny.plugin("recovery", name, settings);
  };
}
inline Settings quick_training(double rate = 5e-3) {
  return with({{"epochs", std::int64_t{2}}, {"batch", std::int64_t{8}}, {"learning_rate", rate}});
}
// All of them, one after the other.
inline std::function<void(TinyCell&)> both(std::function<void(TinyCell&)> a, std::function<void(TinyCell&)> b) {
  return [=](TinyCell& tiny) {
    a(tiny);
    b(tiny);
  };
}

inline void use_sounds(TinyCell& tiny, const std::string& format) {
  const bool speech = format == "speech-recognition";
  auto& cell = tiny.cell;
  const auto folder = tiny.folder / "sounds-model";
  speech ? write_drawn_whisper(folder) : write_drawn_ast(folder);
  cell.model.family = speech ? Family::Whisper : Family::Ast;
  cell.model.checkpoint = folder.string();
  cell.model.train.reset();
  cell.dataset.format = from_name<Format>(format);
  cell.dataset.bad_files = BadFiles::Refuse;
  cell.dataset.split = {{"train", write_tones(tiny.folder, "train", format, 9, 300)},
                        {"validation", write_tones(tiny.folder, "validation", format, 6, 350)},
                        {"test", write_tones(tiny.folder, "test", format, 6, 390)}};
}
inline std::function<void(TinyCell&)> sounds(std::string format, std::function<void(TinyCell&)> more) {
  return both([=](TinyCell& tiny) { use_sounds(tiny, format); }, more);
}

inline std::vector<DeviceCell> of_scorers() {
  return {{"magnitude", scorer("magnitude")},
          {"random", scorer("random")},
          {"wanda", scorer("wanda")},
          {"entropy", scorer("entropy")},
          {"confidence", scorer("confidence")},
          {"fisher", scorer("fisher")},
          {"fisher_per_batch", scorer("fisher", with({{"squares", std::string("per-batch")}}))},
          {"fisher_of_bce", scorer("fisher", with({{"loss", std::string("bce")}}))},
          {"gate_gradient", scorer("gate-gradient")},
          {"gate_gradient_of_tokens", scorer("gate-gradient", with({{"absolute", std::string("token")}}))},
          {"gate_gradient_of_batches", scorer("gate-gradient", with({{"absolute", std::string("batch")}}))},
          {"taylor", scorer("taylor")},
          {"mask_fisher", scorer("mask-fisher")},
          {"ablation", scorer("ablation", with({{"samples", std::int64_t{20}}}))},
          {"ablation_of_the_metric", scorer("ablation", with({{"metric", std::string("task")}}))}};
}

inline std::vector<DeviceCell> of_granularities() {
  std::vector<DeviceCell> cells;
  for (const auto& word : Vocabulary<Granularity>::words) {
    auto name = std::string(word.name);
    std::replace(name.begin(), name.end(), '-', '_');
    cells.push_back({"fisher_by_" + name, scorer("fisher", {}, word.value)});
  }
  cells.push_back({"by_site", both(scorer("gate-gradient", {}, Granularity::HeadChannel),
                                   [](TinyCell& tiny) { tiny.cell.scope = Scope::Local; })});
  return cells;
}

inline std::vector<DeviceCell> of_searchers() {
  const auto word = [](const char* name, const char* value) { return with({{name, std::string(value)}}); };
  const auto gates = [](const char* mode) {
    auto settings = quick_training();
    settings.set("mode", std::string(mode));
    return settings;
  };
  auto few_trials = gates("joint");
  few_trials.set("trials", std::int64_t{2});
  return {
      {"channel_greedy", both(scorer("fisher", {}, Granularity::HeadChannel),
                              searcher("channel-greedy", {}, {BudgetKind::Sparsity, 0.5}, true))},
      {"hard_concrete", searcher("hard-concrete", few_trials)},
      {"hard_concrete_gates_only", searcher("hard-concrete", gates("gates-only"))},
      {"differentiable_subset", searcher("differentiable-subset", gates("joint"))},
      {"differentiable_subset_pipelined", searcher("differentiable-subset", gates("pipelined"))},
      {"lazy_greedy", searcher("a-star")},
      {"a_star", searcher("a-star", word("method", "a-star"), {BudgetKind::LossOfMetric, 0.05})},
      {"beam", searcher("beam")},
      {"mac_budget", searcher("mac-budget", with({{"samples", std::int64_t{60}}}), {BudgetKind::Macs, 0.8})},
      {"latency_aware", searcher("latency-aware", {}, {BudgetKind::Latency, 1.0}, true), /*by_time=*/true},
  };
}

inline std::vector<DeviceCell> of_recoveries() {
  return {{"lora", recovery("lora", quick_training())},
          {"finetune", recovery("finetune", quick_training(1e-3))},
          {"finetune_of_channels", both(recovery("finetune", quick_training(1e-3)),
                                        [](TinyCell& tiny) { tiny.cell.granularity = Granularity::HeadChannel; })},
          {"distill", recovery("distill", quick_training(1e-3))},
          {"mask_tuning", recovery("mask-tuning")},
          {"schedule", both(recovery("finetune", quick_training(1e-3)),
                            [](TinyCell& tiny) {
                              tiny.cell.schedule = ScheduleSettings{2, 0, BudgetShare::Remaining, Rounding::Nearest,
                                                                    ScheduleShape::Linear};
                            })},
          {"latency",
           [](TinyCell& tiny) {
             tiny.cell.measure.latency = LatencySettings{{1, 4}, 3};
           }},
          {"softmax_scale", [](TinyCell& tiny) {
             tiny.cell.granularity = Granularity::QChannel;
             tiny.cell.softmax_scale.kind = SoftmaxScale::Kind::PrunedWidth;
           }}};
}

inline std::vector<DeviceCell> of_sounds() {
  const auto trained = [](TinyCell& tiny) {
    tiny.cell.model.train = TrainSettings{};
    tiny.cell.model.train->batch = 3;
    tiny.cell.model.train->learning_rate = 2e-3;
  };
  const auto anew = both(trained, [](TinyCell& tiny) {
    tiny.cell.model.train->start = TrainingStart::Scratch;
    tiny.cell.model.train->mixup = 0.5;
    tiny.cell.model.train->frequency_mask = tiny.cell.model.train->time_mask = 2;
    tiny.cell.model.train->shift = 2;
    tiny.cell.model.train->noise = 0.01;
  });
  const std::string one = "audio-classification", several = "audio-tagging";
  return {{"ast_fisher", sounds(one, scorer("fisher", {}, Granularity::HeadChannel))},
          {"ast_wanda", sounds(one, scorer("wanda"))},
          {"ast_ablation", sounds(one, scorer("ablation"))},
          {"ast_trained", sounds(one, both(trained, scorer("gate-gradient")))},
          {"ast_trained_anew", sounds(one, both(anew, scorer("taylor")))},
          {"ast_gates",
           sounds(one,
                  searcher("hard-concrete",
                           with({{"epochs", std::int64_t{1}}, {"batch", std::int64_t{3}}, {"trials", std::int64_t{2}}}),
                           {BudgetKind::Heads, 2}))},
          {"ast_beam", sounds(one, searcher("beam", {}, {BudgetKind::Heads, 2}))},
          {"ast_distill", sounds(one, recovery("distill", quick_training(1e-3)))},
          {"ast_mask_tuning", sounds(one, recovery("mask-tuning"))},
          {"ast_latency", sounds(one,
                                 [](TinyCell& tiny) {
                                   tiny.cell.measure.latency = LatencySettings{{2}, 3};
                                 })},
          {"tags_trained", sounds(several, both(trained, scorer("fisher")))},
          {"tags_lora", sounds(several, recovery("lora", quick_training(1e-3)))}};
}

inline std::vector<DeviceCell> of_speech() {
  const std::string speech = "speech-recognition";
  const auto heads = Budget{BudgetKind::Heads, 6};
  auto gates = with({{"epochs", std::int64_t{1}}, {"batch", std::int64_t{3}}});
  auto learned = gates;
  learned.set("trials", std::int64_t{2});
  return {{"whisper_fisher", sounds(speech, scorer("fisher", {}, Granularity::HeadChannel))},
          {"whisper_projections", sounds(speech, scorer("taylor", {}, Granularity::ProjectionChannel))},
          {"whisper_wanda", sounds(speech, scorer("wanda"))},
          {"whisper_entropy", sounds(speech, scorer("entropy"))},
          {"whisper_gate_gradient", sounds(speech, scorer("gate-gradient"))},
          {"whisper_ablation", sounds(speech, scorer("ablation"))},
          {"whisper_gates", sounds(speech, searcher("hard-concrete", learned, heads))},
          {"whisper_subset", sounds(speech, searcher("differentiable-subset", gates, heads))},
          {"whisper_greedy", sounds(speech, searcher("a-star", {}, heads))},
          {"whisper_finetune", sounds(speech, recovery("finetune", quick_training(1e-3)))},
          {"whisper_lora", sounds(speech, recovery("lora", quick_training(1e-3)))},
          {"whisper_distill", sounds(speech, recovery("distill", quick_training(1e-3)))},
          {"whisper_mask_tuning", sounds(speech, recovery("mask-tuning"))},
          {"whisper_latency", sounds(speech,
                                     [](TinyCell& tiny) {
                                       tiny.cell.measure.latency = LatencySettings{{2}, 3};
                                     })},
          {"whisper_in_chunks", sounds(speech, [](TinyCell& tiny) {
             tiny.cell.dataset.long_audio = LongAudio::Chunk;
             write_tone(tiny.folder, "long.wav", 440, 2.5);
             std::ofstream(tiny.cell.dataset.split.at("test"), std::ios::app) << "long.wav\tmy dog\n";
           })}};
}

inline std::vector<DeviceCell> all() {
  std::vector<DeviceCell> all;
  for (const auto& some : {of_scorers(), of_granularities(), of_searchers(), of_recoveries(), of_sounds(), of_speech()})
    all.insert(all.end(), some.begin(), some.end());
  return all;
}

}  // namespace cells

// Metrics that are times belong to the machine.
inline void expect_equal_metrics(const Point& point, const Point& of_cpu, double tolerance, const std::string& where) {
  ASSERT_EQ(point.metrics.size(), of_cpu.metrics.size()) << where;
  for (const auto& [name, value] : of_cpu.metrics) {
    ASSERT_TRUE(point.metrics.contains(name)) << where << ' ' << name;
    EXPECT_NEAR(point.metrics.at(name), value, tolerance * (1 + std::abs(value))) << where << ' ' << name;
  }
}

inline bool equal_masks(const engine::CellResult& a, const engine::CellResult& b) {
  if (a.points.size() != b.points.size()) return false;
  for (std::size_t i = 0; i < a.points.size(); ++i) {
    if (a.points[i].mask_digest != b.points[i].mask_digest) return false;
  }
  return true;
}

}  // namespace espalier::test
