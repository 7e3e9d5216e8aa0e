// What a mask file holds, as cells record it.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace espalier::bundle {

// The digest that a point records of a mask, from the bytes of its safetensors file and the sites of its model in order:
// heads, width and bits of Q, K, V and O of each. nullopt where the file is none or knows other sites.
std::optional<std::string> mask_digest(const std::string& file, const std::vector<std::string>& sites);

}  // namespace espalier::bundle
