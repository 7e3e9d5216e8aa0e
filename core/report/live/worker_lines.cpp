#include "live/worker_lines.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "report/escaping.h"
#include "words/cache/byte_count.h"
#include "words/texts/durations.h"

namespace espalier::report {
namespace {

constexpr std::size_t most_workers = 64;
constexpr double silent_after_seconds = 30;
constexpr double gone_is_news_seconds = 60;

// Who ended long ago and holds nothing is of no interest while others took over.
bool is_of_interest(const store::LiveWorker& worker) {
  return worker.where != store::Whereabouts::Gone || !worker.key.empty() ||
         worker.silent_seconds.value_or(0) <= gone_is_news_seconds;
}

// HOST:PID:START_TICKS without what only tells one process from a later one.
std::string short_name(const std::string& name) {
  const auto last = name.rfind(':');
  return printable(name.substr(0, last == std::string::npos ? name.size() : last));
}

std::string doing(const store::LiveWorker& worker) {
  const auto key = printable(worker.key.substr(0, key_letters));
  if (worker.where == store::Whereabouts::Gone) return key.empty() ? "gone" : "gone, and held cell " + key;
  if (key.empty()) return worker.stage.empty() ? "between cells" : printable(worker.stage);
  auto text = "cell " + key;
  if (worker.seconds_at_cell) text += " for " + duration_text(std::max(0.0, *worker.seconds_at_cell));
  if (!worker.stage.empty()) text += ": " + printable(worker.stage);
  return text;
}

}  // namespace

std::string whereabouts_text(store::Whereabouts where) {
  switch (where) {
    case store::Whereabouts::Alive: return "alive";
    case store::Whereabouts::Gone: return "gone";
    case store::Whereabouts::Elsewhere: break;
  }
  return "elsewhere";
}

std::string worker_lines(const std::vector<store::LiveWorker>& all) {
  std::vector<store::LiveWorker> workers;
  std::copy_if(all.begin(), all.end(), std::back_inserter(workers), is_of_interest);
  if (workers.empty()) return "";
  std::size_t widest = 0;
  for (const auto& worker : workers) widest = std::max(widest, short_name(worker.name).size());
  std::string text = "workers:\n";
  for (std::size_t i = 0; i < std::min(workers.size(), most_workers); ++i) {
    const auto& worker = workers[i];
    const auto device = worker.device.empty() ? std::string("?")
                                              : fmt::format("{}, {} {}", printable(worker.device), worker.threads,
                                                            worker.threads == 1 ? "thread" : "threads");
    text += fmt::format("  {:<{}}  {:<18}  {:>9}  {:>6} finished  {}", short_name(worker.name), widest, device,
                        worker.memory_bytes ? size_text(static_cast<std::uint64_t>(*worker.memory_bytes)) : "",
                        worker.finished, doing(worker));
    if (worker.where != store::Whereabouts::Gone && worker.silent_seconds.value_or(0) > silent_after_seconds)
      text += ", silent for " + duration_text(*worker.silent_seconds);
    text += "\n";
  }
  if (workers.size() > most_workers) text += fmt::format("  and {} more\n", workers.size() - most_workers);
  return text;
}

nlohmann::ordered_json worker_json(const store::LiveWorker& worker) {
  const auto or_null = [](const auto& value) {
    return value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json();
  };
  const auto text_or_null = [](const std::string& text) {
    return text.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(text);
  };
  return {{"name", worker.name},
          {"experiment", worker.experiment},
          {"device", text_or_null(worker.device)},
          {"threads", worker.device.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(worker.threads)},
          {"state", whereabouts_text(worker.where)},
          {"key", text_or_null(worker.key)},
          {"seconds_at_cell", or_null(worker.seconds_at_cell)},
          {"stage", text_or_null(worker.stage)},
          {"memory_bytes", or_null(worker.memory_bytes)},
          {"finished", worker.finished},
          {"silent_seconds", or_null(worker.silent_seconds)}};
}

}  // namespace espalier::report
