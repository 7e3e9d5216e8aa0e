#include "cells/softmax_scale.h"

#include <espalier/error.h>
#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "words/names.h"

namespace espalier {

std::string to_string(const SoftmaxScale& scale) {
  return scale.kind == SoftmaxScale::Kind::Number ? fmt::format("{}", scale.number) : to_string(scale.kind);
}

SoftmaxScale softmax_scale_from(const std::string& text) {
  if (const auto kind = find_name<SoftmaxScale::Kind>(text)) return {*kind, 0};
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size() && std::isfinite(number) && number > 0) {
    return {SoftmaxScale::Kind::Number, number};
  }
  throw SettingsError("softmax scale '" + text + "' is none: expected " + join(names<SoftmaxScale::Kind>()) +
                      " or a positive number");
}

}  // namespace espalier
