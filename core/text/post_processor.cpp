#include "post_processor.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <utility>
#include <vector>

namespace espalier::text {
namespace {

using Json = nlohmann::json;
using Part = TextFrame::Part;
using Place = TextFrame::Place;

// Why a processor cannot be followed.
class NotUnderstood : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

const Json& member(const Json& object, const char* key) {
  if (!object.is_object() || !object.contains(key))
    throw NotUnderstood(std::string("its post_processor lacks '") + key + "'");
  return object[key];
}

std::string text_in(const Json& object, const char* key) {
  const auto& value = member(object, key);
  if (!value.is_string()) throw NotUnderstood(std::string("'") + key + "' of its post_processor is no text");
  return value;
}

std::int32_t id_from(const Json& value) {
  if (!value.is_number_integer() || value.get<std::int64_t>() < 0 ||
      value.get<std::int64_t>() > std::numeric_limits<std::int32_t>::max())
    throw NotUnderstood("its post_processor has a token without an id");
  return value.get<std::int32_t>();
}

// ["</s>", 2]
std::pair<std::string, std::int32_t> token_in(const Json& object, const char* key) {
  const auto& token = member(object, key);
  if (!token.is_array() || token.size() != 2 || !token[0].is_string())
    throw NotUnderstood(std::string("'") + key + "' of its post_processor is no token with its id");
  return {token[0], id_from(token[1])};
}

TextFrame bare() { return {{{Place::Text, 0, 0}}, {{Place::Text, 0, 0}, {Place::Pair, 0, 1}}, {}}; }

// [CLS] A [SEP] B [SEP]; RoBERTa has a second separator before the pair, and one type for all.
TextFrame of_two_tokens(const Json& processor, bool roberta) {
  const auto [begin_name, begin] = token_in(processor, "cls");
  const auto [end_name, end] = token_in(processor, "sep");
  TextFrame frame;
  frame.names = {begin_name, end_name};
  frame.one = {{Place::Special, begin, 0}, {Place::Text, 0, 0}, {Place::Special, end, 0}};
  frame.two = frame.one;
  const std::int32_t type = roberta ? 0 : 1;
  if (roberta) frame.two.push_back({Place::Special, end, 0});
  frame.two.push_back({Place::Pair, 0, type});
  frame.two.push_back({Place::Special, end, type});
  return frame;
}

// [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, ...]
std::vector<Part> parts_of(const Json& processor, const char* key, std::vector<std::string>& names) {
  const auto& pieces = member(processor, key);
  if (!pieces.is_array()) throw NotUnderstood(std::string("'") + key + "' of its post_processor is no list");
  std::vector<Part> parts;
  for (const auto& piece : pieces) {
    const bool special = piece.is_object() && piece.contains("SpecialToken");
    const auto& said = member(piece, special ? "SpecialToken" : "Sequence");
    const auto name = text_in(said, "id");
    const auto type = id_from(member(said, "type_id"));
    if (!special) {
      parts.push_back({name == "A" ? Place::Text : Place::Pair, 0, type});
      continue;
    }
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    for (const auto& id : member(member(member(processor, "special_tokens"), name.c_str()), "ids"))
      parts.push_back({Place::Special, id_from(id), type});
  }
  return parts;
}

TextFrame of_template(const Json& processor) {
  TextFrame frame;
  std::vector<std::string> not_said;
  frame.one = parts_of(processor, "single", frame.names);
  frame.two = parts_of(processor, "pair", not_said);
  return frame;
}

TextFrame frame_of(const Json& processor) {
  const auto type = text_in(processor, "type");
  if (type == "RobertaProcessing" || type == "BertProcessing") return of_two_tokens(processor, type[0] == 'R');
  if (type == "TemplateProcessing") return of_template(processor);
  if (type == "ByteLevel") return bare();
  if (type != "Sequence")
    throw NotUnderstood("its post_processor is of type '" + type.substr(0, 40) + "', which is not implemented");
  // Those that only move offsets count for nothing.
  std::vector<const Json*> framing;
  for (const auto& one : member(processor, "processors"))
    if (text_in(one, "type") != "ByteLevel") framing.push_back(&one);
  if (framing.size() > 1) throw NotUnderstood("its post_processor frames a text twice, which is not implemented");
  return framing.empty() ? bare() : frame_of(*framing[0]);
}

// Byte-level BPE takes texts as they are.
void require_plain_texts(const Json& document) {
  if (document.contains("normalizer") && !document["normalizer"].is_null())
    throw NotUnderstood("it has a normalizer, which byte-level BPE of texts is not implemented with");
  const auto* cutting = document.contains("pre_tokenizer") ? &document["pre_tokenizer"] : nullptr;
  if (cutting == nullptr || !cutting->is_object() || !cutting->contains("type") || (*cutting)["type"] != "ByteLevel")
    throw NotUnderstood("its pre_tokenizer is not of type 'ByteLevel', which is the one implemented");
}

}  // namespace

PostProcessor read_post_processor(const Json& document, const std::filesystem::path& file) {
  PostProcessor read;
  try {
    const bool none = !document.contains("post_processor") || document["post_processor"].is_null();
    read.frame = none ? bare() : frame_of(document["post_processor"]);
    require_plain_texts(document);
  } catch (const NotUnderstood& problem) {
    read.problem = file.string() + ": " + problem.what() +
                   "\n    expected a byte-level BPE tokenizer of texts as transformers saves it for RoBERTa";
  }
  return read;
}

}  // namespace espalier::text
