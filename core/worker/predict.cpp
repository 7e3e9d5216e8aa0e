// espalier predict and espalier transcribe: what a model makes of texts, sounds and tensors, dense, masked or compacted.
#include <ATen/TensorOperators.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/sort.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>
#include <stdlib.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>

#include "answers.h"
#include "asked.h"
#include "audio/features.h"
#include "commands.h"
#include "data/finiteness.h"
#include "families/checkpoint_facts.h"
#include "families/families.h"
#include "families/speech.h"
#include "input.h"
#include "nn/device.h"
#include "nn/mask_file.h"
#include "nn/safetensors.h"
#include "output.h"
#include "tasks/speech_task.h"
#include "tasks/task.h"
#include "words/atomic_file.h"
#include "words/names.h"

namespace espalier::worker {
namespace {

namespace fs = std::filesystem;

// A folder of this process, gone with it: what people ask once is not worth keeping.
class Scratch {
 public:
  Scratch() {
    std::error_code failed;
    std::string pattern = (fs::temp_directory_path(failed) / "espalier-predict-XXXXXX").string();
    if (failed || mkdtemp(pattern.data()) == nullptr)
      throw InputError(pattern + ": cannot be made\n    point TMPDIR at a folder that you may write to");
    path_ = pattern;
  }
  ~Scratch() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

void check_words(const PredictWords& words) {
  const auto check = [](const char* option, const std::string& found, const std::vector<std::string>& known) {
    if (std::find(known.begin(), known.end(), found) == known.end())
      throw SettingsError(unknown_name(option, found, known));
  };
  if (words.compact && words.mask.empty())
    throw SettingsError("--compact needs --mask FILE: there is nothing to compact away");
  check("--format", words.format, {"text", "tsv", "json"});
  check("--probabilities", words.probabilities, {"auto", "softmax", "sigmoid"});
}

void predict_tensors(const PredictWords& words, const nn::Model& model) {
  if (words.output.empty()) {
    throw SettingsError(
        "--output FILE is missing: what tensors give are tensors\n    texts and sounds are answered on "
        "the terminal");
  }
  auto outputs = model.outputs(nn::read_safetensors(words.input).tensors);
  for (auto& [name, tensor] : outputs) tensor = tensor.cpu();
  nn::write_safetensors(words.output, {outputs, {}});
  for (const auto& [name, tensor] : outputs) {
    std::string shape;
    for (const auto size : tensor.sizes()) shape += (shape.empty() ? "" : ", ") + std::to_string(size);
    std::printf("%s: %s [%s]\n", words.output.c_str(), name.c_str(), shape.c_str());
  }
}

// As a dataset without references, which the task of its format reads: the first class stands for the unknown one.
DatasetSettings dataset_of(const PredictWords& words, const Asked& asked, const nn::Model& model,
                           const fs::path& table) {
  DatasetSettings data;
  const bool speaks = model.task_kind() == nn::TaskKind::Speech, texts = asked.kind == Asked::Kind::Texts;
  data.name = data.split["test"] = table.string();
  data.format = speaks ? Format::SpeechRecognition : texts ? Format::TextClassification : Format::AudioTagging;
  data.long_audio = from_name_or_empty<LongAudio>(words.long_audio, "--long-audio");
  if (speaks && !data.long_audio) data.long_audio = LongAudio::Chunk;
  data.language = words.language;
  data.task = from_name_or_empty<SpeechTask>(words.task, "--task");
  data.max_new_tokens = words.max_new_tokens;
  data.max_tokens = words.max_tokens;
  const bool pairs = std::any_of(asked.all.begin(), asked.all.end(), [](const auto& one) { return !one.pair.empty(); });
  if (pairs) data.pair = "pair";
  std::string lines;
  for (const auto& one : asked.all) {
    nlohmann::json row;
    if (texts) {
      row = {{"text", one.text}, {"label", model.labels().at(0)}};
      if (pairs) row["pair"] = one.pair;
    } else {
      row = {{"path", fs::absolute(one.path).string()}, {speaks ? "text" : "label", ""}};
    }
    lines += row.dump() + "\n";
  }
  write_file(table, lines);
  return data;
}

// One class or several, as transformers' pipelines decide.
bool are_tags(const PredictWords& words) {
  if (words.probabilities != "auto") return words.probabilities == "sigmoid";
  return families::problem_type(words.model) == "multi_label_classification";
}

void add_labels(Answers& answers, const at::Tensor& logits, const PredictWords& words,
                const std::vector<std::string>& labels) {
  const auto wide = logits.to(at::kDouble);  // [examples, classes]
  const bool tags = are_tags(words) || wide.size(1) == 1;
  const auto [values, classes] = (tags ? at::sigmoid(wide) : at::softmax(wide, 1)).sort(/*stable=*/true, 1, true);
  const auto count = words.top == 0 ? wide.size(1) : std::min(words.top, wide.size(1));
  for (std::size_t example = 0; example < answers.all.size(); ++example) {
    const auto row = static_cast<std::int64_t>(example);
    for (std::int64_t rank = 0; rank < count; ++rank) {
      const auto label = static_cast<std::size_t>(classes[row][rank].item<std::int64_t>());
      answers.all[example].labels.emplace_back(labels.at(label), values[row][rank].item<double>());
    }
  }
}

// Names of languages by their tokens; none where generation_config.json has none.
std::map<std::int64_t, std::string> languages_by_token(const fs::path& checkpoint) {
  std::map<std::int64_t, std::string> names;
  const auto file = checkpoint / "generation_config.json";
  std::error_code ignored;
  if (!fs::is_regular_file(file, ignored)) return names;
  const auto config = nlohmann::json::parse(read_file(file), nullptr, false);
  if (!config.is_object() || !config.contains("lang_to_id") || !config["lang_to_id"].is_object()) return names;
  for (const auto& [token, id] : config["lang_to_id"].items()) {  // "<|de|>": 50261
    if (id.is_number_integer() && token.starts_with("<|") && token.ends_with("|>"))
      names[id.get<std::int64_t>()] = token.substr(2, token.size() - 4);
  }
  return names;
}

// That were asked for, or that this model hears in each sound.
void add_languages(Answers& answers, const PredictWords& words, const nn::Model& model, const tasks::Split& split) {
  const auto names = languages_by_token(words.model);
  const auto rules = families::decoding_rules(words.model, words.language, words.task, words.max_new_tokens);
  for (std::size_t example = 0; example < answers.all.size() && !names.empty(); ++example) {
    auto tokens = rules.prompt;
    if (rules.detects_language()) {
      const auto row = static_cast<std::int64_t>(example);
      tokens =
          families::speech_model(model)->languages(split.examples->batch({&row, 1}).inputs.at("input_features"), rules);
    }
    for (const auto token : tokens)
      if (const auto name = names.find(token); name != names.end()) answers.all[example].language = name->second;
  }
}

void add_transcripts(Answers& answers, const tasks::SpeechTask& task, const tasks::Outputs& outputs) {
  answers.are_transcripts = true;
  const auto texts = task.transcripts(outputs);
  for (std::size_t example = 0; example < texts.size(); ++example) {
    auto& answer = answers.all[example];
    const auto begin = texts[example].find_first_not_of(' ');  // a transcript begins with a space
    answer.text = begin == std::string::npos ? "" : texts[example].substr(begin);
    answer.cut = outputs.at("cut")[static_cast<std::int64_t>(example)].item<std::int64_t>() != 0;
  }
}

std::vector<LeftOut> bad_sounds(const PredictWords& words, Asked& asked) {
  const auto extractor = audio::FeatureExtractor::read(words.model);
  const auto most = words.long_audio == "refuse" ? extractor.window_samples() : 0;
  const auto all = asked.all.size();
  auto left_out = take_out_bad_sounds(asked, extractor.sampling_rate(), extractor.shortest(), most);
  if (left_out.empty()) return left_out;
  std::string names;
  for (const auto& one : left_out) names += "\n    " + one.name + ": " + one.reason.substr(0, one.reason.find('\n'));
  if (words.bad_files == "refuse" || asked.all.empty()) {
    if (all == 1) throw InputError(left_out[0].name + ": " + left_out[0].reason);
    throw InputError(fmt::format("{} of {} sound files cannot be used{}{}", left_out.size(), all, names,
                                 asked.all.empty() ? "" : "\n    --bad-files skip leaves them out"));
  }
  say(fmt::format("{} of {} sound files are left out:{}", left_out.size(), all, names));
  return left_out;
}

Answers answers_of(const PredictWords& words, const nn::Model& model, const std::vector<std::string>& labels,
                   Asked asked, const nn::Device& device) {
  Answers answers;
  answers.model = words.model;
  if (asked.kind == Asked::Kind::Sounds) answers.left_out = bad_sounds(words, asked);
  for (const auto& one : asked.all) answers.all.push_back({one.name, one.text, {}, "", false});
  const Scratch scratch;
  DigestMemory digests(scratch.path());
  const auto task = tasks::make_task(dataset_of(words, asked, model, scratch.path() / "asked.jsonl"), words.model,
                                     labels, digests, scratch.path(), watch(), &model, device);
  const auto evaluation = task->evaluate(model, task->split("test"));
  if (const auto* speech = dynamic_cast<const tasks::SpeechTask*>(task.get())) {
    add_transcripts(answers, *speech, evaluation.outputs);
    add_languages(answers, words, model, task->split("test"));
    return answers;
  }
  const auto& logits = evaluation.outputs.at("logits");
  if (const auto broken = data::rows_not_finite(logits); broken > 0) {
    throw InputError(
        fmt::format("{}: gives numbers that are none for {} of {} inputs\n    its weights, or those that the "
                    "mask leaves, are damaged",
                    words.model, broken, answers.all.size()));
  }
  add_labels(answers, logits, words, labels);
  return answers;
}

ExitCode answer(const PredictWords& words, const nn::Device& device, bool must_write_text) {
  const c10::InferenceMode inference;
  check_words(words);
  if (!words.output.empty()) {
    check_output_file("--output", words.output,
                      {{"--model", words.model}, {"--input", words.input}, {"--mask", words.mask}});
  }
  auto model = families::read_model(words.model, "", device.place);
  say_skipped(*model, words.model);
  const bool speaks = model->task_kind() == nn::TaskKind::Speech;
  if (must_write_text && !speaks) {
    throw InputError(words.model + ": is of family " + model->family() +
                     ", which writes no text\n    expected whisper; espalier predict names classes");
  }
  const auto asked = what_is_asked(words, model->family());
  const auto labels = model->labels();
  if (asked.kind != Asked::Kind::Tensors && labels.empty() && !speaks) {
    throw InputError(words.model +
                     ": has no classification head, so there is nothing to predict\n    espalier train "
                     "makes one; of tensors (.safetensors) its hidden states are given");
  }
  if (asked.kind != Asked::Kind::Tensors && !speaks && families::problem_type(words.model) == "regression")
    tasks::require_head(words.model, labels, Format::TextClassification);
  if (!words.mask.empty()) {
    const auto mask = nn::read_mask(words.mask, model->sites(), checkpoint_digest(words.model));
    model = words.compact ? model->compacted(mask) : model->masked(mask);
  }
  if (asked.kind == Asked::Kind::Tensors) {
    predict_tensors(words, *model);
    return ExitCode::Done;
  }
  const auto text = rendered(answers_of(words, *model, labels, asked, device), words.format);
  if (words.output.empty()) {
    std::fputs(text.c_str(), stdout);
  } else {
    write_file(words.output, text);
  }
  return ExitCode::Done;
}

}  // namespace

ExitCode predict(const PredictWords& words, const nn::Device& device) { return answer(words, device, false); }

ExitCode transcribe(const PredictWords& words, const nn::Device& device) { return answer(words, device, true); }

}  // namespace espalier::worker
