// How class names of data meet those of a model: one way, for evaluating, training and teaching alike.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <espalier/export.h>

namespace espalier {

// A model's classes by name. Where they are LABEL_0, LABEL_1, ..., names that a checkpoint has when nobody named its
// classes, 0, 1, ... stand for them; where they are 0, 1, ..., LABEL_0, LABEL_1, ... do.
class ESPALIER_WORDS_API ClassNames {
 public:
  explicit ClassNames(const std::vector<std::string>& names);
  std::optional<std::int64_t> number_of(const std::string& name) const;

 private:
  std::map<std::string, std::int64_t> numbers_;
};

// The class of `own` that each of `names` means; none where they are not the same classes.
ESPALIER_WORDS_API std::optional<std::vector<std::int64_t>> same_classes(const std::vector<std::string>& own,
                                                                         const std::vector<std::string>& names);

// Whether a text is a number with a fraction, as a measurement is and a class is not.
ESPALIER_WORDS_API bool is_fraction(const std::string& name);

}  // namespace espalier
