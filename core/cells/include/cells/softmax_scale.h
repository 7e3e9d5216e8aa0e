// What the scores of attention are divided by where a head has lost channels of Q and K.
#pragma once

#include <string>

#include <espalier/vocabulary.h>

namespace espalier {

struct SoftmaxScale {
  enum class Kind { Original, PrunedWidth, Number };
  Kind kind = Kind::Original;
  double number = 0;

  bool operator==(const SoftmaxScale&) const = default;
};

// The kinds that have a name; a number is written as itself.
template <>
struct Vocabulary<SoftmaxScale::Kind> {
  static constexpr const char* kind = "softmax scale";
  static constexpr Word<SoftmaxScale::Kind> words[] = {{SoftmaxScale::Kind::Original, "original"},
                                                       {SoftmaxScale::Kind::PrunedWidth, "pruned-width"}};
};

std::string to_string(const SoftmaxScale& scale);
// Throws SettingsError.
SoftmaxScale softmax_scale_from(const std::string& text);

}  // namespace espalier
