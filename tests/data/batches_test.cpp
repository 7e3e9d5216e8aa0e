#include <ATen/ATen.h>
#include <espalier/error.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "data/text_examples.h"
#include "support/message_of.h"
#include "support/temp_dir.h"
#include "support/tensor_matchers.h"
#include "text/wordpiece.h"

namespace espalier::data {
namespace {

// Examples of the given lengths; ids count up through all of them, types are 1 from the third token on.
TextExamples examples(const std::vector<std::size_t>& lengths) {
  TextExamples made;
  std::int32_t next = 100;
  for (const auto length : lengths) {
    text::Encoding encoding;
    for (std::size_t token = 0; token < length; ++token) {
      encoding.ids.push_back(next++);
      encoding.types.push_back(token >= 2 ? 1 : 0);
    }
    made.labels.push_back(static_cast<std::int64_t>(made.encodings.size() % 3));
    made.encodings.push_back(std::move(encoding));
  }
  return made;
}

at::Tensor table(std::vector<std::int64_t> values, std::int64_t columns) {
  return at::tensor(values, at::kLong).view({-1, columns});
}

// The batches of an order.
std::vector<Batch> batches_of(const TextExamples& examples, const std::vector<Rows>& order) {
  std::vector<Batch> batches;
  for (const auto& rows : order) batches.push_back(examples.batch(rows));
  return batches;
}

TEST(Bucketed, MakesBatchesOfEquallyLongExamples) {
  const auto some = examples({3, 2, 3, 3, 2});
  const auto batches = batches_of(some, bucketed(some, 2));

  ASSERT_EQ(batches.size(), 3u);
  EXPECT_EQ(batches[0].rows, (Rows{1, 4}));
  EXPECT_EQ(batches[1].rows, (Rows{0, 2}));
  EXPECT_EQ(batches[2].rows, (Rows{3}));
  EXPECT_TRUE(test::is_close(batches[1].inputs.at("input_ids"), table({100, 101, 102, 105, 106, 107}, 3)));
  EXPECT_TRUE(test::is_close(batches[1].inputs.at("token_type_ids"), table({0, 0, 1, 0, 0, 1}, 3)));
  EXPECT_TRUE(test::is_close(batches[1].labels, at::tensor({0, 2}, at::kLong)));
  EXPECT_EQ(batches[1].inputs.count("attention_mask"), 0u);
}

TEST(Bucketed, HasNoBatchesOfNoExamples) { EXPECT_TRUE(bucketed(TextExamples(), 8).empty()); }

TEST(Padded, TakesSeveralLengthsTogetherUpToSoMuchPadding) {
  const auto some = examples({3, 9, 2, 3, 8});
  EXPECT_EQ(padded(some, 8, /*most_padding=*/1), (std::vector<Rows>{{2, 0, 3}, {4, 1}}));
  EXPECT_EQ(padded(some, 8, /*most_padding=*/0), (std::vector<Rows>{{2}, {0, 3}, {4}, {1}}));
  EXPECT_EQ(padded(some, 8, /*most_padding=*/100), (std::vector<Rows>{{2, 0, 3, 4, 1}}));
  EXPECT_EQ(padded(some, 2, /*most_padding=*/100), (std::vector<Rows>{{2, 0}, {3, 4}, {1}}));
  EXPECT_EQ(padded(some, 8, /*most_padding=*/100, /*samples=*/2), (std::vector<Rows>{{0, 1}}));
  EXPECT_TRUE(padded(TextExamples(), 8, 100).empty());
}

TEST(InFileOrder, PadsToTheLongestOfEachBatch) {
  auto some = examples({2, 3, 1, 1});
  some.padding = 7;

  const auto batches = batches_of(some, in_file_order(some, 0, 2));

  ASSERT_EQ(batches.size(), 2u);
  EXPECT_TRUE(test::is_close(batches[0].inputs.at("input_ids"), table({100, 101, 7, 102, 103, 104}, 3)));
  EXPECT_TRUE(test::is_close(batches[0].inputs.at("token_type_ids"), table({0, 0, 0, 0, 0, 1}, 3)));
  EXPECT_TRUE(test::is_close(batches[0].inputs.at("attention_mask"), table({1, 1, 0, 1, 1, 1}, 3)));
  EXPECT_EQ(batches[1].inputs.count("attention_mask"), 0u);  // equally long
  EXPECT_EQ(batches[1].rows, (Rows{2, 3}));
}

TEST(InFileOrder, TakesTheFirstSamples) {
  const auto order = in_file_order(examples({1, 1, 1, 1, 1}), 3, 2);

  ASSERT_EQ(order.size(), 2u);
  EXPECT_EQ(order[1], (Rows{2}));
  EXPECT_EQ(in_file_order(examples({1, 1}), 9, 2).at(0), (Rows{0, 1}));
}

TextExamples many(std::size_t count) {
  std::vector<std::size_t> lengths;
  for (std::size_t row = 0; row < count; ++row) lengths.push_back(3 + row * 7919 % 20);
  return examples(lengths);
}

TEST(TrainingSteps, HoldsEveryExampleOnce) {
  const auto some = many(1003);
  Random random(5);
  std::set<std::int64_t> seen;
  std::size_t smaller = 0;

  for (const auto& step : training_steps(some, 8, random)) {
    std::size_t in_step = 0;
    for (const auto& group : step) {
      in_step += group.size();
      for (const auto row : group) {
        EXPECT_TRUE(seen.insert(row).second);
        EXPECT_EQ(some.length(row), some.length(group[0]));
      }
    }
    if (in_step != 8) ++smaller;
  }

  EXPECT_EQ(seen.size(), 1003u);
  EXPECT_EQ(smaller, 1u);
}

TEST(TrainingSteps, NeedFewGroups) {
  Random random(5);
  const auto steps = training_steps(many(4096), 32, random);

  std::size_t groups = 0;
  for (const auto& step : steps) groups += step.size();

  EXPECT_EQ(steps.size(), 128u);
  EXPECT_LT(groups, 4 * steps.size());  // 20 lengths; without pools a step has about 16
}

TEST(TrainingSteps, DependOnTheSeedAndOnTheEpoch) {
  const auto some = many(200);
  const auto order = [&](Random& random) {
    Rows rows;
    for (const auto& step : training_steps(some, 4, random)) {
      for (const auto& group : step) rows.insert(rows.end(), group.begin(), group.end());
    }
    return rows;
  };
  Random one(1), same(1), other(2);
  const auto first = order(one);

  EXPECT_EQ(order(same), first);
  EXPECT_NE(order(other), first);
  EXPECT_NE(order(one), first);
}

TEST(Batches, RefuseToBeEmpty) {
  Random random(0);
  EXPECT_EQ(test::message_of<SettingsError>([] { bucketed(examples({1}), 0); }),
            "a batch of 0 examples cannot be, expected at least 1");
  EXPECT_THROW(in_file_order(examples({1}), 0, -1), SettingsError);
  EXPECT_THROW(training_steps(examples({1}), 0, random), SettingsError);
  EXPECT_EQ(training_steps(examples({1, 2}), std::int64_t{1} << 62, random).size(), 1u);
}

class Tokenise : public ::testing::Test {
 protected:
  Tokenise() { folder_.write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\na\nb\n"); }
  TextExamples tokenise(const std::vector<TextRow>& rows, const std::vector<std::string>& labels) {
    return data::tokenise(rows, text::WordPiece::read(folder_.path()), labels, 8, "train.tsv");
  }
  test::TempDir folder_;
};

TEST_F(Tokenise, TurnsRowsIntoIdsAndClasses) {
  const auto some = tokenise({{"a b", "", "no", 2}, {"b", "", "yes", 3}}, {"yes", "no"});

  EXPECT_EQ(some.labels, (Rows{1, 0}));
  EXPECT_EQ(some.encodings[0].ids, (std::vector<std::int32_t>{2, 4, 5, 3}));
  EXPECT_EQ(some.padding, 0);
}

TEST_F(Tokenise, EncodesPairs) {
  const auto some = tokenise({{"a", "b", "x", 2}, {"a", "", "x", 3}}, {"x"});

  EXPECT_EQ(some.encodings[0].types, (std::vector<std::int32_t>{0, 0, 0, 1, 1}));
  EXPECT_EQ(some.encodings[1].ids, (std::vector<std::int32_t>{2, 4, 3, 3}));
}

// As RoBERTa's: <s> text </s></s> pair </s>, filled up with <pad>.
TEST_F(Tokenise, TakesATokenizerOfAnyKind) {
  folder_.write("tokenizer.json", R"({"model": {"type": "BPE", "merges": [],
      "vocab": {"<s>": 0, "<pad>": 1, "</s>": 2, "a": 3, "b": 4, "\u0120": 5}},
      "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false},
      "post_processor": {"type": "RobertaProcessing", "cls": ["<s>", 0], "sep": ["</s>", 2]}})");
  const auto some = data::tokenise({{"a b", "a", "x", 2}, {"b", "", "x", 3}}, *text::read_tokenizer(folder_.path()),
                                   {"x"}, 16, "train.tsv");
  const std::vector<std::int64_t> both = {0, 1};
  const auto batch = some.batch(both);

  EXPECT_TRUE(test::is_close(batch.inputs.at("input_ids"), table({0, 3, 5, 4, 2, 2, 3, 2, 0, 4, 2, 2, 2, 1, 1, 1}, 8)));
  EXPECT_TRUE(
      test::is_close(batch.inputs.at("attention_mask"), table({1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0}, 8)));
  EXPECT_TRUE(test::is_close(batch.inputs.at("token_type_ids"), at::zeros({2, 8}, at::kLong)));
}

TEST_F(Tokenise, LetsIntegersStandForUnnamedLabels) {
  EXPECT_EQ(tokenise({{"a", "", "1", 2}, {"a", "", "LABEL_0", 3}}, {"LABEL_0", "LABEL_1"}).labels, (Rows{1, 0}));
  EXPECT_THROW(tokenise({{"a", "", "1", 2}}, {"no", "yes"}), InputError);
  EXPECT_THROW(tokenise({{"a", "", "2", 2}}, {"LABEL_0", "LABEL_1"}), InputError);
}

TEST_F(Tokenise, NamesLabelsThatAreNotKnown) {
  const std::vector<TextRow> rows{
      {"a", "", "positiv", 2}, {"a", "", "positive", 3}, {"a", "", "positiv", 4}, {"a", "", "mixed", 5}};

  EXPECT_EQ(test::message_of<InputError>([&] {
              tokenise(rows, {"positive", "negative"});
            }),
            "train.tsv:2: unknown label 'positiv'\n    did you mean 'positive'?\n    known: negative, positive\n"
            "    train.tsv:5: unknown label 'mixed'\n    3 rows have a label that the model does not know");
  EXPECT_EQ(test::message_of<InputError>([&] { tokenise({rows[3]}, {"x"}); }),
            "train.tsv:5: unknown label 'mixed'\n    known: x\n    1 row has a label that the model does not know");
}

TEST_F(Tokenise, ListsTenUnknownLabels) {
  std::vector<TextRow> rows;
  for (int row = 0; row < 12; ++row) rows.push_back({"a", "", std::string(1, static_cast<char>('a' + row)), row + 2});

  const auto message = test::message_of<InputError>([&] { tokenise(rows, {"known"}); });

  EXPECT_NE(message.find("\n    and 2 more labels\n    12 rows have a label that the model does not know"),
            std::string::npos)
      << message;
}

}  // namespace
}  // namespace espalier::data
