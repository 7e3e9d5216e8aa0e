// The names and shapes in a safetensors file's header, checked against the size of the file; the data stay unread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace espalier::inputs {

using Shapes = std::map<std::string, std::vector<std::int64_t>>;

// Throws InputError for what is no safetensors file, or one that is cut short.
Shapes safetensors_shapes(const std::filesystem::path& file);

}  // namespace espalier::inputs
