// What a checkpoint's folder says about its tokeniser, read and checked.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <unordered_map>
#include <vector>

#include "added_tokens.h"
#include "unicode.h"

namespace espalier::text {

struct TokenizerFiles {
  std::unordered_map<std::string, std::int32_t> vocabulary;
  std::vector<AddedToken> added;
  Normaliser normaliser;
  std::string continuing_prefix = "##";
  std::int64_t longest_word = 100;  // characters; longer words are unknown
  std::int32_t unknown = 0, classification = 0, separator = 0;
  std::int32_t padding = 0;
  std::vector<std::int32_t> special;  // that are none of a text's own
};

// tokenizer.json where it is there, as the fast tokenizers of transformers do, else vocab.txt. Throws InputError.
TokenizerFiles read_tokenizer_files(const std::filesystem::path& checkpoint);

}  // namespace espalier::text
