// Settings by their paths, as in train.epochs, and numbers in texts.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace espalier::report {

// Each value that is no object, with the path that leads to it, in order. Lists stand as JSON, absent values as "none".
std::vector<std::pair<std::string, std::string>> flattened(const nlohmann::json& object);

// The number that the whole of a text is.
std::optional<double> number_in(const std::string& text);

}  // namespace espalier::report
