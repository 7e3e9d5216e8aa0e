#include "speech/bleu.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "pattern.h"
#include "speech/error_rate.h"

namespace espalier::speech {
namespace {

constexpr std::size_t longest = 4;

std::string with(std::string text, const std::string& what, const std::string& by) {
  for (std::size_t place = 0; (place = text.find(what, place)) != std::string::npos; place += by.size())
    text.replace(place, what.size(), by);
  return text;
}

// mteval-v13a: punctuation stands alone, but for points and commas inside numbers and dashes behind letters.
std::vector<std::string> tokens_of(const std::string& text) {
  static const Pattern symbols("([\\{-\\~\\[-\\` -\\&\\(-\\+\\:-\\@\\/])"), after("([^0-9])([\\.,])"),
      before("([\\.,])([^0-9])"), dash("([0-9])(-)");
  auto line = text;
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r' || line.back() == ' ' || line.back() == '\t'))
    line.pop_back();
  line = with(with(with(line, "<skipped>", ""), "-\n", ""), "\n", " ");
  line = with(with(with(with(line, "&quot;", "\""), "&amp;", "&"), "&lt;", "<"), "&gt;", ">");
  line = " " + line + " ";
  line = symbols.replaced(line, " $1 ");
  line = after.replaced(line, "$1 $2 ");
  line = before.replaced(line, " $1 $2");
  line = dash.replaced(line, "$1 $2 ");
  return words_of(line);
}

std::map<std::vector<std::string>, std::int64_t> counts_of(const std::vector<std::string>& tokens, std::size_t length) {
  std::map<std::vector<std::string>, std::int64_t> counts;
  for (std::size_t i = 0; i + length <= tokens.size(); ++i)
    ++counts[{tokens.begin() + static_cast<std::ptrdiff_t>(i),
              tokens.begin() + static_cast<std::ptrdiff_t>(i + length)}];
  return counts;
}

}  // namespace

double corpus_bleu(const std::vector<std::string>& hypotheses, const std::vector<std::string>& references) {
  std::array<double, longest> right{}, total{};
  double heard = 0, said = 0;
  for (std::size_t i = 0; i < std::min(hypotheses.size(), references.size()); ++i) {
    const auto hypothesis = tokens_of(hypotheses[i]), reference = tokens_of(references[i]);
    heard += static_cast<double>(hypothesis.size());
    said += static_cast<double>(reference.size());
    for (std::size_t length = 1; length <= longest; ++length) {
      const auto known = counts_of(reference, length);
      for (const auto& [words, count] : counts_of(hypothesis, length)) {
        total[length - 1] += static_cast<double>(count);
        if (const auto found = known.find(words); found != known.end())
          right[length - 1] += static_cast<double>(std::min(count, found->second));
      }
    }
  }
  if (std::all_of(right.begin(), right.end(), [](double count) { return count == 0; })) return 0;
  double logarithms = 0, smoothing = 1;
  for (std::size_t i = 0; i < longest; ++i) {
    if (total[i] == 0) return 0;  // no text is long enough
    double precision = 100 * right[i] / total[i];
    if (right[i] == 0) {
      smoothing *= 2;
      precision = 100 / (smoothing * total[i]);
    }
    logarithms += std::log(precision);
  }
  const double brevity = heard < said ? (heard > 0 ? std::exp(1 - said / heard) : 0) : 1;
  return brevity * std::exp(logarithms / static_cast<double>(longest));
}

}  // namespace espalier::speech
