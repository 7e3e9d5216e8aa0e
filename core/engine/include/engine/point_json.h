// Points as they lie in the cache: every number as the same bits again.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "engine/engine.h"

namespace espalier::engine {

// What is not a number is written as null.
nlohmann::json to_json(const Point& point);
Point point_from_json(const nlohmann::json& entry);

}  // namespace espalier::engine
