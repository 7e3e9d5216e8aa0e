#include "generation_settings.h"

#include <espalier/error.h>
#include <words/names.h>

#include "nn/text.h"

namespace espalier::families {
namespace {

using Json = nlohmann::ordered_json;

// A setting that changes transcripts unless it has this value, or none at all.
struct Setting {
  const char* key;
  Json harmless;
};

// As transformers 4.57 uses them for Whisper. What only samples or beams look at (temperature, top_k, length_penalty, ...)
// is not among them, nor what looks at an encoder's tokens.
const std::vector<Setting>& settings() {
  static const std::vector<Setting> all = {{"do_sample", false},
                                           {"num_beams", 1},
                                           {"num_beam_groups", 1},
                                           {"num_return_sequences", 1},
                                           {"return_timestamps", false},
                                           {"repetition_penalty", 1},
                                           {"no_repeat_ngram_size", 0},
                                           {"bad_words_ids", Json::array()},
                                           {"force_words_ids", Json::array()},
                                           {"constraints", Json::array()},
                                           {"sequence_bias", Json::array()},
                                           {"min_length", 0},
                                           {"min_new_tokens", 0},
                                           {"forced_eos_token_id", nullptr},
                                           {"exponential_decay_length_penalty", nullptr},
                                           {"guidance_scale", 1},
                                           {"penalty_alpha", 0},
                                           {"dola_layers", nullptr},
                                           {"prompt_lookup_num_tokens", nullptr},
                                           {"stop_strings", nullptr},
                                           {"watermarking_config", nullptr},
                                           {"token_healing", false},
                                           {"max_time", nullptr},
                                           {"no_speech_threshold", nullptr},
                                           {"logprob_threshold", nullptr}};
  return all;
}

}  // namespace

void require_greedy(const ConfigKeys& keys) {
  std::vector<std::string> found, harmless;
  for (const auto& setting : settings()) {
    if (!keys.has(setting.key) || keys.at(setting.key) == setting.harmless) continue;
    const auto value = keys.at(setting.key).dump(-1, ' ', false, Json::error_handler_t::replace);
    found.push_back(std::string(setting.key) + " " + shortened(value));
    harmless.push_back(std::string(setting.key) + " " + setting.harmless.dump());
  }
  if (found.empty()) return;
  throw InputError(keys.path() + ": asks for what would change transcripts and is not done: " + join(found) +
                   "\n    transcripts are written greedily and without timestamps, as under " + join(harmless) +
                   ": write that into a copy of the checkpoint");
}

}  // namespace espalier::families
