#include "added_tokens.h"

#include <algorithm>

#include "unicode.h"

namespace espalier::text {
namespace {

char32_t first_character(std::string_view text) {
  std::size_t position = 0;
  return next_character(text, position);
}

// Where the last character of a text begins.
std::size_t last_character(std::string_view text) {
  std::size_t position = text.size() - 1;
  while (position > 0 && (static_cast<unsigned char>(text[position]) & 0xC0) == 0x80) --position;
  return position;
}

bool ends_with_word(std::string_view text) {
  return !text.empty() && is_word(first_character(text.substr(last_character(text))));
}

bool starts_with_word(std::string_view text) { return !text.empty() && is_word(first_character(text)); }

std::size_t spaces_at_start(std::string_view text) {
  std::size_t position = 0;
  while (position < text.size()) {
    std::size_t next = position;
    if (!is_space(next_character(text, next))) break;
    position = next;
  }
  return position;
}

std::size_t without_spaces_at_end(std::string_view text) {
  while (!text.empty() && is_space(first_character(text.substr(last_character(text))))) {
    text = text.substr(0, last_character(text));
  }
  return text.size();
}

}  // namespace

AddedTokens::AddedTokens(std::vector<AddedToken> tokens) : tokens_(std::move(tokens)) {
  std::erase_if(tokens_, [](const AddedToken& token) { return token.content.empty(); });
  std::stable_sort(tokens_.begin(), tokens_.end(),
                   [](const auto& a, const auto& b) { return a.content.size() > b.content.size(); });
  for (const auto& token : tokens_) first_byte_[static_cast<unsigned char>(token.content[0])] = true;
}

const AddedToken* AddedTokens::starting_at(std::string_view text, std::size_t position) const {
  if (!first_byte_[static_cast<unsigned char>(text[position])]) return nullptr;
  const auto found = std::find_if(tokens_.begin(), tokens_.end(), [&](const AddedToken& token) {
    return text.substr(position).starts_with(token.content);
  });
  return found == tokens_.end() ? nullptr : &*found;
}

std::vector<Stretch> AddedTokens::split(std::string_view text) const {
  std::vector<Stretch> stretches;
  std::size_t done = 0;
  for (std::size_t position = 0; position < text.size();) {
    const AddedToken* const token = starting_at(text, position);
    if (token == nullptr) {
      ++position;
      continue;
    }
    std::size_t start = position, stop = position + token->content.size();
    position = stop;
    if (token->single_word && (ends_with_word(text.substr(0, start)) || starts_with_word(text.substr(stop)))) continue;
    if (token->lstrip) start = std::max(without_spaces_at_end(text.substr(0, start)), done);
    if (token->rstrip) stop += spaces_at_start(text.substr(stop));
    if (done < start) stretches.push_back({text.substr(done, start - done), -1});
    stretches.push_back({text.substr(start, stop - start), token->id});
    done = stop;
    position = std::max(position, done);
  }
  if (done < text.size()) stretches.push_back({text.substr(done), -1});
  return stretches;
}

}  // namespace espalier::text
