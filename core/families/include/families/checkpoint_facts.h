// What config.json alone says of a checkpoint, before its weights are read.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace espalier::families {

// What the head was trained for: "regression", "single_label_classification", "multi_label_classification"; "" where the
// file does not say.
std::string problem_type(const std::filesystem::path& checkpoint);
// Of a BERT: the longest text, in tokens.
std::int64_t text_positions(const std::filesystem::path& checkpoint);

}  // namespace espalier::families
