#include "report/live/explanation.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "live/worker_lines.h"
#include "report/escaping.h"
#include "words/texts/durations.h"
#include "words/texts/shell_word.h"

namespace espalier::report {
namespace {

std::string cells_text(std::int64_t count) { return fmt::format("{} {}", count, count == 1 ? "cell" : "cells"); }

// What waits, and what has no key yet.
void add_missing(const CellQuestion& question, std::vector<std::string>& reasons) {
  for (const auto& path : question.missing) reasons.push_back("a run begins nothing before this is there: " + path);
}

void add_file(const CellQuestion& question, std::vector<std::string>& reasons) {
  if (question.file.empty() || question.is_in_file) return;
  if (!question.missing.empty()) {
    reasons.push_back("whether " + question.file +
                      " still holds it cannot be told, as files are missing: " + question.missing.front());
    return;
  }
  reasons.push_back(question.is_skipped
                        ? "a skip in " + question.file + " excludes it"
                        : question.file + " does not hold it as it is now: a value or a file behind it differs");
}

void add_holder(const store::CellHolder& holder, std::vector<std::string>& reasons) {
  const auto since = duration_text(std::max(0.0, holder.held_seconds));
  std::string text = "worker " + holder.worker + " has held it for " + since;
  if (holder.where == store::Whereabouts::Alive) {
    text += ", and lives: it is at work";
  } else if (holder.where == store::Whereabouts::Gone) {
    text += ", and is gone: the next 'espalier run' takes the cell back";
  } else {
    text += holder.lease_seconds > 0
                ? ", on another machine: its lease lasts " + duration_text(holder.lease_seconds) +
                      " more unless it is prolonged"
                : ", on another machine: its lease ran out " + duration_text(-holder.lease_seconds) +
                      " ago, and the next worker takes the cell over";
  }
  reasons.push_back(std::move(text));
}

void add_place(const store::CellPlace& place, bool is_alone, std::vector<std::string>& reasons) {
  const auto of = is_alone ? std::string() : " of " + place.experiment;
  if (!place.is_current) {
    reasons.push_back("the experiment file" + of + " did not hold it when it last ran");
  } else if (!place.is_asked) {
    reasons.push_back("the last run" + of + " was not asked for it (--only, --max-cells)");
  } else {
    if (place.is_paused) reasons.push_back("the run" + of + " is paused: its workers claim nothing more");
    reasons.push_back(place.ahead == 0
                          ? "it is the next" + of
                          : cells_text(place.ahead) + of + (place.ahead == 1 ? " comes" : " come") + " first");
    reasons.push_back(place.workers == 0
                          ? "nobody works on " + place.experiment + " now: 'espalier run' goes on with it"
                          : fmt::format("{} {} at work on {}", place.workers,
                                        place.workers == 1 ? "worker is" : "workers are", place.experiment));
  }
}

std::string ending_of(const Attempt& attempt) {
  auto text = fmt::format("attempt {} {}", attempt.number,
                          attempt.outcome == Outcome::Failed ? "failed"
                          : attempt.outcome == Outcome::Lost ? "was lost"
                                                             : "was interrupted");
  if (attempt.ended) text += " at " + *attempt.ended;
  if (!attempt.message.empty()) text += ": " + attempt.message;
  return text;
}

void add_attempts(const store::CellRecord& cell, std::vector<std::string>& reasons) {
  for (const auto& attempt : cell.attempts) {
    if (attempt.outcome == Outcome::Running || attempt.outcome == Outcome::Done) continue;
    reasons.push_back(ending_of(attempt));
  }
}

std::string state_of(const CellQuestion& question) { return question.recorded ? question.recorded->state : "new"; }

std::vector<std::string> reasons_of(const CellQuestion& question) {
  std::vector<std::string> reasons;
  if (!question.recorded) {
    if (question.is_in_file)
      reasons.push_back("no run has met it yet; this computes it: espalier run " + shell_path(question.file));
    add_file(question, reasons);
    add_missing(question, reasons);
    return reasons;
  }
  const auto& cell = *question.recorded;
  if (cell.state == "done") {
    reasons.push_back(cell.attempts.empty() ? "it is done"
                                            : fmt::format("it is done, by attempt {}", cell.attempts.back().number));
    add_file(question, reasons);
    return reasons;
  }
  if (cell.state == "failed") {
    reasons.push_back(
        cell.lost > 0 && (cell.attempts.empty() || cell.attempts.back().outcome == Outcome::Lost)
            ? fmt::format("{} of its attempts ended with their worker: the next 'espalier run' tries it again",
                          cell.lost)
            : std::string("it failed: the next 'espalier run' tries it again"));
  }
  if (question.situation.holder) add_holder(*question.situation.holder, reasons);
  if (cell.state == "waiting") {
    for (const auto& place : question.situation.places)
      add_place(place, question.situation.places.size() == 1, reasons);
    add_missing(question, reasons);
  }
  add_file(question, reasons);
  add_attempts(cell, reasons);
  return reasons;
}

}  // namespace

std::string explanation_text(const CellQuestion& question) {
  auto text = fmt::format("cell {}: {}\n", printable(question.key.substr(0, 12)),
                          question.recorded ? question.recorded->state : "not in the database");
  for (const auto& reason : reasons_of(question)) {
    std::string line;
    for (const char c : reason) line += c == '\n' ? std::string("\n    ") : std::string(1, c);
    std::size_t begin = 0;
    for (bool is_first = true; begin <= line.size(); is_first = false) {
      const auto end = std::min(line.find('\n', begin), line.size());
      text += (is_first ? "  " : "") + printable(line.substr(begin, end - begin)) + "\n";
      begin = end + 1;
    }
  }
  return text;
}

std::string explanation_json(const CellQuestion& question) {
  nlohmann::ordered_json document = {{"key", question.key},
                                     {"state", state_of(question)},
                                     {"reasons", reasons_of(question)},
                                     {"skipped", question.is_skipped},
                                     {"missing", question.missing},
                                     {"experiments", nlohmann::json::array()},
                                     {"holder", nullptr},
                                     {"attempts", nlohmann::json::array()}};
  for (const auto& place : question.situation.places) {
    document["experiments"].push_back({{"name", place.experiment},
                                       {"current", place.is_current},
                                       {"asked", place.is_asked},
                                       {"paused", place.is_paused},
                                       {"ahead", place.ahead},
                                       {"workers", place.workers}});
  }
  if (const auto& holder = question.situation.holder) {
    document["holder"] = {{"worker", holder->worker},
                          {"state", whereabouts_text(holder->where)},
                          {"held_seconds", holder->held_seconds},
                          {"lease_seconds", holder->lease_seconds}};
  }
  for (const auto& attempt : question.recorded ? question.recorded->attempts : std::vector<Attempt>()) {
    document["attempts"].push_back({{"number", attempt.number},
                                    {"outcome", to_string(attempt.outcome)},
                                    {"worker", attempt.worker},
                                    {"started", attempt.started.value_or("")},
                                    {"ended", attempt.ended.value_or("")},
                                    {"message", attempt.message}});
  }
  return document.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace espalier::report
