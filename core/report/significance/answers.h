// What a place of a table came to example by example: the mean over its computations.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "report/table.h"
#include "store/result_store.h"

namespace espalier::report {

// A metric that is a sum over examples divided by a sum of weights: right answers and ones, errors and words.
struct Answers {
  std::vector<double> values, weights;
  std::size_t computations = 0;
  double value = 0;                             // what they come to
  std::vector<std::int64_t> labels, predicted;  // of macro-F1, in place of values
  std::string missing;                          // why there are none; empty: there are
};

// Whether a value of this name is made of what is kept of each example.
bool has_answers(const std::string& value);

class AnswerBook {
 public:
  AnswerBook(const store::ResultStore& store, const std::string& experiment);
  Answers of(const TableCell& cell, const std::string& value) const;
  // What the answers of a point give in place of what is recorded of it; nothing where the two agree, or none are kept.
  std::optional<double> contradicting(const ComputedPoint& point, const std::string& value, double recorded) const;

 private:
  std::string digest(const ComputedPoint& point, const std::string& name) const;
  // Empty where they are not kept.
  std::vector<double> numbers(const ComputedPoint& point, const std::string& name) const;

  const store::ResultStore& store_;
  std::map<ComputedPoint, std::map<std::string, std::string>> digests_;
};

}  // namespace espalier::report
