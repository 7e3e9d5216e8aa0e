#include "families/ctranslate2.h"

#include <espalier/error.h>
#include <words/atomic_file.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>
#include <vector>

#include "config_keys.h"
#include "ctranslate2_weights.h"
#include "nn/text.h"

namespace espalier::families {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr std::int64_t english_words = 51864;  // multilingual vocabularies have at least one more
constexpr std::int64_t end_of_english = 50256, end_of_multilingual = 50257;
constexpr std::int64_t positions_per_second = 50, sampling_rate = 16000, hop = 160;

// --- tokenizer.json

struct AddedToken {
  std::int64_t id = 0;
  Json entry;
};

struct Tokenizer {
  Json json;
  std::map<std::string, AddedToken> added;
  std::int64_t end = 0, start = 0, no_timestamps = 0, previous = 0, translate = 0, transcribe = 0;
};

[[noreturn]] void not_whisper(const fs::path& file, const std::string& why) {
  throw InputError(file.string() + ": " + why +
                   "\n    expected the tokenizer.json of the model that model.bin was converted from");
}

std::int64_t id_of(const Tokenizer& tokenizer, const std::string& token, const fs::path& file) {
  const auto found = tokenizer.added.find(token);
  if (found == tokenizer.added.end()) not_whisper(file, "has no token " + in_quotes(token));
  return found->second.id;
}

Tokenizer read_tokenizer(const fs::path& file, std::int64_t vocabulary) {
  Tokenizer tokenizer;
  tokenizer.json = read_config(file);
  const auto& json = tokenizer.json;
  const bool has_words = json.contains("model") && json["model"].is_object() && json["model"].contains("vocab") &&
                         json["model"]["vocab"].is_object() && json["model"].contains("merges") &&
                         json["model"]["merges"].is_array();
  if (!has_words) not_whisper(file, "has no byte-level BPE: no 'vocab' and 'merges' in 'model'");
  if (!json.contains("added_tokens") || !json["added_tokens"].is_array()) not_whisper(file, "has no 'added_tokens'");
  for (const auto& entry : json["added_tokens"]) {
    const bool whole = entry.is_object() && entry.contains("id") && entry["id"].is_number_unsigned() &&
                       entry.contains("content") && entry["content"].is_string();
    if (!whole || entry["id"].get<std::uint64_t>() >= static_cast<std::uint64_t>(vocabulary)) {
      not_whisper(file, "an added token has no id below " + std::to_string(vocabulary) +
                            ", the rows of model.bin, or no content");
    }
    tokenizer.added[entry["content"].get<std::string>()] = {entry["id"].get<std::int64_t>(), entry};
  }
  tokenizer.end = id_of(tokenizer, "<|endoftext|>", file);
  tokenizer.start = id_of(tokenizer, "<|startoftranscript|>", file);
  tokenizer.translate = id_of(tokenizer, "<|translate|>", file);
  tokenizer.transcribe = id_of(tokenizer, "<|transcribe|>", file);
  tokenizer.previous = id_of(tokenizer, "<|startofprev|>", file);
  tokenizer.no_timestamps = id_of(tokenizer, "<|notimestamps|>", file);
  const auto expected = vocabulary == english_words ? end_of_english : end_of_multilingual;
  if (tokenizer.end != expected) {
    not_whisper(file, "'<|endoftext|>' is token " + std::to_string(tokenizer.end) + ", expected " +
                          std::to_string(expected) + " for the " + std::to_string(vocabulary) + " words of model.bin");
  }
  return tokenizer;
}

// Languages stand between the start of the transcript and the tasks.
Json languages(const Tokenizer& tokenizer) {
  std::map<std::int64_t, std::string> by_id;
  const auto last = std::min(tokenizer.translate, tokenizer.transcribe);
  for (const auto& [name, token] : tokenizer.added) {
    if (token.id > tokenizer.start && token.id < last) by_id[token.id] = name;
  }
  Json ids = Json::object();
  for (const auto& [id, name] : by_id) ids[name] = id;
  return ids;
}

// --- the files beside the weights

// Forced tokens as transformers counts them: by the place in the decoder's input.
Json forced_ids(const Tokenizer& tokenizer, bool multilingual) {
  if (!multilingual) return Json::array({Json::array({1, tokenizer.no_timestamps})});
  return Json::array({Json::array({1, nullptr}), Json::array({2, tokenizer.transcribe})});  // 1: detect the language
}

Json special_ids(const Tokenizer& tokenizer) {
  return {{"bos_token_id", tokenizer.end},
          {"eos_token_id", tokenizer.end},
          {"pad_token_id", tokenizer.end},
          {"decoder_start_token_id", tokenizer.start}};
}

Json model_config(const ImportedWhisper& sizes, const Tokenizer& tokenizer) {
  Json config = {{"architectures", {"WhisperForConditionalGeneration"}},
                 {"model_type", "whisper"},
                 {"is_encoder_decoder", true},
                 {"d_model", sizes.width},
                 {"encoder_layers", sizes.encoder_layers},
                 {"num_hidden_layers", sizes.encoder_layers},
                 {"encoder_attention_heads", sizes.encoder_heads},
                 {"encoder_ffn_dim", sizes.feed_forward},
                 {"decoder_layers", sizes.decoder_layers},
                 {"decoder_attention_heads", sizes.decoder_heads},
                 {"decoder_ffn_dim", sizes.feed_forward},
                 {"activation_function", "gelu"},
                 {"num_mel_bins", sizes.mel_bins},
                 {"max_source_positions", sizes.source_positions},
                 {"max_target_positions", sizes.target_positions},
                 {"vocab_size", sizes.vocabulary},
                 {"scale_embedding", false},
                 {"tie_word_embeddings", true},
                 {"torch_dtype", "float32"}};
  config.update(special_ids(tokenizer));
  return config;
}

Json generation_config(const ImportedWhisper& sizes, const Tokenizer& tokenizer, const ConfigKeys& source) {
  const auto last = sizes.vocabulary - 1;
  if (!source.has("suppress_ids")) source.complain("suppress_ids", "the tokens that Whisper never writes");
  auto at_begin = source.whole_numbers("suppress_ids_begin", 0, last);
  if (!source.has("suppress_ids_begin")) at_begin = {220, tokenizer.end};  // a space and the end
  Json config = special_ids(tokenizer);
  config.update({{"max_length", sizes.target_positions},
                 {"suppress_tokens", source.whole_numbers("suppress_ids", 0, last)},
                 {"begin_suppress_tokens", at_begin},
                 {"forced_decoder_ids", forced_ids(tokenizer, sizes.multilingual)},
                 {"is_multilingual", sizes.multilingual},
                 {"no_timestamps_token_id", tokenizer.no_timestamps},
                 {"prev_sot_token_id", tokenizer.previous},
                 {"max_initial_timestamp_index", 50},
                 {"return_timestamps", false}});
  if (source.has("alignment_heads")) config["alignment_heads"] = source.at("alignment_heads");
  if (sizes.multilingual) {
    config["lang_to_id"] = languages(tokenizer);
    config["task_to_id"] = {{"transcribe", tokenizer.transcribe}, {"translate", tokenizer.translate}};
  }
  return config;
}

Json preprocessor_config(const ImportedWhisper& sizes) {
  const auto seconds = sizes.source_positions / positions_per_second;
  const auto samples = seconds * sampling_rate;
  return {{"chunk_length", seconds},
          {"dither", 0.0},
          {"feature_extractor_type", "WhisperFeatureExtractor"},
          {"feature_size", sizes.mel_bins},
          {"hop_length", hop},
          {"n_fft", 400},
          {"n_samples", samples},
          {"nb_max_frames", samples / hop},
          {"padding_side", "right"},
          {"padding_value", 0.0},
          {"processor_class", "WhisperProcessor"},
          {"return_attention_mask", false},
          {"sampling_rate", sampling_rate}};
}

Json tokenizer_config(const ImportedWhisper& sizes, const Tokenizer& tokenizer) {
  std::map<std::int64_t, const AddedToken*> by_id;
  for (const auto& [name, token] : tokenizer.added) by_id[token.id] = &token;
  Json added = Json::object();
  for (const auto& [id, token] : by_id) {
    auto entry = token->entry;
    entry.erase("id");
    added[std::to_string(id)] = entry;
  }
  return {{"tokenizer_class", "WhisperTokenizer"},
          {"processor_class", "WhisperProcessor"},
          {"add_prefix_space", false},
          {"errors", "replace"},
          {"bos_token", "<|endoftext|>"},
          {"eos_token", "<|endoftext|>"},
          {"pad_token", "<|endoftext|>"},
          {"unk_token", "<|endoftext|>"},
          {"return_attention_mask", false},
          {"model_max_length", sizes.target_positions},
          {"added_tokens_decoder", added}};
}

// merges.txt of a byte-level BPE: a line for each pair of tokens, the first rule first.
std::string merges_text(const Tokenizer& tokenizer, const fs::path& file) {
  std::string text = "#version: 0.2\n";
  for (const auto& merge : tokenizer.json["model"]["merges"]) {
    if (merge.is_string()) {
      text += merge.get_ref<const std::string&>() + "\n";
    } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
      text += merge[0].get<std::string>() + " " + merge[1].get<std::string>() + "\n";
    } else {
      not_whisper(file, "a merge is neither a text nor a pair of texts");
    }
  }
  return text;
}

void write_json(const fs::path& file, const Json& json) { write_file(file, json.dump(2) + "\n"); }

// The tokenizer as one file for fast tokenizers, and as vocab.json and merges.txt for others.
void write_tokenizer(const fs::path& from, const fs::path& to, const ImportedWhisper& sizes,
                     const Tokenizer& tokenizer) {
  const auto merges = merges_text(tokenizer, from);
  write_file(to / "tokenizer.json", read_file(from));
  write_json(to / "tokenizer_config.json", tokenizer_config(sizes, tokenizer));
  write_json(to / "special_tokens_map.json", {{"bos_token", "<|endoftext|>"},
                                              {"eos_token", "<|endoftext|>"},
                                              {"pad_token", "<|endoftext|>"},
                                              {"unk_token", "<|endoftext|>"}});
  write_file(to / "vocab.json", tokenizer.json["model"]["vocab"].dump() + "\n");
  write_file(to / "merges.txt", merges);
}

void expect_directory(const fs::path& source) {
  std::error_code ignored;
  if (!fs::is_directory(source, ignored)) {
    throw InputError(source.string() +
                     ": is no folder, expected a CTranslate2 Whisper directory with model.bin, config.json and "
                     "tokenizer.json");
  }
  std::string missing;
  for (const char* name : {"model.bin", "config.json", "tokenizer.json"}) {
    if (!fs::exists(source / name, ignored)) missing += (missing.empty() ? "" : ", ") + std::string(name);
  }
  if (missing.empty()) return;
  std::string message = source.string() + ": is no CTranslate2 Whisper directory, it has no " + missing;
  if (fs::exists(source / "model.safetensors", ignored)) {
    message += "\n    it looks like a Hugging Face directory, which needs no import";
  } else if (missing == "tokenizer.json") {
    message += "\n    take it from the model that was converted, for instance openai/whisper-tiny.en";
  }
  throw InputError(message);
}

}  // namespace

ImportedWhisper import_ctranslate2_whisper(const fs::path& source, const fs::path& output) {
  expect_directory(source);
  const auto weights_file = source / "model.bin";
  const Json config = read_config(source / "config.json");
  const ConfigKeys keys((source / "config.json").string(), config);
  auto container = read_ctranslate2_file(weights_file);
  ImportedWhisper sizes;
  const auto weights = whisper_weights(container, weights_file, sizes);
  if (sizes.vocabulary < english_words) {
    throw InputError(weights_file.string() + ": has a vocabulary of " + std::to_string(sizes.vocabulary) +
                     " words, expected 51864 (English-only) or at least 51865 (multilingual)");
  }
  if (sizes.source_positions % positions_per_second != 0) {
    throw InputError(weights_file.string() + ": the encoder has " + std::to_string(sizes.source_positions) +
                     " positions, expected whole seconds of 50 each, such as 1500");
  }
  sizes.multilingual = sizes.vocabulary > english_words;
  const auto tokenizer = read_tokenizer(source / "tokenizer.json", sizes.vocabulary);
  const auto generation = generation_config(sizes, tokenizer, keys);
  write_tokenizer(source / "tokenizer.json", output, sizes, tokenizer);
  write_json(output / "generation_config.json", generation);
  write_json(output / "preprocessor_config.json", preprocessor_config(sizes));
  write_safetensors(output / "model.safetensors", weights);
  write_json(output / "config.json", model_config(sizes, tokenizer));
  return sizes;
}

}  // namespace espalier::families
