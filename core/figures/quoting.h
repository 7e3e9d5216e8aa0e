// Names and numbers as gnuplot reads them: a name is a text to show and never a command, a format or markup.
#pragma once

#include <string>
#include <string_view>

#include "figures/figure.h"

namespace espalier::figures {

// In single quotes, where gnuplot substitutes nothing. For tikz it is LaTeX, with every special character escaped.
std::string quoted(std::string_view text, Medium medium);
// The same as a label of an axis' tic, which gnuplot takes for a format.
std::string quoted_tic(std::string_view text, Medium medium);
std::string number(double value);
// A value's or an axis' name in words: achieved_sparsity as "achieved sparsity", wer as "WER".
std::string in_words(const std::string& name);

}  // namespace espalier::figures
