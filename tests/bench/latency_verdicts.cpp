// How often times of passes are judged wrongly: a tiny model against itself, and against itself with a delay of 3 %, on this
// machine as it is. Prints rates as JSON.
//
// Usage: latency_verdicts [PAIRS] [REPEATS]
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/InferenceMode.h>

#include <chrono>
#include <cstdio>
#include <exception>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "data/examples.h"
#include "families/families.h"
#include "latency.h"
#include "support/temp_dir.h"
#include "support/tiny_bert.h"
#include "tasks/text_task.h"

namespace {

using namespace espalier;
using Clock = std::chrono::steady_clock;

double milliseconds_since(Clock::time_point begun) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begun).count();
}

// A pass, and a delay of a share of what a pass takes without it.
engine::TimedPass pass_of(const nn::Model& model, const Batch& batch, double delay_milliseconds) {
  return [&model, &batch, delay_milliseconds] {
    const auto begun = Clock::now();
    model.logits({&batch, 1});
    const auto until = milliseconds_since(begun) + delay_milliseconds;
    while (delay_milliseconds > 0 && milliseconds_since(begun) < until) {
    }
    return milliseconds_since(begun);
  };
}

nlohmann::json judged(int pairs, const std::function<Latency()>& measure) {
  std::map<std::string, int> verdicts;
  double repeats = 0, outliers = 0;
  const auto begun = Clock::now();
  for (int pair = 0; pair < pairs; ++pair) {
    const auto latency = measure();
    ++verdicts[latency.verdict()];
    repeats += static_cast<double>(latency.repeats);
    outliers += static_cast<double>(*latency.outliers);
  }
  return {{"pairs", pairs},
          {"verdicts", verdicts},
          {"mean_repeats", repeats / pairs},
          {"share_of_outliers", outliers / repeats},
          {"seconds", milliseconds_since(begun) / 1000}};
}

}  // namespace

int main(int count, char** words) {
  try {
    const int pairs = count > 1 ? std::stoi(words[1]) : 200;
    const std::int64_t repeats = count > 2 ? std::stoi(words[2]) : 50;
    at::set_num_threads(1);
    const c10::InferenceMode inference;
    const test::TempDir folder;
    test::write_tiny_bert(folder / "model");
    DatasetSettings dataset;
    dataset.format = Format::TextClassification;
    dataset.split = {{"train", test::write_tiny_table(folder, "train.tsv", 60, 1).string()}};
    dataset.max_tokens = 16;
    DigestMemory digests(folder / "cache");
    tasks::TextTask task(dataset, (folder / "model").string(), {}, digests);
    const auto dense = families::read_model(folder / "model")->with_head(task.labels(), 1);
    // As the engine has it: what a mask that keeps all leaves, a model of its own.
    const auto other = dense->compacted(Mask(dense->sites()));
    const auto& examples = *task.split("train").examples;
    const data::Rows rows(8, engine::typical_example(examples));
    const auto batch = examples.batch(rows);
    const auto takes = engine::median_milliseconds(*dense, batch, 501, {});

    nlohmann::ordered_json answer = {{"milliseconds", takes}, {"repeats", repeats}};
    for (const auto& [name, delay] : std::map<std::string, double>{{"dense against dense", 0}, {"3 % slower", 0.03}}) {
      answer[name] = judged(pairs, [&, delay = delay] {
        return engine::measure_passes(pass_of(*dense, batch, 0), pass_of(*other, batch, delay * takes), repeats,
                                      nullptr, {});
      });
      std::fprintf(stderr, "%s: %s\n", name.c_str(), answer[name].dump().c_str());
    }
    answer["3 % faster"] = judged(pairs, [&] {
      return engine::measure_passes(pass_of(*dense, batch, 0.03 * takes), pass_of(*other, batch, 0), repeats, nullptr,
                                    {});
    });
    std::puts(answer.dump(2).c_str());
  } catch (const std::exception& fault) {
    std::fprintf(stderr, "%s\n", fault.what());
    return 1;
  }
  return 0;
}
