// What one attempt at a cell gave: how it ended, its points, and where they came from.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cells/point.h"
#include "cells/vocabulary.h"

namespace espalier {

struct Artifact {
  std::string kind;  // base-model, scores, evaluations, mask
  std::string digest;
  std::string path;  // where it was kept
};

// The file of a plugin that took part.
struct UsedPlugin {
  std::string role, name, version, file_digest;
};

// Seconds by stage, what came from a cache, peak memory.
struct Timing {
  std::map<std::string, double> seconds;
  std::map<std::string, bool> cached;
  std::int64_t steps_read = 0;                        // finished steps that a stopped cell went on from
  std::vector<std::vector<TrainingReport>> recovery;  // step by step
  std::optional<std::int64_t> peak_memory_bytes;
  std::optional<std::int64_t> peak_device_bytes;  // of a GPU; none on the CPU
  std::int64_t memory_shortages = 0;              // times a GPU's memory did not suffice, and smaller pieces did
};

enum class Outcome { Running, Done, Failed, Lost, Interrupted };
template <>
struct Vocabulary<Outcome> {
  static constexpr const char* kind = "outcome";
  static constexpr Word<Outcome> words[] = {{Outcome::Running, "running"},
                                            {Outcome::Done, "done"},
                                            {Outcome::Failed, "failed"},
                                            {Outcome::Lost, "lost"},
                                            {Outcome::Interrupted, "interrupted"}};
};

// Why an attempt did not end as done, for programs; its message is for people.
enum class FailureReason { Error, OutOfMemory, MemoryLimit, TimeLimit, Crash, Exit, Spoilt, Device };
template <>
struct Vocabulary<FailureReason> {
  static constexpr const char* kind = "reason";
  static constexpr Word<FailureReason> words[] = {{FailureReason::Error, "error"},
                                                  {FailureReason::OutOfMemory, "out-of-memory"},
                                                  {FailureReason::MemoryLimit, "memory-limit"},
                                                  {FailureReason::TimeLimit, "time-limit"},
                                                  {FailureReason::Crash, "crash"},
                                                  {FailureReason::Exit, "exit"},
                                                  {FailureReason::Spoilt, "spoilt"},
                                                  {FailureReason::Device, "device"}};
};

struct Attempt {
  Outcome outcome = Outcome::Done;
  std::optional<FailureReason> reason;
  std::string message;            // of a failure: first line says what failed
  std::optional<double> seconds;  // of the whole attempt
  std::optional<Timing> timing;
  nlohmann::json environment;  // versions, compiler, device, threads, flags, command line, host; null: not known
  std::vector<Point> points;
  std::vector<Artifact> artifacts;
  std::vector<UsedPlugin> plugins;
  std::string device;               // it was made on; empty: not known
  std::int64_t batch_halvings = 0;  // how often batches were halved for it, because memory did not suffice
  std::optional<std::int64_t> peak_memory_bytes;  // of the process that computed, models of earlier cells included

  // What the database says of it; nothing of an attempt that is not recorded yet.
  std::int64_t number = 0;  // 1 for the first
  std::string worker;
  std::optional<std::string> started, ended;               // as in 2026-01-31T12:00:00Z
  std::map<std::string, nlohmann::json> other_forms = {};  // as in Point
};

nlohmann::json to_json(const Timing& timing);
nlohmann::json to_json(const Attempt& attempt);
// Throws a JSON exception where the text is not what to_json wrote.
Timing timing_from_json(const nlohmann::json& json);

}  // namespace espalier
