#include "text/tokenizer.h"

#include <espalier/error.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "text/byte_level_bpe.h"
#include "text/wordpiece.h"
#include "words/atomic_file.h"
#include "words/names.h"

namespace espalier::text {
namespace {

namespace fs = std::filesystem;

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

// A file that cannot be read is named by the reader that needs it.
bool says_bpe(const fs::path& file) {
  const auto document = nlohmann::json::parse(read_file(file), nullptr, /*allow_exceptions=*/false);
  if (!document.is_object() || !document.contains("model") || !document["model"].is_object()) return false;
  const auto type = document["model"].find("type");
  return type != document["model"].end() && *type == "BPE";
}

}  // namespace

Encoding Tokenizer::encode(std::string_view text, std::optional<std::string_view> pair, std::int64_t max_tokens) const {
  const auto& parts = pair ? frame().two : frame().one;
  const auto own = std::count_if(parts.begin(), parts.end(),
                                 [](const auto& part) { return part.place == TextFrame::Place::Special; });
  if (max_tokens < own) {
    throw SettingsError("max_tokens is " + std::to_string(max_tokens) + ", but " +
                        (pair ? "a pair of texts" : "a text") + " needs at least " + std::to_string(own) + ": " +
                        join(frame().names, " and ") + " are tokens too");
  }
  std::vector<std::int32_t> first = ids_in(text);
  std::vector<std::int32_t> second = pair ? ids_in(*pair) : std::vector<std::int32_t>{};
  const auto room = static_cast<std::size_t>(max_tokens - own);
  const Lengths lengths =
      pair ? cut({first.size(), second.size()}, room) : Lengths{std::min(first.size(), room), second.size()};
  first.resize(lengths.text);
  second.resize(lengths.pair);
  Encoding encoding;
  encoding.ids.reserve(first.size() + second.size() + static_cast<std::size_t>(own));
  for (const auto& part : parts) {
    if (part.place == TextFrame::Place::Special) {
      encoding.ids.push_back(part.id);
    } else {
      const auto& ids = part.place == TextFrame::Place::Text ? first : second;
      encoding.ids.insert(encoding.ids.end(), ids.begin(), ids.end());
    }
    encoding.types.resize(encoding.ids.size(), part.type);
  }
  return encoding;
}

bool Tokenizer::encodes_as(const Tokenizer& other) const {
  return gives_the_ids_of(other) && padding() == other.padding() && frame() == other.frame();
}

std::unique_ptr<const Tokenizer> read_tokenizer(const fs::path& checkpoint) {
  std::error_code ignored;
  const auto has = [&](const char* name) { return fs::is_regular_file(checkpoint / name, ignored); };
  const bool bpe = has("tokenizer.json") ? says_bpe(checkpoint / "tokenizer.json")
                                         : !has("vocab.txt") && has("vocab.json") && has("merges.txt");
  if (!bpe) return std::make_unique<WordPiece>(WordPiece::read(checkpoint));
  auto read = std::make_unique<ByteLevelBpe>(
      ByteLevelBpe::read(checkpoint, {"RobertaTokenizer", "GPT2Tokenizer", "PreTrainedTokenizer"}));
  read->frame();  // what it lacks is said before a text is read
  return read;
}

}  // namespace espalier::text
