// One evaluation of many masks, computed in every way that there is, from the plain one to the quickest; timed in turns.
#pragma once

#include <espalier/searcher.h>
#include <espalier/units.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "engine/timing/paired_times.h"
#include "measure/agreement.h"
#include "measure/subject.h"
#include "words/watch.h"

namespace espalier::worker {

// What a way says of masks: all of it, or whether each is as good as it was asked to be.
struct RungAnswers {
  struct Bounded {
    Evaluated answer;
    double at_least = 0;
  };
  std::vector<tasks::Evaluation> whole;
  std::vector<Bounded> bounded;
};

// A way to evaluate masks.
struct Rung {
  std::string name, says;
  std::function<RungAnswers(const std::vector<Mask>& masks)> evaluate;
};
// Plain first; the last is bounded where the split is that of searches and its metric can be. They refer to the subject.
std::vector<Rung> rungs_of(const Subject& subject, const Watch& watch);

struct MaskSet {
  std::string name;
  std::vector<Mask> masks;
};
// So many masks of half of the heads, drawn at random but always the same; and of single heads, spread over the model.
std::vector<MaskSet> mask_sets(const std::vector<Site>& sites, std::int64_t count);

struct RungTimes {
  std::string name;
  double seconds = 0;              // the median of rounds
  engine::TimeRatio ratio;         // of what plain takes to what this takes, with its 99 % interval
  std::int64_t multiply_adds = 0;  // of a round; 0: not counted
};
struct Climb {
  std::vector<RungTimes> rungs;
  std::int64_t rounds = 0;
  Agreement agreement;
};
// A first round is not timed: its answers are held against those of the plain way. Then about `seconds` for each way, three
// rounds at least, each of all ways.
Climb climb(const std::vector<Rung>& rungs, const MaskSet& set, double seconds, const tasks::Task& task,
            const Watch& watch);

}  // namespace espalier::worker
