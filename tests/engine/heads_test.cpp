// Heads and the data they are made for: problem types, one output, labels that meet by name, and teachers.
#include <ATen/ATen.h>
#include <espalier/error.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "engine/base_model.h"
#include "engine/scoring.h"
#include "families/families.h"
#include "recovering.h"
#include "support/message_of.h"
#include "support/tensor_matchers.h"
#include "tasks/text_task.h"
#include "tiny_cell.h"
#include "words/atomic_file.h"

namespace espalier::test {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using Labels = std::vector<std::string>;

const Labels kinds = {"animal", "colour", "number"};

// The tiny BERT with a head for its three kinds, saved as a checkpoint, and its data.
struct Headed {
  Headed() {
    dense = families::read_model(tiny.cell.model.checkpoint)->with_head(kinds, 1);
    save(*dense, "headed");
    task = std::make_unique<tasks::TextTask>(tiny.cell.dataset, (tiny.folder / "headed").string(), kinds, digests);
  }
  void save(const nn::Model& model, const std::string& name) const {
    fs::create_directories(tiny.folder / name);
    model.save(tiny.folder / name);
    engine::copy_companions(tiny.cell.model.checkpoint, tiny.folder / name);
  }
  void set(const std::string& name, const std::string& key, const Json& value) const {
    auto config = Json::parse(read_file(tiny.folder / name / "config.json"));
    config[key] = value;
    write_file(tiny.folder / name / "config.json", config.dump());
  }
  std::string path(const std::string& name) const { return (tiny.folder / name).string(); }
  Batch some() const { return task->split("test").examples->batch(data::Rows{0}); }
  std::string refused(const std::string& teacher) const {
    return message_of<InputError>([&] { engine::teacher_of(path(teacher), *dense, task.get()); });
  }

  TinyCell tiny;
  DigestMemory digests{tiny.folder / "cache"};
  std::unique_ptr<nn::Model> dense;
  std::unique_ptr<tasks::TextTask> task;
};

// --- what a head is made for

TEST(Heads, OfRegressionsAndSeveralClassesAreRefused) {
  const Headed headed;
  const auto file = headed.path("headed") + "/config.json";
  const std::string way_out = "\n    espalier train gives the checkpoint a head for classes";
  const auto refused = [&](const std::string& format, const Labels& labels = kinds) {
    return message_of<InputError>(
        [&] { tasks::require_head(headed.path("headed"), labels, from_name<Format>(format)); });
  };
  tasks::require_head(headed.path("headed"), kinds, Format::TextClassification);
  EXPECT_EQ(refused("text-classification", {"LABEL_0"}),
            file +
                ": has one output, as a regression has, which is not done: text-classification data have classes\n"
                "    expected two classes or more (id2label or num_labels)" +
                way_out);
  tasks::require_head(headed.path("headed"), {"speech"}, Format::AudioTagging);
  headed.set("headed", "problem_type", "regression");
  for (const std::string format : {"text-classification", "audio-classification"}) {
    EXPECT_EQ(refused(format), file + ": problem_type is 'regression', which is not done: " + format +
                                   " data have classes\n    expected single_label_classification" + way_out);
  }
  headed.set("headed", "problem_type", "multi_label_classification");
  EXPECT_EQ(refused("text-classification"),
            file +
                ": problem_type is 'multi_label_classification', which does not fit text-classification data\n"
                "    expected single_label_classification" +
                way_out);
  EXPECT_EQ(refused("audio-classification"),
            file +
                ": problem_type is 'multi_label_classification', which does not fit audio-classification data\n"
                "    expected single_label_classification, or format audio-tagging" +
                way_out);
  tasks::require_head(headed.path("headed"), kinds, Format::AudioTagging);
  headed.set("headed", "problem_type", "single_label_classification");
  tasks::require_head(headed.path("headed"), kinds, Format::TextClassification);
  EXPECT_NE(refused("audio-tagging").find("expected multi_label_classification, or format audio-classification"),
            std::string::npos);
  headed.set("headed", "problem_type", nullptr);
  tasks::require_head(headed.path("headed"), kinds, Format::AudioClassification);
}

TEST(Heads, OfAGridsCheckpointAreLookedAt) {
  Headed headed;
  headed.set("headed", "problem_type", "regression");
  auto cell = headed.tiny.cell;
  cell.model.checkpoint = headed.path("headed");
  cell.model.train.reset();
  const auto message = message_of<InputError>([&] { headed.tiny.engine()->run(cell); });
  EXPECT_NE(message.find("problem_type is 'regression'"), std::string::npos) << message;
}

// A head that is trained anew is for classes, whatever was there before.
TEST(Heads, ThatAreNewForgetTheProblemOfTheOldOne) {
  Headed headed;
  headed.set("headed", "problem_type", "regression");
  const auto again = families::read_model(headed.path("headed"))->with_head({"a", "b"}, 1);
  headed.save(*again, "again");
  EXPECT_FALSE(Json::parse(read_file(headed.tiny.folder / "again/config.json")).contains("problem_type"));
}

TEST(Heads, AreNotTrainedOnMeasurements) {
  TinyCell tiny;
  DigestMemory digests(tiny.folder / "cache");
  const auto refused = [&](const std::string& rows) {
    auto dataset = tiny.cell.dataset;
    dataset.split["train"] = tiny.folder.write("measured.tsv", "text\tlabel\n" + rows).string();
    tasks::TextTask task(dataset, tiny.cell.model.checkpoint, {}, digests);
    return message_of<InputError>([&] { task.labels(); });
  };
  const auto file = (tiny.folder / "measured.tsv").string();
  EXPECT_EQ(refused("red\t5\ncat\t3.8\ndog\t-0.25\n"),
            file +
                ":3: label '3.8' is no class\n    numbers with a fraction are measurements: that is regression, which "
                "is not done; expected names of classes");
  EXPECT_EQ(refused("red\tx\ncat\tx\n"), file +
                                             ": every row has the label 'x', so there is nothing to tell apart\n"
                                             "    expected two classes or more");
  // Classes may be numbers, or texts with points in them.
  for (const std::string rows : {"red\t0\ncat\t1\n", "red\t1.0\ncat\t0.0\n", "red\t3.8\ncat\tv1.2\n"}) {
    auto dataset = tiny.cell.dataset;
    dataset.split["train"] = tiny.folder.write("classes.tsv", "text\tlabel\n" + rows).string();
    EXPECT_EQ(tasks::TextTask(dataset, tiny.cell.model.checkpoint, {}, digests).labels().size(), 2u) << rows;
  }
}

TEST(Heads, SayThatMeasurementsAreNoClasses) {
  const Headed headed;
  auto dataset = headed.tiny.cell.dataset;
  dataset.split["test"] = headed.tiny.folder.write("measured.tsv", "text\tlabel\nred\tcolour\ncat\t3.8\n").string();
  DigestMemory digests(headed.tiny.folder / "cache");
  tasks::TextTask task(dataset, headed.path("headed"), kinds, digests);
  const auto message = message_of<InputError>([&] { task.split("test"); });
  EXPECT_NE(message.find("measured.tsv:3: unknown label '3.8'"), std::string::npos) << message;
  EXPECT_NE(message.find("that is regression, which is not done"), std::string::npos) << message;
}

// --- labels that meet by name

at::Tensor logits(const nn::Model& model, const Batch& batch) { return model.logits({&batch, 1}); }

TEST(Heads, ThatFitByNameAreKeptInTheOrderOfTheData) {
  const Headed headed;
  const auto before = logits(*headed.dense, headed.some());
  struct Case {
    Labels own, given;
    std::vector<std::int64_t> order;
  };
  for (const auto& [own, given, order] : {Case{kinds, {"number", "animal", "colour"}, {2, 0, 1}},
                                          Case{{"LABEL_0", "LABEL_1", "LABEL_2"}, {"0", "1", "2"}, {0, 1, 2}},
                                          Case{{"LABEL_0", "LABEL_1", "LABEL_2"}, {"2", "0", "1"}, {2, 0, 1}},
                                          Case{{"0", "1", "2"}, {"LABEL_1", "LABEL_0", "LABEL_2"}, {1, 0, 2}}}) {
    headed.set("headed", "id2label", {{"0", own[0]}, {"1", own[1]}, {"2", own[2]}});
    std::vector<std::string> said;
    const Watch watch{[&](const std::string& line) { said.push_back(line); }};
    const ModelSettings model{"m", Family::Bert, headed.path("headed"), TrainSettings{}};
    const auto kept = engine::start_of(model, given, 7, watch);
    EXPECT_TRUE(is_close(logits(*kept, headed.some()), before.index_select(1, at::tensor(order)))) << given[0];
    EXPECT_TRUE(said.empty()) << said.at(0);
    EXPECT_EQ(kept->labels(), given);
  }
}

TEST(Heads, ThatDoNotFitAreReplacedAndSaid) {
  const Headed headed;
  std::vector<std::string> said;
  const Watch watch{[&](const std::string& line) { said.push_back(line); }};
  const ModelSettings model{"m", Family::Bert, headed.path("headed"), TrainSettings{}};
  engine::start_of(model, {"a", "b", "c", "d", "e"}, 7, watch);
  ASSERT_EQ(said.size(), 1u);
  EXPECT_EQ(said[0], headed.path("headed") +
                         ": its head of 3 classes (animal, colour, number) is replaced by a new one: "
                         "the data has 5 (a, b, c, d, ...)");
}

// --- teachers

TEST(Teachers, ArePutIntoTheOrderOfTheStudentsClasses) {
  Headed headed;
  const Labels shuffled = {"number", "animal", "colour"};
  headed.save(*headed.dense->with_head(shuffled, 0), "shuffled");
  const auto batch = headed.some();
  const auto expected = logits(*headed.dense, batch);
  ASSERT_FALSE(is_close(logits(*families::read_model(headed.path("shuffled")), batch), expected));

  const auto teacher = engine::teacher_of(headed.path("shuffled"), *headed.dense, headed.task.get());
  EXPECT_TRUE(is_close(logits(*teacher, batch), expected));
  // A scorer's distillation towards it is that towards itself: nothing is to be learnt.
  Settings settings;
  settings.set("loss", std::string("distillation"));
  settings.set("teacher", headed.path("shuffled"));
  const auto loss = engine::loss_of("scorer", settings, *headed.dense, *headed.dense, headed.task.get());
  const auto losses = nn::row_losses(expected, {}, loss, loss.teacher->logits({&batch, 1}));
  EXPECT_LT(losses.abs().max().item<double>(), 1e-6);
}

TEST(Teachers, OfOtherClassesAreRefused) {
  Headed headed;
  headed.save(*headed.dense->with_head({"animal", "colour", "plant", "stone"}, 3), "others");
  EXPECT_EQ(headed.refused("others"), headed.path("others") +
                                          "/config.json: the teacher's classes (id2label) are not those of " +
                                          headed.path("headed") +
                                          " on this data\n    it lacks: number\n    it has besides: plant, stone\n"
                                          "    expected the same names, in any order");
  EXPECT_EQ(headed.refused("model"), headed.path("model") +
                                         "/config.json: has no classification head, so it teaches no "
                                         "classes\n    espalier train makes one");
}

TEST(Teachers, ThatReadOtherTokensAreRefused) {
  Headed headed;
  headed.save(*headed.dense, "other");
  auto vocabulary = read_file(headed.tiny.folder / "other/vocab.txt");
  vocabulary.replace(vocabulary.find("cat\ndog"), 7, "dog\ncat");
  write_file(headed.tiny.folder / "other/vocab.txt", vocabulary);
  EXPECT_EQ(
      headed.refused("other"),
      headed.path("other") + ": its tokenizer gives other ids than that of " + headed.path("headed") +
          " (14 and 14 tokens)\n    expected a checkpoint with the same tokenizer files (tokenizer.json or vocab.txt, "
          "tokenizer_config.json)");
  headed.save(*headed.dense, "cased");
  write_file(headed.tiny.folder / "cased/tokenizer_config.json", R"({"do_lower_case": false})");
  EXPECT_NE(headed.refused("cased").find("its tokenizer gives other ids"), std::string::npos);
}

// Before anything is trained for it.
TEST(Teachers, ThatDoNotFitAreRefusedBeforeTraining) {
  Headed headed;
  headed.save(*headed.dense->with_head({"animal", "colour", "plant"}, 3), "others");
  auto cell = headed.tiny.cell;
  Settings settings;
  settings.set("teacher", headed.path("others"));
  cell.recovery = headed.tiny.plugin("recovery", "distill", settings);
  std::vector<std::string> said;
  engine::Engine engine(bundled_plugins(), headed.tiny.folder / "cache",
                        {[&](const std::string& line) { said.push_back(line); }});
  const auto message = message_of<InputError>([&] { engine.run(cell); });
  EXPECT_NE(message.find("the teacher's classes (id2label) are not those of"), std::string::npos) << message;
  for (const auto& line : said) EXPECT_EQ(line.find("training: epoch"), std::string::npos) << line;
}

// --- lengths

TEST(Texts, AreCutAtWhatTheModelHasPositionsFor) {
  TinyCell tiny;
  auto dataset = tiny.cell.dataset;
  dataset.max_tokens = 128;
  std::string words;
  for (int i = 0; i < 40; ++i) words += "red ";
  dataset.split["test"] = tiny.folder.write("long.tsv", "text\tlabel\n" + words + "\tcolour\ncat\tanimal\n").string();
  std::vector<std::string> said;
  DigestMemory digests(tiny.folder / "cache");
  tasks::TextTask task(dataset, tiny.cell.model.checkpoint, {}, digests,
                       {[&](const std::string& line) { said.push_back(line); }});
  const auto& split = task.split("test");
  EXPECT_EQ(split.examples->length(0), 16);
  EXPECT_EQ(split.examples->length(1), 3);
  ASSERT_EQ(said.size(), 1u);
  EXPECT_EQ(said[0], "texts are cut to 16 tokens, which " + tiny.cell.model.checkpoint +
                         "/config.json has positions for (max_position_embeddings); max_tokens is 128");
  const auto model = families::read_model(tiny.cell.model.checkpoint)->with_head(task.labels(), 1);
  EXPECT_TRUE(task.evaluate(*model, split).metrics.contains("accuracy"));
  // Cutting there by hand is the same reading.
  auto by_hand = dataset;
  by_hand.max_tokens = 16;
  EXPECT_EQ(tasks::TextTask(by_hand, tiny.cell.model.checkpoint, {}, digests).split_digest("test"), split.digest);
}

TEST(Texts, ThatAreTooLongNameTheWayOut) {
  const Headed headed;
  const auto message = message_of<InputError>([&] {
    headed.dense->outputs({{"input_ids", at::ones({1, 17}, at::kLong)}});
  });
  EXPECT_EQ(message,
            "input input_ids has 17 tokens, the model takes at most 16 (max_position_embeddings)\n"
            "    cut texts to that: max_tokens = 16 in the dataset, --max-tokens 16 on the command line");
}

}  // namespace
}  // namespace espalier::test
