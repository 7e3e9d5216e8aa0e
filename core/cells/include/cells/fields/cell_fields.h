// Reads single fields out of a cell's settings without building the whole: plans and tables look at every cell of
// grids that may have a hundred thousand of them, and parsing each would take longer than everything else.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace espalier {

// The members of a JSON object with their values as they stand, strings with their quotes. `object` is what
// nlohmann::json::dump() writes without indentation.
std::vector<std::pair<std::string_view, std::string_view>> members(std::string_view object);

// The member that begins at `at`, 1 for the first, and on to the next one; nothing behind the last.
std::optional<std::pair<std::string_view, std::string_view>> next_member(std::string_view object, std::size_t& at);

// The value of one member; empty when it is not there.
std::string_view member(std::string_view object, std::string_view name);

// A JSON string without quotes and escapes; any other value as it stands.
std::string plain_text(std::string_view value);

}  // namespace espalier
