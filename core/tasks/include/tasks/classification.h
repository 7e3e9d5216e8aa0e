// What classifiers share, whatever they read: logits in file order, and what they say of one class or of several.
#pragma once

#include "tasks/task.h"

namespace espalier::tasks {

// What each of these models, which are one or of one series, makes of a whole split of the task, from logits [examples,
// classes] in file order, float32. `batches_at_once` batches are handed to a model together. Multiply-adds are those done.
std::vector<Evaluation> evaluations_of(const Task& task, std::span<const nn::Model* const> models, const Split& split,
                                       std::size_t batches_at_once, const Watch& watch);

// accuracy, macro_f1, mcc, cross_entropy of one class an example; an example is right where its class is found.
// Throws InputError where `outputs` has no logits that fit the split.
Evaluation one_class_evaluation(const Outputs& outputs, const Split& split, std::int64_t multiply_adds);

// map, mauc, cross_entropy of several labels an example; an example is right where each label is, at probability 1/2.
Evaluation tagging_evaluation(const Outputs& outputs, const Split& split, std::int64_t multiply_adds);

// Throws InputError where a file's labels are all the same.
void require_two_classes(const std::vector<std::string>& labels, const std::string& file);

}  // namespace espalier::tasks
