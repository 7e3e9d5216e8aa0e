#include "tokenizer_files.h"

#include <espalier/error.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "tokenizer_class.h"
#include "words/atomic_file.h"
#include "words/names.h"
#include "words/utf8.h"

namespace espalier::text {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

[[noreturn]] void malformed(const fs::path& file, const std::string& what) {
  throw InputError(file.string() + ": " + what +
                   "\n    expected a WordPiece tokenizer as transformers saves it for BERT");
}

json read_object(const fs::path& file) {
  json document;
  try {
    document = json::parse(read_file(file));
  } catch (const json::parse_error& error) {
    malformed(file, "is not valid JSON (byte " + std::to_string(error.byte) + ")");
  }
  if (!document.is_object()) malformed(file, "holds a JSON " + std::string(document.type_name()) + ", not an object");
  return document;
}

// Members of an object with a type, each with its own complaint.
class Members {
 public:
  Members(const fs::path& file, const json& object, std::string where)
      : file_(file), object_(object), where_(std::move(where)) {
    if (!object.is_object()) malformed(file, "'" + where_ + "' is a JSON " + object.type_name() + ", not an object");
  }

  const json* find(const char* name) const {
    const auto member = object_.find(name);
    return member == object_.end() || member->is_null() ? nullptr : &*member;
  }
  std::optional<bool> boolean(const char* name) const {
    const json* const member = find(name);
    if (member == nullptr) return std::nullopt;
    if (!member->is_boolean()) wrong(name, *member, "true or false");
    return member->get<bool>();
  }
  std::optional<std::string> text(const char* name) const {
    const json* const member = find(name);
    if (member == nullptr) return std::nullopt;
    if (!member->is_string()) wrong(name, *member, "a string");
    return member->get<std::string>();
  }
  std::optional<std::int64_t> integer(const char* name, std::int64_t most) const {
    const json* const member = find(name);
    return member == nullptr ? std::nullopt : std::optional(checked_integer(name, *member, most));
  }
  std::int64_t checked_integer(const std::string& name, const json& value, std::int64_t most) const {
    const bool fits = value.is_number_unsigned() && value.get<std::uint64_t>() <= static_cast<std::uint64_t>(most);
    if (!fits) wrong(name, value, "an integer from 0 to " + std::to_string(most));
    return value.get<std::int64_t>();
  }
  [[noreturn]] void wrong(const std::string& name, const json& found, const std::string& expected) const {
    std::string shown = found.dump(-1, ' ', true);
    if (shown.size() > 40) shown = shown.substr(0, 40) + "...";
    malformed(file_, "'" + (where_.empty() ? name : where_ + "." + name) + "' is " + shown + ", expected " + expected);
  }

 private:
  const fs::path& file_;
  const json& object_;
  std::string where_;
};

constexpr std::int64_t largest_id = std::numeric_limits<std::int32_t>::max() - 1;

void read_vocabulary_text(const fs::path& file, TokenizerFiles& files) {
  const std::string text = read_file(file);
  std::int32_t id = 0;
  for (std::size_t start = 0; start < text.size(); ++id) {
    std::size_t end = text.find('\n', start);
    if (end == std::string::npos) end = text.size();
    std::string token = text.substr(start, end - start);
    if (!token.empty() && token.back() == '\r') token.pop_back();
    if (const auto bad = invalid_utf8(token)) {
      malformed(file, "line " + std::to_string(id + 1) + " is not UTF-8 at byte " + std::to_string(start + *bad) +
                          " of the file");
    }
    files.vocabulary[std::move(token)] = id;  // of equal tokens the last one counts, as in transformers
    start = end + 1;
  }
  if (files.vocabulary.empty()) malformed(file, "is empty, expected one token a line");
}

void read_vocabulary_json(const fs::path& file, const json& vocabulary, TokenizerFiles& files) {
  if (!vocabulary.is_object()) {
    malformed(file,
              "'model.vocab' is a JSON " + std::string(vocabulary.type_name()) + ", not an object of tokens and ids");
  }
  const Members members(file, vocabulary, "model.vocab");
  std::unordered_map<std::int32_t, std::string> tokens;
  for (const auto& [token, id] : vocabulary.items()) {
    const auto number = static_cast<std::int32_t>(members.checked_integer(token, id, largest_id));
    if (const auto [other, fresh] = tokens.emplace(number, token); !fresh) {
      malformed(file, "tokens '" + other->second + "' and '" + token + "' have the same id " + std::to_string(number));
    }
    files.vocabulary.emplace(token, number);
  }
}

AddedToken added_token(const Members& members) {
  AddedToken token;
  token.content = members.text("content").value_or("");
  token.single_word = members.boolean("single_word").value_or(false);
  token.lstrip = members.boolean("lstrip").value_or(false);
  token.rstrip = members.boolean("rstrip").value_or(false);
  const bool special = members.boolean("special").value_or(false);
  token.normalized = members.boolean("normalized").value_or(!special);
  return token;
}

void add(TokenizerFiles& files, AddedToken token) {
  const bool known = std::any_of(files.added.begin(), files.added.end(),
                                 [&](const AddedToken& other) { return other.content == token.content; });
  if (!known && !token.content.empty()) files.added.push_back(std::move(token));
}

void read_json(const fs::path& file, TokenizerFiles& files, std::string& unknown) {
  const json document = read_object(file);
  const Members top(file, document, "");
  const json* const model = top.find("model");
  if (model == nullptr) malformed(file, "has no 'model'");
  const Members of_model(file, *model, "model");
  if (const auto type = of_model.text("type").value_or("missing"); type != "WordPiece") {
    malformed(file, "its model is of type '" + type + "'");
  }
  const json* const vocabulary = of_model.find("vocab");
  if (vocabulary == nullptr) malformed(file, "has no 'model.vocab'");
  read_vocabulary_json(file, *vocabulary, files);
  unknown = of_model.text("unk_token").value_or(unknown);
  files.continuing_prefix = of_model.text("continuing_subword_prefix").value_or("##");
  files.longest_word = of_model.integer("max_input_chars_per_word", std::int64_t{1} << 30).value_or(100);

  if (const json* const normaliser = top.find("normalizer")) {
    const Members members(file, *normaliser, "normalizer");
    if (const auto type = members.text("type").value_or("missing"); type != "BertNormalizer") {
      malformed(file, "its normalizer is of type '" + type + "'");
    }
    files.normaliser.clean_text = members.boolean("clean_text").value_or(true);
    files.normaliser.chinese_characters = members.boolean("handle_chinese_chars").value_or(true);
    files.normaliser.lowercase = members.boolean("lowercase").value_or(true);
    files.normaliser.strip_accents = members.boolean("strip_accents").value_or(files.normaliser.lowercase);
  }
  if (const json* const pre_tokenizer = top.find("pre_tokenizer")) {
    const Members members(file, *pre_tokenizer, "pre_tokenizer");
    if (const auto type = members.text("type").value_or("missing"); type != "BertPreTokenizer") {
      malformed(file, "its pre_tokenizer is of type '" + type + "'");
    }
  }
  if (const json* const added = top.find("added_tokens")) {
    if (!added->is_array()) top.wrong("added_tokens", *added, "a list");
    for (const auto& entry : *added) {
      const Members members(file, entry, "added_tokens");
      AddedToken token = added_token(members);
      const auto id = members.integer("id", largest_id);
      if (!id || token.content.empty()) malformed(file, "an entry of 'added_tokens' lacks its id or content");
      token.id = static_cast<std::int32_t>(*id);
      add(files, std::move(token));
    }
  }
}

// tokenizer_config.json names a special token as a string, or as an object with its content.
AddedToken special_token(const fs::path& file, const Members& config, const char* name, const char* usual) {
  AddedToken token;
  token.content = usual;
  const json* const member = config.find(name);
  if (member == nullptr) return token;
  if (member->is_string()) {
    token.content = member->get<std::string>();
    return token;
  }
  const Members members(file, *member, name);
  token = added_token(members);
  token.normalized = members.boolean("normalized").value_or(false);
  if (token.content.empty()) token.content = usual;
  return token;
}

// Tokens that additional_special_tokens names.
std::vector<AddedToken> additional_tokens(const fs::path& file, const Members& config) {
  std::vector<AddedToken> tokens;
  const json* const named = config.find("additional_special_tokens");
  if (named == nullptr) return tokens;
  if (!named->is_array()) config.wrong("additional_special_tokens", *named, "a list");
  for (const auto& entry : *named) {
    AddedToken token;
    if (entry.is_string()) {
      token.content = entry.get<std::string>();
    } else {
      token = added_token(Members(file, entry, "additional_special_tokens"));
      token.normalized = false;
    }
    tokens.push_back(std::move(token));
  }
  return tokens;
}

// Classes whose ids and types are those of BertTokenizer. What others of WordPiece make of pairs differs.
const std::vector<std::string>& like_bert() {
  static const std::vector<std::string> names = {"BertTokenizer",       "ConvBertTokenizer", "ElectraTokenizer",
                                                 "LayoutLMTokenizer",   "LxmertTokenizer",   "MobileBertTokenizer",
                                                 "SqueezeBertTokenizer"};
  return names;
}

void require_implemented(const fs::path& checkpoint, bool from_json) {
  auto known = like_bert();
  if (from_json) known.push_back("PreTrainedTokenizer");  // what tokenizer.json says
  require_tokenizer_class(checkpoint, known);
}

// Of BertJapaneseTokenizer, also where its class is not said.
void require_usual_words(const fs::path& config_file, const Members& config) {
  for (const auto& [key, usual] :
       {std::pair("word_tokenizer_type", "basic"), std::pair("subword_tokenizer_type", "wordpiece")}) {
    if (const auto type = config.text(key); type && *type != usual)
      malformed(config_file, "'" + std::string(key) + "' is '" + type->substr(0, 40) + "', which is not implemented");
  }
}

// The options of BertTokenizer hold, with its defaults, whatever tokenizer.json says; the general class has none, and what
// its tokenizer.json says holds.
void apply_options(const Members& config, bool general, Normaliser& normaliser) {
  if (general) return;
  normaliser.lowercase = config.boolean("do_lower_case").value_or(true);
  normaliser.strip_accents = config.boolean("strip_accents").value_or(normaliser.lowercase);
  normaliser.chinese_characters = config.boolean("tokenize_chinese_chars").value_or(true);
}

// Of older transformers: tokens and their ids, beside the vocabulary.
void add_older_tokens(const fs::path& file, const std::vector<AddedToken>& specials, TokenizerFiles& files) {
  const json document = read_object(file);
  const Members members(file, document, "");
  std::unordered_map<std::int32_t, std::string> tokens;
  for (const auto& [content, id] : files.vocabulary) tokens.emplace(id, content);
  for (const auto& [content, number] : document.items()) {
    AddedToken token;
    token.content = content;
    token.id = static_cast<std::int32_t>(members.checked_integer(content, number, largest_id));
    token.normalized = std::none_of(specials.begin(), specials.end(),
                                    [&](const AddedToken& special) { return special.content == token.content; });
    const auto [other, fresh] = tokens.emplace(token.id, content);
    if (!fresh && other->second != content) {
      malformed(file,
                "tokens '" + other->second + "' and '" + content + "' have the same id " + std::to_string(token.id));
    }
    add(files, std::move(token));
  }
}

void add_decoder_tokens(const fs::path& file, const Members& config, TokenizerFiles& files) {
  const json* const decoder = config.find("added_tokens_decoder");
  if (decoder == nullptr) return;
  if (!decoder->is_object()) config.wrong("added_tokens_decoder", *decoder, "an object of ids and tokens");
  for (const auto& [key, entry] : decoder->items()) {
    AddedToken token = added_token(Members(file, entry, "added_tokens_decoder"));
    const bool digits = !key.empty() && key.size() < 10 &&
                        std::all_of(key.begin(), key.end(), [](char byte) { return byte >= '0' && byte <= '9'; });
    if (!digits || token.content.empty()) {
      malformed(file, "'added_tokens_decoder' has an entry '" + key + "' that is not an id with its token");
    }
    token.id = static_cast<std::int32_t>(std::stol(key));
    add(files, std::move(token));
  }
}

// The special tokens' ids: unknown, separator, padding, classification, mask, and others that are named.
void settle_specials(const fs::path& file, const std::vector<AddedToken>& specials, TokenizerFiles& files) {
  const auto id_of = [&](const std::string& token) -> std::optional<std::int32_t> {
    if (const auto found = files.vocabulary.find(token); found != files.vocabulary.end()) return found->second;
    for (const auto& added : files.added) {
      if (added.content == token) return added.id;
    }
    return std::nullopt;
  };
  const auto required = [&](const std::string& token) {
    const auto id = id_of(token);
    if (!id) malformed(file, "has no token '" + token + "'");
    return *id;
  };
  files.unknown = required(specials[0].content);
  files.separator = required(specials[1].content);
  files.classification = required(specials[3].content);
  files.padding = id_of(specials[2].content).value_or(0);
  // A special token is one token in a text too.
  for (AddedToken special : specials) {
    const auto id = id_of(special.content);
    if (!id) continue;
    special.id = *id;
    files.special.push_back(*id);
    add(files, std::move(special));
  }
}

}  // namespace

TokenizerFiles read_tokenizer_files(const fs::path& checkpoint) {
  std::error_code ignored;
  if (!fs::is_directory(checkpoint, ignored)) {
    throw InputError(checkpoint.string() +
                     ": is not a folder\n    expected a Hugging Face checkpoint with a tokenizer");
  }
  const fs::path json_file = checkpoint / "tokenizer.json", text_file = checkpoint / "vocab.txt";
  const bool from_json = fs::exists(json_file, ignored);
  require_implemented(checkpoint, from_json);
  if (!from_json && !fs::exists(text_file, ignored)) {
    throw InputError(checkpoint.string() +
                     ": holds no tokenizer\n    expected tokenizer.json or vocab.txt of a BERT checkpoint");
  }
  const fs::path file = from_json ? json_file : text_file;
  const fs::path config_file = checkpoint / "tokenizer_config.json";

  TokenizerFiles files;
  json document = fs::exists(config_file, ignored) ? read_object(config_file) : json::object();
  const fs::path map_file = checkpoint / "special_tokens_map.json", added_file = checkpoint / "added_tokens.json";
  // Files of older transformers count where the configuration does not list added tokens itself.
  const bool older = !document.contains("added_tokens_decoder");
  if (older && fs::exists(map_file, ignored)) document.update(read_object(map_file));
  const Members config(config_file, document, "");
  require_usual_words(config_file, config);
  AddedToken unknown = special_token(config_file, config, "unk_token", "[UNK]");
  if (from_json) {
    read_json(json_file, files, unknown.content);
  } else {
    read_vocabulary_text(text_file, files);
  }
  apply_options(config, from_json && tokenizer_class(checkpoint, "BertTokenizer") == "PreTrainedTokenizer",
                files.normaliser);
  std::vector<AddedToken> specials = {unknown, special_token(config_file, config, "sep_token", "[SEP]"),
                                      special_token(config_file, config, "pad_token", "[PAD]"),
                                      special_token(config_file, config, "cls_token", "[CLS]"),
                                      special_token(config_file, config, "mask_token", "[MASK]")};
  for (auto& token : additional_tokens(config_file, config)) specials.push_back(std::move(token));
  if (older && fs::exists(added_file, ignored)) {
    add_older_tokens(added_file, specials, files);
  } else {
    add_decoder_tokens(config_file, config, files);
  }
  settle_specials(file, specials, files);
  return files;
}

}  // namespace espalier::text
