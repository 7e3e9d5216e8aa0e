// Spelled-out English numbers as digits: "twenty one dollars" is "$21", "one oh one" is "101".
#pragma once

#include <string>

namespace espalier::speech {

// The text's words with numbers as digits, joined by single spaces.
std::string with_digits(const std::string& text);

}  // namespace espalier::speech
