// Speech in scores, trainings, proofs and times: sounds in chunks have no loss anywhere, and teachers hear the same.
#include <ATen/ATen.h>
#include <espalier/error.h>
#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "engine/scoring.h"
#include "latency.h"
#include "recovering.h"
#include "support/message_of.h"
#include "support/speaking.h"
#include "tiny_cell.h"

namespace espalier::test {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

TEST(SoundsInChunks, HaveNoLossAnywhere) {
  Speaking speaking;
  speaking.with_a_long_sound();
  const auto& split = speaking.split();
  EXPECT_TRUE(speaking.was_said("1 of 3 utterances are heard in chunks"));
  EXPECT_EQ(tasks::examples_with_loss(split), 2);
  for (const std::uint32_t traits : {0u, std::uint32_t{in_file_order}}) {
    PluginDescription plugin;
    plugin.traits = traits;
    tasks::ScoringBatches batches(&split, *speaking.model, {}, plugin);
    EXPECT_EQ(batches.examples(), 2);
    while (const auto batch = batches.next()) {
      for (const auto row : batch->rows) EXPECT_NE(row, 0);
    }
  }
  Random random(3);
  for (const auto& step : data::training_steps(*split.examples, 2, random)) {
    for (const auto& rows : step) {
      for (const auto row : rows) EXPECT_NE(row, 0);
    }
  }
  EXPECT_NE(engine::typical_example(*split.examples), 0);
  const auto metrics = speaking.task().evaluate(*speaking.model, split).metrics;
  EXPECT_EQ(metrics.at("without_cross_entropy"), 1);
  // The rest is what it is without the long sound.
  Speaking alone;
  alone.with_a_long_sound("");
  EXPECT_DOUBLE_EQ(metrics.at("cross_entropy"),
                   alone.task().evaluate(*alone.model, alone.split()).metrics.at("cross_entropy"));
}

const char* no_loss =
    " split has no example that a loss can be taken of: all 1 sounds are heard in chunks, and what is said in each "
    "chunk "
    "is not known\n    give this split sounds that fit the model's window, each with what is said in it";

TEST(SoundsInChunks, AloneAreRefusedByScorersAndTraining) {
  Speaking speaking;
  speaking.with_a_long_sound("long.wav\tbonjour\n", false);
  const auto fisher = complete_settings(bundled_plugins().find("scorer", "fisher").description, {});
  const auto scores = [&] {
    engine::compute_scores(bundled_plugins(), {*speaking.model, *speaking.model, &speaking.task(), &speaking.split()},
                           {"fisher", fisher});
  };
  EXPECT_EQ(message_of<InputError>(scores), std::string("the test") + no_loss);
  const auto finetune = complete_settings(bundled_plugins().find("recovery", "finetune").description, {});
  const auto train = [&] {
    engine::recover(bundled_plugins(), *speaking.model, *speaking.model, speaking.mask(), speaking.task(),
                    {"finetune", finetune}, {});
  };
  EXPECT_EQ(message_of<InputError>(train), std::string("the train") + no_loss);
  // Metrics of transcripts are there all the same.
  const auto metrics = speaking.task().evaluate(*speaking.model, speaking.split()).metrics;
  EXPECT_TRUE(metrics.contains("wer"));
  EXPECT_FALSE(metrics.contains("cross_entropy"));
  EXPECT_FALSE(speaking.task().better(metrics, metrics));
}

TEST(SoundsInChunks, MayBeAllOfValidation) {
  Speaking speaking;
  speaking.with_a_long_sound("long.wav\tbonjour\n", false);
  speaking.folder.write("model/train.tsv", "path\ttext\nsound1.wav\tmy dog\nsound4.wav\tstop\n");
  speaking.dataset.split["train"] = (speaking.folder / "model/train.tsv").string();
  Settings settings;
  settings.set("epochs", std::int64_t{2});
  const auto finetune = complete_settings(bundled_plugins().find("recovery", "finetune").description, settings);
  const auto recovered = engine::recover(bundled_plugins(), *speaking.model, *speaking.model, speaking.mask(),
                                         speaking.task(), {"finetune", finetune}, {});
  ASSERT_EQ(recovered.trainings.size(), 1u);
  EXPECT_EQ(recovered.trainings[0].epochs.size(), 2u);
  EXPECT_TRUE(recovered.trainings[0].epochs[0].validation.contains("wer"));
}

TEST(SoundsInChunks, AreProvenAndTimedByTheirFirstWindows) {
  Speaking speaking;
  speaking.with_a_long_sound("long.wav\tbonjour\n", false);
  CellSettings cell;
  cell.model.name = "tiny";
  cell.model.family = Family::Whisper;
  cell.model.checkpoint = (speaking.folder / "model").string();
  cell.dataset = speaking.dataset;
  cell.granularity = Granularity::Head;
  cell.scorer = {"magnitude", "magnitude", "1",
                 complete_settings(bundled_plugins().find("scorer", "magnitude").description, {})};
  cell.searcher = {"ranking", "ranking", "1",
                   complete_settings(bundled_plugins().find("searcher", "ranking").description, {})};
  cell.recovery.name = cell.recovery.plugin = "none";
  cell.budget = {BudgetKind::Sparsity, 0.5};
  cell.measure.latency = LatencySettings{};
  cell.measure.latency->repeats = 2;
  const auto result = engine::Engine(bundled_plugins(), speaking.folder / "cache", {}).run(cell);
  EXPECT_EQ(result.failure, "");
  ASSERT_EQ(result.points.size(), 2u);
  EXPECT_EQ(result.points[1].proof_passed, true);
  EXPECT_FALSE(result.points[1].metrics.contains("cross_entropy"));
}

std::string refused_teacher(Speaking& speaking, const std::string& file, const std::function<void(Json&)>& change) {
  fs::copy(speaking.folder / "model", speaking.folder / "other", fs::copy_options::recursive);
  auto json = Json::parse(read_file(speaking.folder / "other" / file));
  change(json);
  speaking.folder.write("other/" + file, json.dump());
  return message_of<InputError>(
      [&] { engine::teacher_of((speaking.folder / "other").string(), *speaking.model, &speaking.task()); });
}

TEST(SpeechTeachers, HearTheSameFeaturesTokensAndPrompts) {
  Speaking speaking;
  const auto own = speaking.folder / "model", other = speaking.folder / "other";
  fs::copy(own, speaking.folder / "twin");
  EXPECT_NE(engine::teacher_of((speaking.folder / "twin").string(), *speaking.model, &speaking.task()), nullptr);
  EXPECT_EQ(refused_teacher(speaking, "preprocessor_config.json", [](Json& json) { json["n_fft"] = 512; }),
            (other / "preprocessor_config.json").string() + ": makes other features of a sound than " +
                (own / "preprocessor_config.json").string() +
                "\n    expected equal settings: sampling_rate, mel bins, lengths, mean and std");
  fs::remove_all(other);
  EXPECT_EQ(refused_teacher(speaking, "tokenizer.json",
                            [](Json& json) { std::swap(json["model"]["vocab"]["a"], json["model"]["vocab"]["b"]); }),
            other.string() + ": its tokenizer gives other ids than that of " + own.string() +
                " (50 and 50 tokens)\n    expected a checkpoint with the same tokenizer files (tokenizer.json, or "
                "vocab.json, "
                "merges.txt and added_tokens.json)");
  fs::remove_all(other);
  EXPECT_EQ(
      refused_teacher(speaking, "generation_config.json",
                      [](Json& json) {
                        json["forced_decoder_ids"] = {{1, nullptr}, {2, 41}};
                      }),
      (other / "generation_config.json").string() + ": its transcripts begin or end with other tokens than those of " +
          own.string() +
          " ([31, -1, 41, 49] and [31, -1, 49], -1: a language that is detected)\n    expected equal languages, tasks "
          "and end tokens");
}

}  // namespace
}  // namespace espalier::test
