// What a model says of texts and sounds, as people and programs read it.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "asked.h"

namespace espalier::worker {

struct Answer {
  std::string name;
  std::string text;                                    // that was read, or that was heard
  std::vector<std::pair<std::string, double>> labels;  // the likeliest first
  std::string language;                                // of a transcript, where the model knows several
  bool cut = false;                                    // a transcript that did not end by itself
};

struct Answers {
  std::string model;
  bool are_transcripts = false;
  std::vector<Answer> all;
  std::vector<LeftOut> left_out;
};

// `format`: text (a line each), tsv (with a header; of classes one row a label), json.
std::string rendered(const Answers& answers, const std::string& format);

}  // namespace espalier::worker
