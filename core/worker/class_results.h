// Results of each class, beside the metrics of all.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "commands.h"
#include "tasks/task.h"

namespace espalier::worker {

// Puts "classes" and "confusion" into an answer, as far as they are asked for.
void add_class_results(nlohmann::json& answer, const EvaluateWords& words, const std::vector<std::string>& labels,
                       const tasks::Evaluation& evaluation, const tasks::Split& split);

// The same for a terminal; nothing where none were asked for.
std::string class_results_text(const nlohmann::json& answer);

}  // namespace espalier::worker
