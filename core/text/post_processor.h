// What tokenizer.json says of the special tokens around texts.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "text/tokenizer.h"

namespace espalier::text {

struct PostProcessor {
  TextFrame frame;
  std::string problem;  // why texts cannot be framed, "FILE: what"; empty where they can
};

// Of a whole tokenizer.json: RobertaProcessing, BertProcessing, TemplateProcessing, ByteLevel (no special tokens), or a
// Sequence of them; none leaves texts bare. What prepares texts in another way than byte-level BPE is a problem, too.
PostProcessor read_post_processor(const nlohmann::json& document, const std::filesystem::path& file);

}  // namespace espalier::text
