// Tokens that stand outside the vocabulary's rules: [MASK] in a text is one token, whatever surrounds it.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace espalier::text {

struct AddedToken {
  std::string content;
  std::int32_t id = 0;
  bool single_word = false;  // only where no word character touches it
  bool lstrip = false;       // takes the spaces before it along
  bool rstrip = false;
  bool normalized = false;  // looked for in the normalised text

  bool operator==(const AddedToken&) const = default;
};

// A stretch of a text: one added token, or (id < 0) text between them.
struct Stretch {
  std::string_view text;
  std::int32_t id = -1;
};

// Finds added tokens from left to right, the longest first where several begin at one place.
class AddedTokens {
 public:
  AddedTokens() = default;
  explicit AddedTokens(std::vector<AddedToken> tokens);
  std::vector<Stretch> split(std::string_view text) const;
  bool operator==(const AddedTokens&) const = default;

 private:
  const AddedToken* starting_at(std::string_view text, std::size_t position) const;

  std::vector<AddedToken> tokens_;  // longest first
  std::array<bool, 256> first_byte_{};
};

}  // namespace espalier::text
