#include "tasks/speech_task.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <c10/core/InferenceMode.h>
#include <espalier/error.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "data/finiteness.h"
#include "families/families.h"
#include "nn/device.h"
#include "speech/bleu.h"
#include "speech/error_rate.h"
#include "tasks/sounds.h"
#include "tasks/spoken_languages.h"

namespace espalier::tasks {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::int64_t no_label = -100;

using Tokens = std::vector<std::int64_t>;

// Features by number, and the reference behind the prompt as the decoder reads it.
class SpeechExamples final : public data::Examples {
 public:
  // `languages`: one a sound where the rules leave it open, else none.
  SpeechExamples(Sounds sounds, std::vector<Tokens> references, const families::DecodingRules& rules, Tokens languages)
      : sounds_(std::make_shared<const Sounds>(std::move(sounds))),
        references_(std::move(references)),
        prompt_(rules.prompt),
        languages_(std::move(languages)),
        end_(rules.end) {
    for (std::int64_t example = 0; example < sounds_->features.size(); ++example) places_.push_back(example);
    if (languages_.size() != (rules.detects_language() ? references_.size() : 0))
      throw InputError("the language of an utterance is open and was not detected: its prompt cannot be written");
  }

  // These of others.
  SpeechExamples(const SpeechExamples& whole, const data::Rows& rows)
      : sounds_(whole.sounds_), prompt_(whole.prompt_), end_(whole.end_) {
    for (const auto row : rows) {
      const auto example = static_cast<std::size_t>(row);
      places_.push_back(whole.places_[example]);
      references_.push_back(whole.references_[example]);
      if (!whole.languages_.empty()) languages_.push_back(whole.languages_[example]);
    }
  }

  std::int64_t size() const override { return std::ssize(places_); }
  std::int64_t length(std::int64_t example) const override {
    return static_cast<std::int64_t>(prompt_.size() + references_[static_cast<std::size_t>(example)].size());
  }
  bool has_loss(std::int64_t example) const override { return windows(example) == 1; }
  std::int64_t windows(std::int64_t example) const { return sounds_->features.windows(place(example)); }
  // decoder_input_ids: prompt and reference; labels: what comes next, asked from the last of the prompt on. Of a sound in
  // chunks the first, of which only the prompt is known.
  Batch batch(std::span<const std::int64_t> examples) const override {
    Batch made;
    made.rows.assign(examples.begin(), examples.end());
    data::Rows places;
    for (const auto example : examples) places.push_back(place(example));
    made.inputs["input_features"] = sounds_->features.features(places);  // [B, mels, frames]
    std::size_t longest = 0;
    for (const auto example : examples) longest = std::max(longest, prompt_.size() + known_reference(example).size());
    const auto tokens = static_cast<std::int64_t>(longest);
    const auto count = static_cast<std::int64_t>(examples.size());
    auto ids = at::full({count, tokens}, end_, at::kLong);         // [B, T]
    auto labels = at::full({count, tokens}, no_label, at::kLong);  // [B, T]
    for (std::int64_t row = 0; row < count; ++row) {
      auto* id = ids.mutable_data_ptr<std::int64_t>() + row * tokens;
      auto* label = labels.mutable_data_ptr<std::int64_t>() + row * tokens + (prompt_.size() - 1);
      const auto example = examples[static_cast<std::size_t>(row)];
      const auto reference = known_reference(example);
      id = write_prompt(example, id);
      std::copy(reference.begin(), reference.end(), id);
      *std::copy(reference.begin(), reference.end(), label) = end_;
    }
    made.inputs["decoder_input_ids"] = std::move(ids);
    made.labels = std::move(labels);
    return made;
  }
  // Windows of a sound in chunks: what is said in each alone is not known.
  Batch some_windows(std::int64_t example, std::int64_t first, std::int64_t count) const {
    Batch made;
    std::vector<at::Tensor> parts;
    const auto sound = place(example);
    for (auto number = first; number < first + count; ++number)
      parts.push_back(sounds_->features.features({&sound, 1}, number));
    made.rows.assign(static_cast<std::size_t>(count), example);
    made.inputs["input_features"] = at::cat(parts);  // [windows, mels, frames]
    return made;
  }
  const std::string& text(std::int64_t example) const {
    return sounds_->rows()[static_cast<std::size_t>(sounds_->features.row(place(example)))].text;
  }
  double tokens_asked(std::int64_t example) const {
    return static_cast<double>(references_[static_cast<std::size_t>(example)].size()) + 1;
  }

 private:
  std::int64_t place(std::int64_t example) const { return places_[static_cast<std::size_t>(example)]; }
  std::span<const std::int64_t> known_reference(std::int64_t example) const {
    return has_loss(example) ? std::span(references_[static_cast<std::size_t>(example)])
                             : std::span<const std::int64_t>();
  }
  // Behind what is written.
  std::int64_t* write_prompt(std::int64_t example, std::int64_t* place) const {
    for (const auto token : prompt_) {
      const bool open = token == families::DecodingRules::detected_language;
      *place++ = open ? languages_[static_cast<std::size_t>(example)] : token;
    }
    return place;
  }

  std::shared_ptr<const Sounds> sounds_;
  data::Rows places_;  // among the sounds, by example
  std::vector<Tokens> references_;
  Tokens prompt_, languages_;
  std::int64_t end_;
};

const SpeechExamples& speech_examples(const Split& split) {
  return dynamic_cast<const SpeechExamples&>(*split.examples);
}

// One row an example, -1 behind what it wrote: [examples, longest].
at::Tensor in_rows(const std::vector<Tokens>& written) {
  std::size_t longest = 1;
  for (const auto& tokens : written) longest = std::max(longest, tokens.size());
  auto rows = at::full({static_cast<std::int64_t>(written.size()), static_cast<std::int64_t>(longest)}, -1, at::kLong);
  for (std::size_t example = 0; example < written.size(); ++example) {
    std::copy(written[example].begin(), written[example].end(),
              rows.mutable_data_ptr<std::int64_t>() + example * longest);
  }
  return rows;
}

// What one model makes of a split.
class Listening {
 public:
  explicit Listening(std::int64_t examples)
      : written_(static_cast<std::size_t>(examples)),
        losses_(at::full({examples}, std::numeric_limits<double>::quiet_NaN(), at::kDouble)),
        cut_(at::full({examples}, 0, at::kLong)) {}

  void keep(std::int64_t example, const families::Transcription& heard) {
    auto& tokens = written_[static_cast<std::size_t>(example)];
    tokens.insert(tokens.end(), heard.tokens.begin(), heard.tokens.end());
    if (heard.cut) cut_[example] = 1;
    if (!heard.finite) losses_[example] = no_number;
  }
  void keep(const data::Rows& rows, const families::Heard& heard) {
    const auto of_rows = heard.losses.to(at::kCPU, at::kDouble).contiguous();  // [rows]
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const double loss = of_rows.const_data_ptr<double>()[i];
      losses_[rows[i]] = std::isfinite(loss) ? loss : no_number;
      keep(rows[i], heard.transcriptions[i]);
    }
  }
  Outputs outputs() const { return {{"tokens", in_rows(written_)}, {"losses", losses_}, {"cut", cut_}}; }

 private:
  // Of what is not asked for a loss there is none; infinite: a number was asked for, and is none.
  static constexpr double no_number = std::numeric_limits<double>::infinity();

  std::vector<Tokens> written_;
  at::Tensor losses_, cut_;  // [examples]
};

// Models that listen to one split together, so many examples at a time as fit.
class Audience {
 public:
  Audience(std::span<const nn::Model* const> models, const Split& split, const families::DecodingRules& rules,
           std::int64_t together)
      : models_(models), listening_(listening_of(*models.front())), split_(split), rules_(rules), together_(together) {}

  // What each model hears in the first of these rows, and how many they are.
  std::pair<std::vector<families::Heard>, std::size_t> hear_first(std::span<const std::int64_t> rows) {
    return fitting(std::ssize(rows), [&](std::int64_t count) {
      const auto some = rows.first(static_cast<std::size_t>(count));
      return heard(fmt::format("{}", fmt::join(some, ",")), [&] { return split_.examples->batch(some); });
    });
  }
  // The same of the windows of a sound in chunks, from this one on.
  std::pair<std::vector<families::Heard>, std::size_t> hear_windows(std::int64_t example, std::int64_t first) {
    const auto& examples = speech_examples(split_);
    return fitting(examples.windows(example) - first, [&](std::int64_t count) {
      return heard(fmt::format("{} from window {}, {}", example, first, count),
                   [&] { return examples.some_windows(example, first, count); });
    });
  }

 private:
  static const families::SpeechModel& listening_of(const nn::Model& model) {
    const auto* listening = families::speech_model(model);
    if (listening == nullptr) throw InputError("a " + model.family() + " model writes no text\n    expected whisper");
    return *listening;
  }
  // Where memory does not suffice, the same again, fewer at a time.
  template <typename Hear>
  std::pair<std::vector<families::Heard>, std::size_t> fitting(std::int64_t left, Hear&& hear) {
    return nn::with_fitting_size(together_, models_.front()->device(), [&](std::int64_t most) {
      const auto count = std::min(most, left);
      return std::pair(hear(count), static_cast<std::size_t>(count));
    });
  }
  // Features stay where the models compute.
  template <typename Make>
  std::vector<families::Heard> heard(const std::string& part, const Make& make) const {
    const auto batches = [&] { return std::vector<Batch>{make()}; };
    const auto& model = *models_.front();
    const auto inputs = split_.prepared ? split_.prepared->get(model, part, batches) : model.prepared(batches());
    return listening_.hear_each(models_, *inputs, rules_);
  }

  std::span<const nn::Model* const> models_;
  const families::SpeechModel& listening_;
  const Split& split_;
  const families::DecodingRules& rules_;
  std::int64_t together_;
};

// Errors of a split, and of each of its utterances.
struct ErrorCounts {
  speech::EditCounts words, characters;
  std::map<std::string, std::vector<std::int64_t>> of_examples;

  // One utterance more; gives the errors of its words.
  speech::EditCounts add(const std::string& said, const std::string& heard) {
    const auto of_words = speech::word_errors(said, heard), of_characters = speech::character_errors(said, heard);
    words += of_words;
    characters += of_characters;
    of_examples["word_errors"].push_back(of_words.errors());
    of_examples["words"].push_back(of_words.reference);
    of_examples["character_errors"].push_back(of_characters.errors());
    of_examples["characters"].push_back(of_characters.reference);
    return of_words;
  }
};

}  // namespace

SpeechTask::SpeechTask(DatasetSettings dataset, std::string checkpoint, DigestMemory& digests,
                       std::filesystem::path cache_folder, Watch watch, const nn::Model* dense, nn::Device device)
    : Task(std::move(dataset), digests, std::move(watch), std::move(device)),
      checkpoint_(std::move(checkpoint)),
      cache_folder_(std::move(cache_folder)),
      dense_(dense) {}

const audio::FeatureExtractor& SpeechTask::extractor() {
  if (!extractor_) {
    extractor_ = audio::FeatureExtractor::read(checkpoint_);
    extractor_->require_model(checkpoint_);
  }
  if (extractor_->kind() != audio::FeatureExtractor::Kind::LogMel) {
    throw InputError(checkpoint_ +
                     ": classifies sounds and writes no text (speech-recognition)\n    expected a whisper "
                     "checkpoint");
  }
  return *extractor_;
}

void SpeechTask::prepare() {
  if (tokenizer_) return;
  extractor();
  rules_ =
      families::decoding_rules(checkpoint_, dataset_.language, name_or_empty(dataset_.task), dataset_.max_new_tokens);
  normalizer_ = dataset_.normalizer                      ? *dataset_.normalizer
                : families::is_multilingual(checkpoint_) ? Normalizer::WhisperBasic
                                                         : Normalizer::WhisperEnglish;
  tokenizer_ = std::make_unique<text::ByteLevelBpe>(text::ByteLevelBpe::read(checkpoint_));
}

Split SpeechTask::read(const std::string& name) {
  path_of(name);
  prepare();
  auto sounds = read_sounds(dataset_, name, extractor(), LongAudio::Refuse, cache_folder_, tables(), watch());
  std::vector<Tokens> references;
  const auto most = static_cast<std::size_t>(std::max<std::int64_t>(rules_.most_tokens - 1, 1));
  std::int64_t shortened = 0;
  for (std::int64_t example = 0; example < sounds.features.size(); ++example) {
    const auto& text = sounds.rows()[static_cast<std::size_t>(sounds.features.row(example))].text;
    // As the model itself writes: a text begins with a space.
    references.push_back(text.empty() ? Tokens() : tokenizer_->encode(' ' + text));
    if (references.back().size() <= most) continue;
    references.back().resize(most);
    ++shortened;
  }
  if (shortened > 0) {
    watch().tell(fmt::format("references longer than {1} tokens: {0}; the cross-entropy looks at their beginning",
                             shortened, most));
  }
  auto languages = languages_of(name, sounds);
  Split split;
  split.notes = notes_of(sounds.features);
  split.examples =
      std::make_unique<SpeechExamples>(std::move(sounds), std::move(references), rules_, std::move(languages));
  split.batches = data::in_file_order(*split.examples, 0, 1);
  const auto in_chunks = split.examples->size() - static_cast<std::int64_t>(split.batches.size());
  if (in_chunks > 0) {
    watch().tell(
        fmt::format("{} of {} utterances are heard in chunks: they are transcribed, and have no loss; scores, "
                    "training and cross-entropy leave them out",
                    in_chunks, split.examples->size()));
  }
  return split;
}

Tokens SpeechTask::languages_of(const std::string& name, const Sounds& sounds) {
  if (!rules_.detects_language()) return {};
  std::unique_ptr<nn::Model> read;  // where nobody holds the checkpoint's model
  const auto dense = [&]() -> const nn::Model& {
    if (dense_ == nullptr) read = families::read_model(checkpoint_, to_string(Family::Whisper), device().place);
    return dense_ == nullptr ? *read : *dense_;
  };
  return spoken_languages(sounds.features, rules_, listening_digest(name), cache_folder_, dense, watch(), device());
}

std::string SpeechTask::listening_digest(const std::string& name) {
  return sha256_hex(sounds_digest(dataset_, name, extractor(), tables()) +
                    tables().digests().of_checkpoint(checkpoint_));
}

std::string SpeechTask::compute_digest(const std::string& name) {
  path_of(name);
  prepare();
  // Languages that are detected are what this checkpoint hears in these sounds.
  const auto sounds =
      rules_.detects_language() ? listening_digest(name) : sounds_digest(dataset_, name, extractor(), tables());
  const nlohmann::json reading = {{"sounds", sounds},
                                  {"normalizer", normalizer_},
                                  {"prompt", rules_.prompt},
                                  {"suppressed", rules_.suppressed},
                                  {"suppressed_at_begin", rules_.suppressed_at_begin},
                                  {"most_tokens", rules_.most_tokens}};
  return sha256_hex(reading.dump());
}

void SpeechTask::require_same_reading(const std::filesystem::path& other) const {
  require_same_features(checkpoint_, other);
  const auto own_tokens = text::ByteLevelBpe::read(checkpoint_), tokens = text::ByteLevelBpe::read(other);
  if (!own_tokens.gives_the_ids_of(tokens)) {
    throw InputError(fmt::format(
        "{}: its tokenizer gives other ids than that of {} ({} and {} tokens)\n    expected a checkpoint with the same "
        "tokenizer files (tokenizer.json, or vocab.json, merges.txt and added_tokens.json)",
        other.string(), checkpoint_, tokens.vocabulary_size(), own_tokens.vocabulary_size()));
  }
  const auto rules_of = [&](const std::filesystem::path& checkpoint) {
    return families::decoding_rules(checkpoint, dataset_.language, name_or_empty(dataset_.task),
                                    dataset_.max_new_tokens);
  };
  const auto own = rules_of(checkpoint_), theirs = rules_of(other);
  if (own.prompt != theirs.prompt || own.end != theirs.end ||
      (own.detects_language() && own.languages != theirs.languages)) {
    throw InputError(
        fmt::format("{}/generation_config.json: its transcripts begin or end with other tokens than those of {} ([{}] "
                    "and [{}], -1: a "
                    "language that is detected)\n    expected equal languages, tasks and end tokens",
                    other.string(), checkpoint_, fmt::join(theirs.prompt, ", "), fmt::join(own.prompt, ", ")));
  }
}

Evaluation SpeechTask::evaluate(const nn::Model& model, const Split& split) const {
  const auto* const alone = &model;
  return std::move(evaluate_models({&alone, 1}, split).front());
}

std::vector<Evaluation> SpeechTask::evaluate_models(std::span<const nn::Model* const> models,
                                                    const Split& split) const {
  const c10::InferenceMode inference;
  const auto& examples = speech_examples(split);
  const auto count = examples.size();
  std::vector<Listening> heard;
  for (std::size_t i = 0; i < models.size(); ++i) heard.emplace_back(count);

  data::Rows whole, in_chunks;
  for (std::int64_t example = 0; example < count; ++example)
    (examples.has_loss(example) ? whole : in_chunks).push_back(example);
  // References of similar length waste little on padding.
  std::stable_sort(whole.begin(), whole.end(),
                   [&](std::int64_t a, std::int64_t b) { return examples.length(a) < examples.length(b); });
  Audience audience(models, split, rules_, heard_together(*models.front(), extractor_->frames(), device()));
  const auto begun = Clock::now();
  auto said = begun;
  std::size_t done = 0;
  const auto progress = [&](std::size_t more) {
    done += more;
    if (Clock::now() - said < std::chrono::seconds(5)) return;
    said = Clock::now();
    const double rate = static_cast<double>(done) / std::chrono::duration<double>(said - begun).count();
    watch().tell(fmt::format("speech: {} of {} utterances, {:.1f}/s, {:.0f} s left", done, count, rate,
                             static_cast<double>(count - static_cast<std::int64_t>(done)) / rate));
  };
  for (std::size_t begin = 0; begin < whole.size();) {
    watch().check();
    const auto [by_models, some] = audience.hear_first(std::span(whole).subspan(begin));
    const data::Rows rows(whole.begin() + static_cast<std::ptrdiff_t>(begin),
                          whole.begin() + static_cast<std::ptrdiff_t>(begin + some));
    for (std::size_t i = 0; i < models.size(); ++i) heard[i].keep(rows, by_models[i]);
    begin += some;
    progress(some);
  }
  for (const auto example : in_chunks) {
    const auto windows = static_cast<std::size_t>(examples.windows(example));
    for (std::size_t begin = 0; begin < windows;) {
      watch().check();
      const auto [by_models, some] = audience.hear_windows(example, static_cast<std::int64_t>(begin));
      for (std::size_t i = 0; i < models.size(); ++i) {
        for (const auto& part : by_models[i].transcriptions) heard[i].keep(example, part);
      }
      begin += some;
    }
    progress(1);
  }
  std::vector<Evaluation> evaluations;
  for (std::size_t i = 0; i < models.size(); ++i) {
    evaluations.push_back(
        evaluation_of(heard[i].outputs(), split, multiply_adds_of(*models[i], split) - models[i]->take_skipped()));
  }
  return evaluations;
}

std::unique_ptr<BoundedMetric> SpeechTask::bounded(const Split& split, const std::string& metric) const {
  if (metric != "wer" && metric != "cer") return nullptr;
  const auto errors_in = metric == "wer" ? speech::word_errors : speech::character_errors;
  std::vector<std::string> texts;
  std::vector<std::int64_t> said;
  for (std::int64_t example = 0; example < split.examples->size(); ++example) {
    texts.push_back(speech::normalized(normalizer_, speech_examples(split).text(example)));
    said.push_back(errors_in(texts.back(), "").reference);
  }
  const auto errors = [this, errors_in, texts = std::move(texts)](const Evaluation& evaluation,
                                                                  std::span<const std::int64_t> examples) {
    const auto heard = transcripts(evaluation.outputs);
    std::vector<std::int64_t> all;
    for (std::size_t i = 0; i < examples.size(); ++i) {
      const auto& text = texts[static_cast<std::size_t>(examples[i])];
      // Infinite: a number was asked for, and is none.
      const bool has_number = !std::isinf(evaluation.outputs.at("losses")[static_cast<std::int64_t>(i)].item<double>());
      all.push_back(has_number ? errors_in(text, speech::normalized(normalizer_, heard[i])).errors()
                               : BoundedMetric::no_number);
    }
    return all;
  };
  return bounded_by_errors(std::move(said), errors);
}

std::unique_ptr<data::Examples> SpeechTask::some_of(const data::Examples& whole, data::Rows rows) const {
  return std::make_unique<SpeechExamples>(dynamic_cast<const SpeechExamples&>(whole), rows);
}

std::vector<std::string> SpeechTask::transcripts(const Outputs& outputs) const {
  const auto tokens = outputs.at("tokens").contiguous();  // [examples, longest]
  std::vector<std::string> texts;
  for (std::int64_t example = 0; example < tokens.size(0); ++example) {
    const auto* first = tokens.const_data_ptr<std::int64_t>() + example * tokens.size(1);
    Tokens ids;
    for (std::int64_t i = 0; i < tokens.size(1) && first[i] >= 0; ++i) ids.push_back(first[i]);
    texts.push_back(tokenizer_->decode(ids));
  }
  return texts;
}

Evaluation SpeechTask::evaluation_of(const Outputs& outputs, const Split& split, std::int64_t multiply_adds) const {
  const c10::InferenceMode inference;
  const auto& examples = speech_examples(split);
  const auto count = examples.size();
  for (const char* name : {"tokens", "losses", "cut"}) {
    const auto found = outputs.find(name);
    if (found == outputs.end() || found->second.dim() == 0 || found->second.size(0) != count)
      throw InputError(fmt::format("outputs have no {} for each of the {} utterances", name, count));
  }
  Evaluation evaluation;
  evaluation.outputs = outputs;
  evaluation.examples = count;
  evaluation.multiply_adds = multiply_adds;
  ErrorCounts counts;
  std::vector<std::string> heard, said;
  double empty = 0, exact = 0, nats = 0, asked = 0, unscored = 0;
  std::int64_t broken = 0;
  const auto texts = transcripts(outputs);
  for (std::int64_t example = 0; example < count; ++example) {
    said.push_back(speech::normalized(normalizer_, examples.text(example)));
    heard.push_back(speech::normalized(normalizer_, texts[static_cast<std::size_t>(example)]));
    const auto errors = counts.add(said.back(), heard.back());
    empty += errors.reference == 0 ? 1 : 0;
    const double loss = outputs.at("losses")[example].item<double>();
    const bool is_right = errors.errors() == 0 && !std::isinf(loss);
    exact += is_right ? 1 : 0;
    evaluation.outcomes += is_right ? '1' : '0';
    if (std::isinf(loss)) {
      ++broken;
      continue;
    }
    if (std::isnan(loss)) {
      ++unscored;
      continue;
    }
    nats += loss * examples.tokens_asked(example);
    asked += examples.tokens_asked(example);
  }
  auto& metrics = evaluation.metrics;
  metrics = {{"wer", counts.words.rate()},
             {"cer", counts.characters.rate()},
             {"bleu", speech::corpus_bleu(heard, said)},
             {"words", static_cast<double>(counts.words.reference)},
             {"substitutions", static_cast<double>(counts.words.substitutions)},
             {"deletions", static_cast<double>(counts.words.deletions)},
             {"insertions", static_cast<double>(counts.words.insertions)},
             {"exact", exact / static_cast<double>(count)},
             {"cut", outputs.at("cut").sum().item<double>()},
             {"empty_references", empty}};
  if (asked > 0) metrics["cross_entropy"] = nats / asked;
  if (unscored > 0) metrics["without_cross_entropy"] = unscored;
  if (broken == 0) {
    evaluation.example_numbers = std::move(counts.of_examples);
  } else {
    metrics["cross_entropy"] = 0;
    metrics = data::no_numbers(std::move(metrics), broken);
  }
  metrics.insert(split.notes.begin(), split.notes.end());
  return evaluation;
}

at::Tensor SpeechTask::training_loss(const nn::Model& model, const Split& split, const std::vector<data::Rows>& step,
                                     const Aim& aim, Random&) const {
  std::vector<Batch> groups;
  std::vector<at::Tensor> labels;
  for (const auto& rows : step) {
    groups.push_back(split.examples->batch(rows));
    const auto flat = groups.back().labels.reshape({-1});
    labels.push_back(flat.masked_select(flat.ne(no_label)));
  }
  return step_loss(model.training_logits(groups, aim.gates).to(at::kFloat), at::cat(labels), false, groups, aim);
}

}  // namespace espalier::tasks
