// Mistakes of writing that a TOML parser notices late or names after its own grammar: found by a glance over the text,
// so that a message names the place where the user went wrong.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace espalier::grid {

struct TomlMistake {
  std::uint32_t line, column;
  std::string message;
};

// The first one; only worth asking of a text that is not TOML.
std::optional<TomlMistake> toml_mistake(std::string_view text);

}  // namespace espalier::grid
