#include "text/wordpiece.h"

#include <espalier/error.h>

#include <algorithm>
#include <functional>
#include <string>
#include <unordered_map>

#include "added_tokens.h"
#include "tokenizer_files.h"
#include "unicode.h"

namespace espalier::text {
namespace {

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

// Ids by token, found by the longest beginning of a text that is a token.
class Pieces {
 public:
  void add(std::string token, std::int32_t id) {
    longest_ = std::max(longest_, token.size());
    ids_.insert_or_assign(std::move(token), id);
  }

  bool operator==(const Pieces& other) const { return ids_ == other.ids_; }

  // How many bytes the longest token at the start of `text` has, and its id; 0 bytes where there is none.
  std::pair<std::size_t, std::int32_t> longest_at(std::string_view text) const {
    for (std::size_t size = std::min(text.size(), longest_); size > 0; --size) {
      const bool inside = size < text.size() && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80;
      if (inside) continue;
      if (const auto found = ids_.find(text.substr(0, size)); found != ids_.end()) return {size, found->second};
    }
    return {0, 0};
  }

 private:
  std::unordered_map<std::string, std::int32_t, TextHash, std::equal_to<>> ids_;
  std::size_t longest_ = 0;
};

std::int64_t characters(std::string_view text) {
  return std::count_if(text.begin(), text.end(),
                       [](char byte) { return (static_cast<unsigned char>(byte) & 0xC0) != 0x80; });
}

struct Lengths {
  std::size_t text, pair;
};

// Longest first, as in tokenizers: the longer one loses tokens until both are equal, then both; an odd one stays with
// the one that was longer, and with the pair where they were equally long.
Lengths cut(Lengths lengths, std::size_t room) {
  if (lengths.text + lengths.pair <= room) return lengths;
  const bool text_longer = lengths.text > lengths.pair;
  const std::size_t shorter = std::min(lengths.text, lengths.pair);
  std::size_t low = shorter, high = shorter > room ? shorter : std::max(shorter, room - shorter);
  if (low + high > room) {
    low = room / 2;
    high = low + room % 2;
  }
  return text_longer ? Lengths{high, low} : Lengths{low, high};
}

}  // namespace

struct WordPiece::State {
  Pieces initial, continuing;
  AddedTokens raw, normalised;
  Normaliser normaliser;
  std::int64_t longest_word = 100;
  std::int32_t unknown = 0, classification = 0, separator = 0, padding = 0;
  std::int64_t vocabulary_size = 0;

  bool operator==(const State&) const = default;

  void word(std::string_view text, std::vector<std::int32_t>& ids) const {
    const bool long_word = static_cast<std::int64_t>(text.size()) > longest_word && characters(text) > longest_word;
    if (long_word) {
      ids.push_back(unknown);
      return;
    }
    const std::size_t before = ids.size();
    for (std::size_t start = 0; start < text.size();) {
      const auto [size, id] = (start == 0 ? initial : continuing).longest_at(text.substr(start));
      if (size == 0) {
        ids.resize(before);
        ids.push_back(unknown);
        return;
      }
      ids.push_back(id);
      start += size;
    }
  }

  void words(std::string_view text, std::vector<std::int32_t>& ids) const {
    std::size_t begin = 0;
    const auto end_word = [&](std::size_t end) {
      if (begin < end) word(text.substr(begin, end - begin), ids);
    };
    for (std::size_t position = 0; position < text.size();) {
      const std::size_t here = position;
      const Kind found = kind(next_character(text, position));
      if (found == Kind::Word) continue;
      end_word(here);
      if (found == Kind::Punctuation) word(text.substr(here, position - here), ids);
      begin = position;
    }
    end_word(text.size());
  }

  std::vector<std::int32_t> ids_of(std::string_view text) const {
    std::vector<std::int32_t> ids;
    ids.reserve(text.size() / 4 + 4);
    for (const auto& stretch : raw.split(text)) {
      if (stretch.id >= 0) {
        ids.push_back(stretch.id);
        continue;
      }
      const std::string normal = normalise(stretch.text, normaliser);
      for (const auto& part : normalised.split(normal)) {
        if (part.id >= 0) {
          ids.push_back(part.id);
        } else {
          words(part.text, ids);
        }
      }
    }
    return ids;
  }
};

WordPiece::WordPiece(std::unique_ptr<const State> state) : state_(std::move(state)) {}
WordPiece::~WordPiece() = default;
WordPiece::WordPiece(WordPiece&&) noexcept = default;

WordPiece WordPiece::read(const std::filesystem::path& checkpoint) {
  TokenizerFiles files = read_tokenizer_files(checkpoint);
  auto state = std::make_unique<State>();
  std::int32_t largest = 0;
  for (const auto& [token, id] : files.vocabulary) {
    largest = std::max(largest, id);
    if (token.starts_with(files.continuing_prefix)) {
      state->continuing.add(token.substr(files.continuing_prefix.size()), id);
    }
    state->initial.add(token, id);
  }
  std::vector<AddedToken> raw, normalised;
  for (auto& token : files.added) {
    largest = std::max(largest, token.id);
    if (!token.normalized) {
      raw.push_back(std::move(token));
      continue;
    }
    token.content = normalise(token.content, files.normaliser);
    normalised.push_back(std::move(token));
  }
  state->raw = AddedTokens(std::move(raw));
  state->normalised = AddedTokens(std::move(normalised));
  state->normaliser = files.normaliser;
  state->longest_word = files.longest_word;
  state->unknown = files.unknown;
  state->classification = files.classification;
  state->separator = files.separator;
  state->padding = files.padding;
  state->vocabulary_size = std::int64_t{largest} + 1;
  return WordPiece(std::move(state));
}

Encoding WordPiece::encode(std::string_view text, std::optional<std::string_view> pair, std::int64_t max_tokens) const {
  const std::int64_t own = pair ? 3 : 2;
  if (max_tokens < own) {
    throw SettingsError("max_tokens is " + std::to_string(max_tokens) + ", but " +
                        (pair ? "a pair of texts" : "a text") + " needs at least " + std::to_string(own) +
                        ": [CLS] and [SEP] are tokens too");
  }
  std::vector<std::int32_t> first = state_->ids_of(text);
  std::vector<std::int32_t> second = pair ? state_->ids_of(*pair) : std::vector<std::int32_t>{};
  const auto room = static_cast<std::size_t>(max_tokens - own);
  if (pair) {
    const Lengths lengths = cut({first.size(), second.size()}, room);
    first.resize(lengths.text);
    second.resize(lengths.pair);
  } else {
    first.resize(std::min(first.size(), room));
  }
  Encoding encoding;
  encoding.ids.reserve(first.size() + second.size() + 3);
  encoding.ids.push_back(state_->classification);
  encoding.ids.insert(encoding.ids.end(), first.begin(), first.end());
  encoding.ids.push_back(state_->separator);
  encoding.types.assign(encoding.ids.size(), 0);
  if (pair) {
    encoding.ids.insert(encoding.ids.end(), second.begin(), second.end());
    encoding.ids.push_back(state_->separator);
    encoding.types.resize(encoding.ids.size(), 1);
  }
  return encoding;
}

bool WordPiece::gives_the_ids_of(const WordPiece& other) const { return *state_ == *other.state_; }
std::int64_t WordPiece::vocabulary_size() const { return state_->vocabulary_size; }
std::int32_t WordPiece::padding() const { return state_->padding; }

}  // namespace espalier::text
