#include "text/wordpiece.h"

#include <espalier/error.h>

#include <algorithm>
#include <functional>
#include <string>
#include <unordered_map>
#include <utility>

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

// What ids stand for. Says nothing of which ids a text has, so that two of them always compare as equal.
class Written {
 public:
  void add(std::int32_t id, std::string token, bool continues) { tokens_[id] = {std::move(token), continues, false}; }
  void leave_out(std::int32_t id) { tokens_[id].special = true; }
  bool operator==(const Written&) const { return true; }

  std::string text_of(const std::vector<std::int64_t>& ids) const {
    std::string text;
    bool first = true;
    for (const auto id : ids) {
      const auto found = tokens_.find(id);
      if (found == tokens_.end() || found->second.special) continue;
      const auto& token = found->second;
      const bool joins = token.continues && !first;
      text += cleaned((first || joins ? "" : " ") + (token.continues && first ? prefix + token.text : token.text));
      first = false;
    }
    return text;
  }

  std::string prefix = "##";

 private:
  struct Token {
    std::string text;
    bool continues = false, special = false;
  };

  // No space before what is written without one, as the decoder of tokenizers does it, token by token.
  static std::string cleaned(std::string token) {
    for (const auto& [from, to] :
         {std::pair(" .", "."), std::pair(" ?", "?"), std::pair(" !", "!"), std::pair(" ,", ","), std::pair(" ' ", "'"),
          std::pair(" n't", "n't"), std::pair(" 'm", "'m"), std::pair(" do not", " don't"), std::pair(" 's", "'s"),
          std::pair(" 've", "'ve"), std::pair(" 're", "'re")}) {
      const std::string_view wanted(from);
      for (std::size_t place = 0; (place = token.find(wanted, place)) != std::string::npos;) {
        token.replace(place, wanted.size(), to);
        place += std::string_view(to).size();
      }
    }
    return token;
  }

  std::unordered_map<std::int64_t, Token> tokens_;
};

TextFrame frame_of(const TokenizerFiles& files) {
  using Part = TextFrame::Part;
  using Place = TextFrame::Place;
  const Part begin{Place::Special, files.classification, 0}, text{Place::Text, 0, 0};
  const Part end{Place::Special, files.separator, 0}, pair{Place::Pair, 0, 1}, last{Place::Special, files.separator, 1};
  return {{begin, text, end}, {begin, text, end, pair, last}, {"[CLS]", "[SEP]"}};
}

}  // namespace

struct WordPiece::State {
  Pieces initial, continuing;
  AddedTokens raw, normalised;
  Normaliser normaliser;
  std::int64_t longest_word = 100;
  std::int32_t unknown = 0, padding = 0;
  std::int64_t vocabulary_size = 0;
  TextFrame frame;
  Written written;

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
  state->written.prefix = files.continuing_prefix;
  for (const auto& [token, id] : files.vocabulary) {
    largest = std::max(largest, id);
    const bool continues = token.starts_with(files.continuing_prefix);
    const auto piece = continues ? token.substr(files.continuing_prefix.size()) : token;
    if (continues) state->continuing.add(piece, id);
    state->initial.add(token, id);
    state->written.add(id, piece, continues);
  }
  std::vector<AddedToken> raw, normalised;
  for (auto& token : files.added) {
    largest = std::max(largest, token.id);
    state->written.add(token.id, token.content, false);
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
  state->padding = files.padding;
  state->frame = frame_of(files);
  for (const auto id : files.special) state->written.leave_out(id);
  state->vocabulary_size = std::int64_t{largest} + 1;
  return WordPiece(std::move(state));
}

std::vector<std::int32_t> WordPiece::ids_in(std::string_view text) const { return state_->ids_of(text); }

std::string WordPiece::decode(const std::vector<std::int64_t>& ids) const { return state_->written.text_of(ids); }

bool WordPiece::gives_the_ids_of(const Tokenizer& other) const {
  const auto* theirs = dynamic_cast<const WordPiece*>(&other);
  return theirs != nullptr && *state_ == *theirs->state_;
}

const TextFrame& WordPiece::frame() const { return state_->frame; }
std::int64_t WordPiece::vocabulary_size() const { return state_->vocabulary_size; }
std::int32_t WordPiece::padding() const { return state_->padding; }

}  // namespace espalier::text
