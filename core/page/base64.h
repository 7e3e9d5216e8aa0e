// Bytes as letters, for places that hold no bytes.
#pragma once

#include <string>
#include <string_view>

namespace espalier::page {

// With '=' at its end where the number of bytes is no multiple of three.
std::string base64(std::string_view bytes);

}  // namespace espalier::page
