#include "words/utf8.h"

namespace espalier {
namespace {

// Of a character that begins with this byte: its length, and the range of its second byte. All others are 80 to BF.
struct Form {
  std::size_t length = 0;
  unsigned char second_from = 0x80, second_to = 0xBF;
};

Form form_of(unsigned char first) {
  if (first < 0x80) return {1};
  if (first < 0xC2) return {0};  // a byte of the middle, or a form longer than it need be
  if (first < 0xE0) return {2};
  if (first == 0xE0) return {3, 0xA0, 0xBF};
  if (first == 0xED) return {3, 0x80, 0x9F};  // no surrogates
  if (first < 0xF0) return {3};
  if (first == 0xF0) return {4, 0x90, 0xBF};
  if (first < 0xF4) return {4};
  if (first == 0xF4) return {4, 0x80, 0x8F};  // none beyond 10FFFF
  return {0};
}

}  // namespace

std::optional<std::size_t> invalid_utf8(std::string_view text) {
  const auto byte = [&](std::size_t place) { return static_cast<unsigned char>(text[place]); };
  for (std::size_t start = 0; start < text.size();) {
    const auto form = form_of(byte(start));
    if (form.length == 0 || text.size() - start < form.length) return start;
    if (form.length > 1 && (byte(start + 1) < form.second_from || byte(start + 1) > form.second_to)) return start;
    for (std::size_t place = start + 2; place < start + form.length; ++place)
      if (byte(place) < 0x80 || byte(place) > 0xBF) return start;
    start += form.length;
  }
  return std::nullopt;
}

}  // namespace espalier
