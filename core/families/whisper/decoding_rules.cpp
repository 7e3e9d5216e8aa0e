// generation_config.json to decoding rules, in the order in which transformers 4.57 builds its first tokens.
#include <espalier/error.h>
#include <families/speech.h>
#include <words/names.h>

#include <algorithm>
#include <cctype>
#include <limits>
#include <optional>
#include <string_view>

#include "config_keys.h"
#include "generation_settings.h"
#include "nn/text.h"

namespace espalier::families {
namespace {

using Json = nlohmann::ordered_json;
using Tokens = std::vector<std::int64_t>;

struct Language {
  std::string_view code, name;
};
// The languages of multilingual checkpoints, and other names for some.
constexpr Language known_languages[] = {
    {"en", "english"},        {"zh", "chinese"},     {"de", "german"},        {"es", "spanish"},
    {"ru", "russian"},        {"ko", "korean"},      {"fr", "french"},        {"ja", "japanese"},
    {"pt", "portuguese"},     {"tr", "turkish"},     {"pl", "polish"},        {"ca", "catalan"},
    {"nl", "dutch"},          {"ar", "arabic"},      {"sv", "swedish"},       {"it", "italian"},
    {"id", "indonesian"},     {"hi", "hindi"},       {"fi", "finnish"},       {"vi", "vietnamese"},
    {"he", "hebrew"},         {"uk", "ukrainian"},   {"el", "greek"},         {"ms", "malay"},
    {"cs", "czech"},          {"ro", "romanian"},    {"da", "danish"},        {"hu", "hungarian"},
    {"ta", "tamil"},          {"no", "norwegian"},   {"th", "thai"},          {"ur", "urdu"},
    {"hr", "croatian"},       {"bg", "bulgarian"},   {"lt", "lithuanian"},    {"la", "latin"},
    {"mi", "maori"},          {"ml", "malayalam"},   {"cy", "welsh"},         {"sk", "slovak"},
    {"te", "telugu"},         {"fa", "persian"},     {"lv", "latvian"},       {"bn", "bengali"},
    {"sr", "serbian"},        {"az", "azerbaijani"}, {"sl", "slovenian"},     {"kn", "kannada"},
    {"et", "estonian"},       {"mk", "macedonian"},  {"br", "breton"},        {"eu", "basque"},
    {"is", "icelandic"},      {"hy", "armenian"},    {"ne", "nepali"},        {"mn", "mongolian"},
    {"bs", "bosnian"},        {"kk", "kazakh"},      {"sq", "albanian"},      {"sw", "swahili"},
    {"gl", "galician"},       {"mr", "marathi"},     {"pa", "punjabi"},       {"si", "sinhala"},
    {"km", "khmer"},          {"sn", "shona"},       {"yo", "yoruba"},        {"so", "somali"},
    {"af", "afrikaans"},      {"oc", "occitan"},     {"ka", "georgian"},      {"be", "belarusian"},
    {"tg", "tajik"},          {"sd", "sindhi"},      {"gu", "gujarati"},      {"am", "amharic"},
    {"yi", "yiddish"},        {"lo", "lao"},         {"uz", "uzbek"},         {"fo", "faroese"},
    {"ht", "haitian creole"}, {"ps", "pashto"},      {"tk", "turkmen"},       {"nn", "nynorsk"},
    {"mt", "maltese"},        {"sa", "sanskrit"},    {"lb", "luxembourgish"}, {"my", "myanmar"},
    {"bo", "tibetan"},        {"tl", "tagalog"},     {"mg", "malagasy"},      {"as", "assamese"},
    {"tt", "tatar"},          {"haw", "hawaiian"},   {"ln", "lingala"},       {"ha", "hausa"},
    {"ba", "bashkir"},        {"jw", "javanese"},    {"su", "sundanese"},     {"yue", "cantonese"},
    {"my", "burmese"},        {"ca", "valencian"},   {"nl", "flemish"},       {"ht", "haitian"},
    {"lb", "letzeburgesch"},  {"ps", "pushto"},      {"pa", "panjabi"},       {"ro", "moldavian"},
    {"ro", "moldovan"},       {"si", "sinhalese"},   {"es", "castilian"},     {"zh", "mandarin"},
};

// What a checkpoint says of decoding. Where there is no generation_config.json, its config.json says it.
class Settings {
 public:
  explicit Settings(const std::filesystem::path& checkpoint)
      : config_path_((checkpoint / "config.json").string()),
        path_((checkpoint / "generation_config.json").string()),
        config_(read_config(config_path_)) {
    std::error_code ignored;
    has_file_ = std::filesystem::exists(path_, ignored);
    if (has_file_) {
      json_ = read_config(path_);
    } else {
      path_ = config_path_;
      json_ = config_;
      // transformers knows these of every Whisper.
      if (!json_.contains("begin_suppress_tokens")) json_["begin_suppress_tokens"] = {220, 50256};
    }
  }

  ConfigKeys keys() const { return {path_, json_}; }
  ConfigKeys config_keys() const { return {config_path_, config_}; }
  std::int64_t vocabulary() const { return config_keys().whole("vocab_size", 51865, 1, 1'000'000'000); }
  // The first of both files that has the key.
  ConfigKeys with(const char* key) const { return keys().has(key) ? keys() : config_keys(); }
  std::int64_t token(const char* key, std::int64_t absent) const;
  std::int64_t end() const;
  Tokens list(const char* key) const {
    return keys().whole_numbers(key, std::numeric_limits<std::int32_t>::min(),
                                std::numeric_limits<std::int32_t>::max());
  }
  // Tokens by name: "<|en|>" of lang_to_id, "translate" of task_to_id. Empty where the checkpoint has none.
  std::vector<std::pair<std::string, std::int64_t>> tokens_by_name(const char* key) const;

 private:
  std::string config_path_, path_;
  Json config_, json_;
  bool has_file_ = false;
};

std::int64_t Settings::token(const char* key, std::int64_t absent) const {
  return with(key).whole(key, absent, 0, vocabulary() - 1);
}

// A number, or a list of one.
std::int64_t Settings::end() const {
  const auto from = with("eos_token_id");
  if (!from.has("eos_token_id") || !from.at("eos_token_id").is_array()) return token("eos_token_id", 50256);
  const auto ends = from.whole_numbers("eos_token_id", 0, vocabulary() - 1);
  if (ends.size() != 1) from.complain("eos_token_id", "one token");
  return ends[0];
}

std::vector<std::pair<std::string, std::int64_t>> Settings::tokens_by_name(const char* key) const {
  std::vector<std::pair<std::string, std::int64_t>> tokens;
  if (!keys().has(key)) return tokens;
  const auto& names = keys().at(key);
  const std::string expected =
      "an object of tokens from 0 to " + std::to_string(vocabulary() - 1) + " (vocab_size) by name";
  if (!names.is_object()) keys().complain(key, expected);
  for (const auto& [name, token] : names.items()) {
    if (!token.is_number_integer() || token.get<std::int64_t>() < 0 || token.get<std::int64_t>() >= vocabulary())
      keys().complain(key, expected);
    tokens.emplace_back(name, token.get<std::int64_t>());
  }
  return tokens;
}

std::string lower_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

// The token of a language given by code, by English name or as the token itself.
std::int64_t language_token(const Settings& settings, const std::string& given) {
  const auto tokens = settings.tokens_by_name("lang_to_id");
  if (tokens.empty()) {
    throw InputError(settings.keys().path() +
                     ": lang_to_id is missing, which a language needs\n    expected an object of tokens by language, "
                     "as {\"<|en|>\": 50259}");
  }
  const auto token_of = [&](const std::string& name) -> std::optional<std::int64_t> {
    for (const auto& [known, token] : tokens) {
      if (known == name) return token;
    }
    return std::nullopt;
  };
  const auto name = lower_case(given);
  if (const auto token = token_of(name)) return *token;
  std::vector<std::string> known;
  for (const auto& [code, full] : known_languages) {
    const auto token = token_of("<|" + std::string(code) + "|>");
    if (!token) continue;
    if (name == code || name == full) return *token;
    known.emplace_back(full);
    if (given.size() <= 3) known.emplace_back(code);
  }
  throw SettingsError(unknown_name("language", shortened(given), known));
}

std::int64_t task_token(const Settings& settings, const std::string& task) {
  const auto tokens = settings.tokens_by_name("task_to_id");
  std::vector<std::string> known;
  for (const auto& [name, token] : tokens) {
    if (name == task) return token;
    known.push_back(name);
  }
  if (tokens.empty()) {
    throw InputError(settings.keys().path() +
                     ": task_to_id is missing, which a task needs\n    expected an object of tokens by task, as "
                     "{\"transcribe\": 50359}");
  }
  throw SettingsError(unknown_name("task", shortened(task), known));
}

// Tokens at places 1, 2, ... after the first; -1 where the language is left open ([1, null]).
Tokens forced_tokens(const Settings& settings) {
  constexpr const char* key = "forced_decoder_ids";
  const auto from = settings.with(key);
  Tokens forced;
  if (!from.has(key)) return forced;
  const std::string expected = "a list of [place, token] for places 1, 2, ...";
  if (!from.at(key).is_array()) from.complain(key, expected);
  for (const auto& entry : from.at(key)) {
    const bool pair = entry.is_array() && entry.size() == 2 && entry[0].is_number_integer() &&
                      entry[0].get<std::int64_t>() == std::ssize(forced) + 1 &&
                      (entry[1].is_null() || entry[1].is_number_integer());
    if (!pair) from.complain(key, expected);
    forced.push_back(entry[1].is_null() ? DecodingRules::detected_language : entry[1].get<std::int64_t>());
    if (forced.back() >= settings.vocabulary()) from.complain(key, expected + ", tokens below vocab_size");
  }
  return forced;
}

// What the caller asks for, else what the file says ("" if nothing).
std::string chosen(const Settings& settings, const char* key, const std::string& asked) {
  return !asked.empty() || !settings.keys().has(key) ? asked : settings.keys().text(key, "");
}

Tokens prompt_of(const Settings& settings, const std::string& language, const std::string& task) {
  Tokens prompt = {settings.token("decoder_start_token_id", 50257)};
  if (language.empty() && task.empty()) {
    for (const auto token : forced_tokens(settings)) prompt.push_back(token);
  }
  const bool open = prompt.size() == 1 || prompt[1] == DecodingRules::detected_language;
  std::optional<std::int64_t> spoken;
  if (!language.empty()) {
    spoken = language_token(settings, language);
  } else if (open && !settings.tokens_by_name("lang_to_id").empty()) {
    spoken = DecodingRules::detected_language;
  }
  if (spoken && prompt.size() == 1) prompt.push_back(*spoken);
  if (spoken) prompt[1] = *spoken;
  // Nothing to detect a language among: the place goes.
  if (!spoken) std::erase(prompt, DecodingRules::detected_language);

  if (!task.empty()) {
    prompt.push_back(task_token(settings, task));
  } else if (!language.empty() && !settings.tokens_by_name("task_to_id").empty()) {
    prompt.push_back(task_token(settings, "transcribe"));
  }
  if (settings.keys().has("no_timestamps_token_id")) {
    const auto no_timestamps = settings.token("no_timestamps_token_id", 0);
    if (prompt.back() != no_timestamps) prompt.push_back(no_timestamps);
  }
  return prompt;
}

// As many as asked for; else as the file says; else as the model has positions for.
std::int64_t most_tokens_of(const Settings& settings, std::int64_t prompt, std::int64_t asked) {
  const auto positions = settings.config_keys().whole("max_target_positions", 448, 1, 10'000'000);
  const auto room = positions - prompt;
  if (asked < 0 || asked > room) {
    throw SettingsError("at most " + std::to_string(asked) +
                        " tokens a transcript do not fit the model\n    expected from 1 to " + std::to_string(room) +
                        ": it has " + std::to_string(positions) +
                        " positions (max_target_positions), of which the prompt takes " + std::to_string(prompt));
  }
  if (asked > 0) return asked;
  constexpr std::int64_t most = 1'000'000'000;
  const auto keys = settings.keys();
  if (keys.has("max_new_tokens")) return std::min(room, keys.whole("max_new_tokens", room, 1, most));
  if (!keys.has("max_length")) return room;
  const auto length = keys.whole("max_length", positions, 1, most);
  if (length <= prompt)
    keys.complain("max_length", "more than the " + std::to_string(prompt) + " tokens of the prompt");
  return std::min(room, length - prompt);
}

bool multilingual(const Settings& settings) {
  return settings.keys().boolean("is_multilingual", settings.vocabulary() >= 51865);
}

}  // namespace

bool DecodingRules::detects_language() const {
  return std::find(prompt.begin(), prompt.end(), detected_language) != prompt.end();
}

bool is_multilingual(const std::filesystem::path& checkpoint) { return multilingual(Settings(checkpoint)); }

DecodingRules decoding_rules(const std::filesystem::path& checkpoint, const std::string& language,
                             const std::string& task, std::int64_t most_new_tokens) {
  const Settings settings(checkpoint);
  require_greedy(settings.keys());
  if (!multilingual(settings) && !(language.empty() && task.empty())) {
    throw SettingsError(settings.keys().path() + ": the checkpoint hears English only, it takes no " +
                        (language.empty() ? "task " + in_quotes(task) : "language " + in_quotes(language)) +
                        "\n    leave language and task out");
  }
  const bool english = !multilingual(settings);
  DecodingRules rules;
  rules.prompt = prompt_of(settings, english ? "" : chosen(settings, "language", language),
                           english ? "" : chosen(settings, "task", task));
  for (const auto& [name, token] : settings.tokens_by_name("lang_to_id")) rules.languages.push_back(token);
  std::sort(rules.languages.begin(), rules.languages.end());
  rules.suppressed = settings.list("suppress_tokens");
  rules.suppressed_at_begin = settings.list("begin_suppress_tokens");
  rules.end = settings.end();
  rules.most_tokens = most_tokens_of(settings, static_cast<std::int64_t>(rules.prompt.size()), most_new_tokens);
  return rules;
}

}  // namespace espalier::families
