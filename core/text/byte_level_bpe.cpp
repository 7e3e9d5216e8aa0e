#include "text/byte_level_bpe.h"

#include <espalier/error.h>
#include <unicode/regex.h>
#include <unicode/unistr.h>

#include <array>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <unordered_map>

#include "added_tokens.h"
#include "post_processor.h"
#include "tokenizer_class.h"
#include "words/atomic_file.h"

namespace espalier::text {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

// How texts are cut into words before merging, as GPT-2 does.
constexpr const char* words_pattern =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

// Every byte has a printable letter: itself where it is printable Latin-1, else one from U+0100 on.
std::array<std::string, 256> byte_letters() {
  std::array<std::string, 256> letters;
  char32_t next = 0x100;
  for (unsigned byte = 0; byte < 256; ++byte) {
    const bool printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    const char32_t letter = printable ? byte : next++;
    std::string utf8;
    icu::UnicodeString(static_cast<UChar32>(letter)).toUTF8String(utf8);
    letters[byte] = utf8;
  }
  return letters;
}

Json json_of(const fs::path& path) {
  try {
    return Json::parse(read_file(path));
  } catch (const Json::exception&) {
    throw InputError(path.string() + ": is not valid JSON");
  }
}

// The bytes of one UTF-8 letter at a place of a text that is known to be UTF-8.
std::size_t letter_bytes(unsigned char first) { return first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4; }

}  // namespace

struct ByteLevelBpe::State {
  std::unordered_map<std::string, std::int64_t> ids;  // in letters
  std::vector<std::string> tokens;                    // by id, as bytes; special ones empty
  std::set<std::int64_t> special;
  // Of whole texts only: what is written in them, what stands around them, what fills up rows.
  AddedTokens raw, normalised;
  PostProcessor around;
  bool space_before = false;
  std::int32_t padding = 0;
  std::string file;                                     // where the vocabulary is
  std::unordered_map<std::string, std::int64_t> ranks;  // "left right" -> rank
  std::array<std::string, 256> letters = byte_letters();
  std::unique_ptr<icu::RegexPattern> pattern;
  mutable std::unordered_map<std::string, std::vector<std::int64_t>> known;  // by word in letters

  void add_token(const std::string& letters_text, std::int64_t id, const std::map<std::string, char>& byte_of,
                 const fs::path& path) {
    constexpr std::int64_t largest = 10'000'000;
    if (id < 0 || id > largest)
      throw InputError(path.string() + ": token id " + std::to_string(id) + " makes no sense");
    ids[letters_text] = id;
    if (static_cast<std::size_t>(id) >= tokens.size()) tokens.resize(static_cast<std::size_t>(id) + 1);
    auto& bytes = tokens[static_cast<std::size_t>(id)];
    bytes.clear();
    for (std::size_t i = 0; i < letters_text.size();) {
      const auto size = letter_bytes(static_cast<unsigned char>(letters_text[i]));
      const auto letter = letters_text.substr(i, size);
      const auto byte = byte_of.find(letter);
      if (byte == byte_of.end())
        bytes += letter;
      else
        bytes += byte->second;
      i += size;
    }
  }

  void add_vocabulary(const Json& vocabulary, const fs::path& path) {
    std::map<std::string, char> byte_of;
    for (unsigned byte = 0; byte < 256; ++byte) byte_of[letters[byte]] = static_cast<char>(byte);
    file = path.string();
    if (!vocabulary.is_object()) throw InputError(path.string() + ": its vocabulary is no object of ids by token");
    for (const auto& [token, id] : vocabulary.items()) {
      if (!id.is_number_integer()) throw InputError(path.string() + ": token '" + token + "' has no id");
      add_token(token, id.get<std::int64_t>(), byte_of, path);
    }
  }

  void add_merge(const std::string& left, const std::string& right) {
    ranks.emplace(left + ' ' + right, static_cast<std::int64_t>(ranks.size()));
  }

  void add_special(const std::string& content, std::int64_t id, bool is_special, const fs::path& path) {
    if (is_special) special.insert(id);
    // An added token stands for its own text.
    add_token(content, id, {}, path);
  }

  void read_whole(const fs::path& whole);
  void read_apart(const fs::path& checkpoint);

  // Pairs are merged, the lowest rank first, until none is known (Sennrich et al., 2016).
  std::vector<std::int64_t> merged(const std::string& word) const {
    std::vector<std::string> parts;
    for (std::size_t i = 0; i < word.size();) {
      const auto size = letter_bytes(static_cast<unsigned char>(word[i]));
      parts.push_back(word.substr(i, size));
      i += size;
    }
    while (parts.size() > 1) {
      std::int64_t best = std::numeric_limits<std::int64_t>::max();
      std::string left, right;
      for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
        const auto rank = ranks.find(parts[i] + ' ' + parts[i + 1]);
        if (rank == ranks.end() || rank->second >= best) continue;
        best = rank->second;
        left = parts[i];
        right = parts[i + 1];
      }
      if (best == std::numeric_limits<std::int64_t>::max()) break;
      std::vector<std::string> joined;
      for (std::size_t i = 0; i < parts.size(); ++i) {
        if (i + 1 < parts.size() && parts[i] == left && parts[i + 1] == right) {
          joined.push_back(left + right);
          ++i;
        } else {
          joined.push_back(parts[i]);
        }
      }
      parts = std::move(joined);
    }
    std::vector<std::int64_t> found;
    for (const auto& part : parts) {
      const auto id = ids.find(part);
      if (id == ids.end()) throw InputError(file + ": has no token for '" + part + "': its vocabulary is incomplete");
      found.push_back(id->second);
    }
    return found;
  }
};

ByteLevelBpe::ByteLevelBpe(std::unique_ptr<State> state) : state_(std::move(state)) {}
ByteLevelBpe::~ByteLevelBpe() = default;
ByteLevelBpe::ByteLevelBpe(ByteLevelBpe&&) noexcept = default;

namespace {

// "left right", or two texts.
std::pair<std::string, std::string> merge_from(const Json& merge, const fs::path& file) {
  if (merge.is_string()) {
    const auto text = merge.get<std::string>();
    const auto space = text.find(' ');
    if (space == std::string::npos) throw InputError(file.string() + ": merge '" + text + "' is no pair");
    return {text.substr(0, space), text.substr(space + 1)};
  }
  if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string())
    return {merge[0], merge[1]};
  throw InputError(file.string() + ": a merge is no pair of texts");
}

AddedToken added_token(const Json& token) {
  const auto flag = [&](const char* name, bool absent) {
    return token.contains(name) && token[name].is_boolean() ? token[name].get<bool>() : absent;
  };
  return {token["content"].get<std::string>(),
          token["id"].get<std::int32_t>(),
          flag("single_word", false),
          flag("lstrip", false),
          flag("rstrip", false),
          flag("normalized", !flag("special", false))};
}

// A special token's name is a text, or an object with its content.
std::string name_of(const Json& object, const char* key) {
  if (!object.is_object() || !object.contains(key)) return {};
  const auto& token = object[key];
  if (token.is_string()) return token;
  return token.is_object() && token.contains("content") && token["content"].is_string()
             ? token["content"].get<std::string>()
             : std::string();
}

// What tokenizer_config.json and special_tokens_map.json say, where there are such files.
struct Said {
  std::string padding = "<pad>";
  std::optional<bool> space_before;
};

Said said_beside(const fs::path& checkpoint) {
  Said said;
  for (const char* name : {"special_tokens_map.json", "tokenizer_config.json"}) {
    std::error_code ignored;
    if (!fs::is_regular_file(checkpoint / name, ignored)) continue;
    const auto config = Json::parse(read_file(checkpoint / name), nullptr, /*allow_exceptions=*/false);
    if (const auto padding = name_of(config, "pad_token"); !padding.empty()) said.padding = padding;
    if (config.is_object() && config.contains("add_prefix_space") && config["add_prefix_space"].is_boolean())
      said.space_before = config["add_prefix_space"].get<bool>();
  }
  return said;
}

}  // namespace

void ByteLevelBpe::State::read_whole(const fs::path& whole) {
  const auto json = json_of(whole);
  const auto* model = json.is_object() && json.contains("model") ? &json["model"] : nullptr;
  if (model == nullptr || !model->is_object() || model->value("type", "") != "BPE" || !model->contains("vocab") ||
      !model->contains("merges") || !(*model)["merges"].is_array()) {
    throw InputError(whole.string() + ": holds no BPE model with vocab and merges");
  }
  add_vocabulary((*model)["vocab"], whole);
  for (const auto& merge : (*model)["merges"]) {
    const auto [left, right] = merge_from(merge, whole);
    add_merge(left, right);
  }
  if (json.contains("added_tokens") && json["added_tokens"].is_array()) {
    std::vector<AddedToken> alone, among;
    for (const auto& token : json["added_tokens"]) {
      if (!token.is_object() || !token.contains("id") || !token["id"].is_number_integer() ||
          !token.contains("content") || !token["content"].is_string())
        throw InputError(whole.string() + ": an added token has no id and content");
      add_special(token["content"], token["id"], token.value("special", false), whole);
      auto added = added_token(token);
      (added.normalized ? among : alone).push_back(std::move(added));
    }
    raw = AddedTokens(std::move(alone));
    normalised = AddedTokens(std::move(among));
  }
  around = read_post_processor(json, whole);
  const auto* cutting = json.contains("pre_tokenizer") ? &json["pre_tokenizer"] : nullptr;
  if (cutting != nullptr && cutting->is_object() && cutting->contains("add_prefix_space"))
    space_before = (*cutting)["add_prefix_space"] == true;
}

void ByteLevelBpe::State::read_apart(const fs::path& checkpoint) {
  const auto vocabulary = checkpoint / "vocab.json", merges = checkpoint / "merges.txt";
  std::error_code ignored;
  if (!fs::is_regular_file(vocabulary, ignored) || !fs::is_regular_file(merges, ignored)) {
    throw InputError(checkpoint.string() +
                     ": has no tokenizer\n    expected tokenizer.json, or vocab.json and merges.txt");
  }
  add_vocabulary(json_of(vocabulary), vocabulary);
  std::string line;
  for (const char c : read_file(merges) + "\n") {
    if (c != '\n') {
      line += c;
      continue;
    }
    const auto space = line.find(' ');
    if (space != std::string::npos && !line.starts_with("#version"))
      add_merge(line.substr(0, space), line.substr(space + 1));
    line.clear();
  }
  const auto added = checkpoint / "added_tokens.json";
  if (fs::is_regular_file(added, ignored)) {
    const auto json = json_of(added);
    for (const auto& [token, id] : json.items()) {
      if (!id.is_number_integer()) throw InputError(added.string() + ": token '" + token + "' has no id");
      add_special(token, id, token.starts_with("<|"), added);
    }
  }
  for (const auto& [token, id] : ids) {
    if (token.starts_with("<|") && token.ends_with("|>")) special.insert(id);
  }
  around.problem = checkpoint.string() +
                   ": does not say which special tokens stand around a text\n    expected tokenizer.json with a "
                   "post_processor";
}

ByteLevelBpe ByteLevelBpe::read(const fs::path& checkpoint, const std::vector<std::string>& classes) {
  require_tokenizer_class(checkpoint, classes);
  auto state = std::make_unique<State>();
  UErrorCode status = U_ZERO_ERROR;
  UParseError where{};
  state->pattern.reset(icu::RegexPattern::compile(icu::UnicodeString::fromUTF8(words_pattern), where, status));
  if (U_FAILURE(status) != 0) throw InputError("the tokenizer's pattern cannot be compiled by this ICU");
  std::error_code ignored;
  if (const auto whole = checkpoint / "tokenizer.json"; fs::is_regular_file(whole, ignored)) {
    state->read_whole(whole);
  } else {
    state->read_apart(checkpoint);
  }
  const auto said = said_beside(checkpoint);
  state->space_before = said.space_before.value_or(state->space_before);
  if (const auto found = state->ids.find(said.padding); found != state->ids.end())
    state->padding = static_cast<std::int32_t>(found->second);
  return ByteLevelBpe(std::move(state));
}

const TextFrame& ByteLevelBpe::frame() const {
  if (!state_->around.problem.empty()) throw InputError(state_->around.problem);
  return state_->around.frame;
}

std::vector<std::int32_t> ByteLevelBpe::ids_in(std::string_view text) const {
  std::vector<std::int32_t> ids;
  for (const auto& stretch : state_->raw.split(text)) {
    const auto parts = stretch.id < 0 ? state_->normalised.split(stretch.text) : std::vector<Stretch>{stretch};
    for (const auto& part : parts) {
      if (part.id >= 0) {
        ids.push_back(part.id);
        continue;
      }
      const bool add = state_->space_before && !part.text.starts_with(' ');
      for (const auto id : encode(add ? ' ' + std::string(part.text) : std::string(part.text)))
        ids.push_back(static_cast<std::int32_t>(id));
    }
  }
  return ids;
}

std::vector<std::int64_t> ByteLevelBpe::encode(std::string_view text) const {
  std::vector<std::int64_t> ids;
  const auto unicode = icu::UnicodeString::fromUTF8({text.data(), static_cast<std::int32_t>(text.size())});
  UErrorCode status = U_ZERO_ERROR;
  const std::unique_ptr<icu::RegexMatcher> matcher(state_->pattern->matcher(unicode, status));
  while (U_SUCCESS(status) != 0 && matcher->find() != 0) {
    std::string bytes;
    matcher->group(status).toUTF8String(bytes);
    std::string word;
    for (const char byte : bytes) word += state_->letters[static_cast<unsigned char>(byte)];
    auto known = state_->known.find(word);
    if (known == state_->known.end()) known = state_->known.emplace(word, state_->merged(word)).first;
    ids.insert(ids.end(), known->second.begin(), known->second.end());
  }
  return ids;
}

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Without timestamps as "<|0.02|>": tokens that no tokenizer file calls special, and that transformers takes out of the text.
std::string without_timestamps(const std::string& text) {
  std::string kept;
  for (std::size_t place = 0; place < text.size();) {
    std::size_t end = place;
    const auto digits = [&] {
      const auto before = end;
      while (end < text.size() && is_digit(text[end])) ++end;
      return end > before;
    };
    const auto is = [&](const char* mark) {
      const std::string_view wanted(mark);
      if (text.compare(end, wanted.size(), wanted) != 0) return false;
      end += wanted.size();
      return true;
    };
    if (is("<|") && digits() && is(".") && digits() && is("|>")) {
      place = end;
    } else {
      kept += text[place++];
    }
  }
  return kept;
}

}  // namespace

std::string ByteLevelBpe::decode(const std::vector<std::int64_t>& ids) const {
  std::string bytes;
  for (const auto id : ids) {
    if (id < 0 || id >= static_cast<std::int64_t>(state_->tokens.size()) || state_->special.contains(id)) continue;
    bytes += state_->tokens[static_cast<std::size_t>(id)];
  }
  std::string text;
  icu::UnicodeString::fromUTF8(bytes).toUTF8String(text);  // what is no UTF-8 becomes U+FFFD
  return without_timestamps(text);
}

bool ByteLevelBpe::gives_the_ids_of(const Tokenizer& other) const {
  const auto* theirs = dynamic_cast<const ByteLevelBpe*>(&other);
  return theirs != nullptr && state_->ids == theirs->state_->ids && state_->ranks == theirs->state_->ranks;
}

std::int32_t ByteLevelBpe::padding() const { return state_->padding; }

std::int64_t ByteLevelBpe::vocabulary_size() const { return static_cast<std::int64_t>(state_->tokens.size()); }

}  // namespace espalier::text
