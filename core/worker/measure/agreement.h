// Whether two ways of computing a mask came to the same answers.
#pragma once

#include <espalier/searcher.h>

#include <cstdint>
#include <string>

#include "tasks/task.h"

namespace espalier::worker {

struct Agreement {
  double difference = 0;           // the largest of two logits, or of two losses of speech
  std::int64_t predictions = 0;    // that were compared
  std::int64_t rounded_apart = 0;  // those that differ: classes that lie within rounding of each other

  void add(const Agreement& other);
};

// Throws Error with exit code 1 where they differ by more than rounding: numbers, or transcripts. `names` says which two,
// and under which mask.
Agreement agreement_of(const tasks::Evaluation& one, const tasks::Evaluation& other, const std::string& names);

// The same of a bounded evaluation, whose mask has this quality by a whole one. `tolerance`: of qualities.
void require_verdict(const Evaluated& answer, double at_least, double quality, double tolerance,
                     const std::string& names);

}  // namespace espalier::worker
