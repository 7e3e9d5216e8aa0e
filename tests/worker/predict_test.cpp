// Predicting what people have: texts on the command line, in files and tables; answers as text, TSV and JSON.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tiny_world.h"
#include "words/atomic_file.h"

namespace espalier::test {
namespace {

using Json = nlohmann::json;

class Predict : public testing::Test {
 protected:
  Predict() { EXPECT_EQ(world.train().exit_code, 0); }
  Ran predict(std::vector<std::string> more) const {
    std::vector<std::string> words = {"predict", "--model", "trained"};
    words.insert(words.end(), more.begin(), more.end());
    return world.espalier(words);
  }
  Json json(std::vector<std::string> more) const {
    more.insert(more.end(), {"--format", "json", "--top", "0"});
    const auto ran = predict(more);
    EXPECT_EQ(ran.exit_code, 0) << ran.err;
    return Json::parse(ran.out, nullptr, false);
  }
  // Texts of the test table, and how often the label is the likeliest.
  std::string column_of_texts(std::vector<std::string>& labels) const {
    std::string texts;
    std::istringstream lines(read_file(world.folder / "test.tsv"));
    std::string line;
    std::getline(lines, line);
    while (std::getline(lines, line)) {
      texts += line.substr(0, line.find('\t')) + "\n";
      labels.push_back(line.substr(line.find('\t') + 1));
    }
    return texts;
  }
  const TinyWorld world;
};

TEST_F(Predict, OfTextsAgreesWithEvaluateHoweverTheyAreGiven) {
  std::vector<std::string> labels;
  const auto texts = column_of_texts(labels);
  world.folder.write("texts.txt", texts);
  world.folder.write("texts.tsv", "text\n" + texts);
  const auto evaluated = world.espalier({"evaluate", "--model", "trained", "--data", "test.tsv", "--json"});
  const double accuracy = Json::parse(evaluated.out)["metrics"]["accuracy"];

  const auto found = json({"--input", "texts.txt"});
  ASSERT_EQ(found["results"].size(), labels.size());
  EXPECT_EQ(found["left_out"], Json::array());
  double right = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto& one = found["results"][i];
    EXPECT_EQ(one["input"], "texts.txt:" + std::to_string(i + 1));
    right += one["labels"][0]["label"] == labels[i] ? 1 : 0;
    double sum = 0, last = 1;
    for (const auto& label : one["labels"]) {
      sum += label["probability"].get<double>();
      EXPECT_LE(label["probability"].get<double>(), last);
      last = label["probability"];
    }
    EXPECT_NEAR(sum, 1, 1e-6);
  }
  EXPECT_NEAR(right / static_cast<double>(labels.size()), accuracy, 1e-9);

  // A table without labels gives the same, and so does each text alone.
  const auto table = json({"--input", "texts.tsv"});
  const auto first = texts.substr(0, texts.find('\n'));
  const auto alone = json({"--text", first});
  EXPECT_EQ(table["results"][0]["input"], "texts.tsv:2");
  EXPECT_EQ(table["results"][0]["labels"], found["results"][0]["labels"]);
  EXPECT_EQ(alone["results"][0]["input"], first);
  EXPECT_NEAR(alone["results"][0]["labels"][0]["probability"].get<double>(),
              found["results"][0]["labels"][0]["probability"].get<double>(), 1e-5);
}

TEST_F(Predict, AnswersAsTextAndAsATable) {
  world.folder.write("texts.csv", "words\n\"red, or\nblue\"\nred\n");
  const auto text = predict({"--input", "texts.csv", "--column", "words", "--top", "1"});
  EXPECT_EQ(text.exit_code, 0) << text.err;
  EXPECT_TRUE(text.out.starts_with("texts.csv:2: ")) << text.out;
  EXPECT_NE(text.out.find("\ntexts.csv:4: "), std::string::npos) << text.out;

  const auto table = predict({"--input", "texts.csv", "--column", "words", "--format", "tsv", "--output", "out.tsv"});
  EXPECT_EQ(table.exit_code, 0) << table.err;
  EXPECT_EQ(table.out, "");
  const auto written = read_file(world.folder / "out.tsv");
  EXPECT_TRUE(written.starts_with("input\trank\tlabel\tprobability\ntexts.csv:2\t1\t")) << written;
}

TEST_F(Predict, UnderAMaskIsThatOfTheMaskedModel) {
  EXPECT_EQ(world.espalier({"score", "--model", "trained", "--scorer", "magnitude", "--output", "scores.safetensors"})
                .exit_code,
            0);
  EXPECT_EQ(world
                .espalier({"prune", "--model", "trained", "--scores", "scores.safetensors", "--sparsity", "0.5",
                           "--output", "pruned"})
                .exit_code,
            0);
  const auto of = [&](std::vector<std::string> more) {
    more.insert(more.end(), {"--text", "red green"});
    return json(more)["results"][0]["labels"][0]["probability"].get<double>();
  };
  const double masked = of({"--mask", "pruned/mask.safetensors"});
  EXPECT_NEAR(of({"--mask", "pruned/mask.safetensors", "--compact"}), masked, 1e-5);
  EXPECT_NE(of({}), masked);
}

TEST_F(Predict, SaysWhatIsWrong) {
  const auto said = [&](std::vector<std::string> more, int exit_code) {
    const auto ran = predict(std::move(more));
    EXPECT_EQ(ran.exit_code, exit_code) << ran.err;
    return ran.err;
  };
  const std::string reads =
      "\n    expected --text \"...\", a .txt file of one text a line, a table (.tsv, .csv, .jsonl) with a column text, "
      "or "
      "tensors (.safetensors)\n";
  EXPECT_EQ(said({}, 2), "nothing is given to predict of" + reads);
  EXPECT_EQ(said({"--input", "none.txt"}, 5), "none.txt: there is no such file or folder\n");
  world.folder.write("clip.wav", "RIFF");
  EXPECT_EQ(said({"--input", "clip.wav"}, 5),
            "clip.wav: is no text that can be read (trained is of family bert)" + reads);
  world.folder.write("empty.txt", "\n\n");
  EXPECT_EQ(said({"--input", "empty.txt"}, 5), "empty.txt: holds no texts\n    expected one a line\n");
  world.folder.write("latin.txt", "red\ncaf\xE9\n");
  EXPECT_EQ(
      said({"--input", "latin.txt"}, 5),
      "latin.txt:2: is not UTF-8 at byte 7 of the file\n    convert it: iconv -f LATIN1 -t UTF-8, where LATIN1 is "
      "what it is written in\n");
  EXPECT_EQ(
      said({"--input", "test.tsv", "--column", "txt"}, 5),
      "test.tsv:1: has no column 'txt'\n    instead of 'txt', did you mean 'text'?\n    its columns: text, label\n"
      "    --column NAME names the column that is read\n");
  EXPECT_EQ(said({"--text", "red", "--format", "jsn"}, 2),
            "unknown --format 'jsn'\n    did you mean 'json'?\n    known: json, text, tsv\n");
  const auto transcribed = world.espalier({"transcribe", "--model", "trained", "--input", "clip.wav"});
  EXPECT_EQ(transcribed.exit_code, 5);
  EXPECT_EQ(transcribed.err,
            "trained: is of family bert, which writes no text\n    expected whisper; espalier predict names classes\n");
}

TEST_F(Predict, ResultsOfEachClassAddUpToThoseOfAll) {
  const auto ran =
      world.espalier({"evaluate", "--model", "trained", "--data", "test.tsv", "--json", "--per-class", "--confusion"});
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  const auto found = Json::parse(ran.out);
  double support = 0, f1 = 0, right = 0, all = 0;
  for (const auto& one : found["classes"]) {
    support += one["support"].get<double>();
    f1 += one["f1"].get<double>();
  }
  const auto& rows = found["confusion"]["rows"];
  for (std::size_t row = 0; row < rows.size(); ++row) {
    right += rows[row][row].get<double>();
    for (const auto& count : rows[row]) all += count.get<double>();
  }
  EXPECT_EQ(support, found["examples"].get<double>());
  EXPECT_EQ(all, found["examples"].get<double>());
  EXPECT_NEAR(right / all, found["metrics"]["accuracy"].get<double>(), 1e-12);
  EXPECT_NEAR(f1 / static_cast<double>(rows.size()), found["metrics"]["macro_f1"].get<double>(), 1e-12);

  const auto text =
      world.espalier({"evaluate", "--model", "trained", "--data", "test.tsv", "--per-class", "--confusion"});
  EXPECT_NE(text.out.find("precision  recall      f1  support\n"), std::string::npos) << text.out;
  EXPECT_NE(text.out.find("label \\ predicted"), std::string::npos) << text.out;
}

}  // namespace
}  // namespace espalier::test
