// What a mask leaves of a model, counted: parameters, heads and channels site by site, operations in closed form.
#pragma once

#include "cells/point.h"
#include "engine/base_model.h"

namespace espalier::engine {

// The point of the model as it was read.
Point dense_point(BaseModel& base, const tasks::Evaluation& dense, bool count_output_bias);

// What was measured on the test split. `from_cache`: nothing was computed for it.
void set_evaluation(Point& point, const tasks::Evaluation& evaluation, bool from_cache);

// `pruned`: the dense model compacted by the mask, whatever its weights are by now.
void set_counts(Point& point, BaseModel& base, const nn::Model& pruned, const Mask& mask, bool count_output_bias);

}  // namespace espalier::engine
