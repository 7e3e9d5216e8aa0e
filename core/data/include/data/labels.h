// Class names of a data file as the model's class numbers.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace espalier::data {

struct LabelAt {
  std::string label;
  std::int64_t line = 0;  // where it stands in its file, for messages
};

// Throws InputError naming file, line and label for labels that are not among the known ones (nearest name). Where
// `labels` are LABEL_0, LABEL_1, ... integers 0, 1, ... stand for them.
std::vector<std::int64_t> class_numbers(const std::vector<LabelAt>& written, const std::vector<std::string>& labels,
                                        const std::filesystem::path& file);

}  // namespace espalier::data
