// Names of workers: HOST:PID:START_TICKS. The start time tells a worker from a later process that was given its number.
#pragma once

#include <string>

namespace espalier::store {

std::string this_worker_name();
std::string worker_name(int process);  // of a process on this host; its ticks are 0 when there is no such process

// Where the named process is. Of one on another host nothing is known: only its lease can tell.
enum class Whereabouts { Alive, Gone, Elsewhere };
Whereabouts whereabouts(const std::string& worker);

}  // namespace espalier::store
