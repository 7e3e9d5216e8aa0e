#include "quoting.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "report/escaping.h"

namespace espalier::figures {
namespace {

constexpr std::size_t longest_name = 36;  // in characters; a longer one leaves no room for the figure

std::string shortened(const std::string& text) {
  if (report::width_of(text) <= longest_name) return text;
  std::size_t characters = 0, end = 0;
  while (end < text.size()) {
    if ((static_cast<unsigned char>(text[end]) & 0xC0U) != 0x80U && ++characters == longest_name) break;
    ++end;
  }
  return text.substr(0, end) + "\u2026";
}

// Between single quotes gnuplot takes every letter as it is. A quote among them is doubled, but gnuplot 5.4 loses count where
// two stand together or one begins a text: each is an expression of its own.
std::string in_quotes(const std::string& text) {
  std::string out = "'";
  for (const char letter : text) out += letter == '\'' ? std::string("'.sprintf('%c', 39).'") : std::string(1, letter);
  return out + "'";
}

std::string written(std::string_view text, Medium medium) {
  const auto shown = shortened(report::printable(text));
  return medium == Medium::Tikz ? report::latex_escaped(shown) : shown;
}

}  // namespace

std::string quoted(std::string_view text, Medium medium) { return in_quotes(written(text, medium)); }

std::string quoted_tic(std::string_view text, Medium medium) {
  std::string out;
  for (const char letter : written(text, medium)) out += letter == '%' ? std::string("%%") : std::string(1, letter);
  return in_quotes(out);
}

std::string number(double value) { return fmt::format("{:.9g}", value); }

std::string in_words(const std::string& name) {
  static const std::map<std::string, std::string> known = {{"wer", "word error rate"},
                                                           {"cer", "character error rate"},
                                                           {"map", "mean average precision"},
                                                           {"macro_f1", "macro F1"},
                                                           {"mcc", "Matthews correlation"},
                                                           {"mauc", "mean AUC"},
                                                           {"flops", "FLOPs of one example"},
                                                           {"multiply_adds", "multiply-adds of one example"},
                                                           {"parameters_total", "parameters"},
                                                           {"milliseconds", "time of a pass (ms)"},
                                                           {"dense_milliseconds", "time of a dense pass (ms)"},
                                                           {"seconds", "time (s)"},
                                                           {"ratio", "time relative to dense"},
                                                           {"joules", "energy of a pass (J)"},
                                                           {"step", "step of the schedule"},
                                                           {"evaluations", "masks evaluated"}};
  if (const auto found = known.find(name); found != known.end()) return found->second;
  auto words = name;
  std::replace(words.begin(), words.end(), '_', ' ');
  return words;
}

}  // namespace espalier::figures
