#include "live/worker_notes.h"

#include <unistd.h>

#include <fstream>

#include "words/printable.h"

namespace espalier::worker {
namespace {

constexpr double note_every_seconds = 2;

}  // namespace

std::optional<std::int64_t> memory_of_process(int process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/statm");
  std::int64_t all_pages = 0, resident_pages = 0;
  if (!(file >> all_pages >> resident_pages)) return std::nullopt;
  return resident_pages * ::sysconf(_SC_PAGESIZE);
}

WorkerNotes::WorkerNotes(const CellsWords& words, const std::string& name) {
  worker_.name = name;
  worker_.experiment = words.experiment;
  worker_.device = to_string(words.device);
  worker_.threads = words.threads;
}

void WorkerNotes::note(store::ResultStore& store, const std::string& stage, int computing) {
  const auto now = std::chrono::steady_clock::now();
  if (noted_ && std::chrono::duration<double>(now - *noted_).count() < note_every_seconds) return;
  noted_ = now;
  worker_.stage = printable_line(stage);
  worker_.memory_bytes = memory_of_process(::getpid());
  if (const auto more = memory_of_process(computing)) worker_.memory_bytes = worker_.memory_bytes.value_or(0) + *more;
  try {
    store.note_worker(worker_);
  } catch (const Error&) {  // the next time tries again
  }
}

void WorkerNotes::forget(store::ResultStore& store) {
  if (!noted_) return;
  try {
    store.forget_worker(worker_.name);
  } catch (const Error&) {  // shown as gone, then
  }
}

}  // namespace espalier::worker
