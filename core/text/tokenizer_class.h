// Which tokenizer class of transformers a checkpoint asks for: one that is not implemented is refused by its name, since its
// vocabulary would be read in a way that it was not made for.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace espalier::text {

// What AutoTokenizer takes: tokenizer_class of tokenizer_config.json, else of config.json, without "Fast" at its end;
// `otherwise` where neither says.
std::string tokenizer_class(const std::filesystem::path& checkpoint, const std::string& otherwise);

// Throws InputError naming file, key and class where it is not among those `known` (without "Fast").
void require_tokenizer_class(const std::filesystem::path& checkpoint, const std::vector<std::string>& known);

}  // namespace espalier::text
