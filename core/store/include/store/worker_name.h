// Names of workers: HOST:PID:START_TICKS. The start time tells a worker from a later process that was given its number.
#pragma once

#include <string>

namespace espalier::store {

std::string this_worker_name();
std::string worker_name(int process);  // of a process on this host; its ticks are 0 when there is no such process

// Whether the named process still runs. A worker of another host counts as alive: only its lease can tell.
bool worker_is_alive(const std::string& name);

}  // namespace espalier::store
