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

// Throws InputError naming file, line and label for labels that are not among the known ones (nearest name); names meet as
// words/class_names.h says.
std::vector<std::int64_t> class_numbers(const std::vector<LabelAt>& written, const std::vector<std::string>& labels,
                                        const std::filesystem::path& file);

// Throws InputError where labels that are to become classes are real numbers: measurements.
void require_classes(const std::vector<LabelAt>& written, const std::filesystem::path& file);

}  // namespace espalier::data
