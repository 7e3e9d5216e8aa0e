// Workers as lines and as JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "store/live/live_worker.h"

namespace espalier::report {

// "alive", "gone" or "elsewhere".
std::string whereabouts_text(store::Whereabouts where);

// A heading and a line a worker; nothing where there is none. Who has been gone for a minute and holds no cell is left out.
std::string worker_lines(const std::vector<store::LiveWorker>& workers);
nlohmann::ordered_json worker_json(const store::LiveWorker& worker);

}  // namespace espalier::report
