#include "loader/at_work.h"

#include <algorithm>
#include <cstring>

#include "words/printable.h"

namespace espalier::loader {
namespace {

WorkNote& unread() {
  static WorkNote note;
  return note;
}

WorkNote* present = nullptr;

// Never without an end, also where a process dies in the middle of it.
template <std::size_t size>
void write(char (&target)[size], const std::string& text) {
  const auto count = std::min(text.size(), size - 1);
  target[count] = '\0';
  std::memcpy(target, text.data(), count);
}

}  // namespace

std::string WorkNote::in_words(const std::string& otherwise) const {
  // The memory was a stranger's to write into as well.
  const auto text = [](const char* bytes, std::size_t size) { return printable_line({bytes, ::strnlen(bytes, size)}); };
  const auto who = text(plugin, sizeof plugin), what = text(doing, sizeof doing), where = text(stage, sizeof stage);
  std::string words = otherwise;
  if (!what.empty()) {
    words = " while " + who + " " + what;
  } else if (!who.empty()) {
    words += ", after " + who + " had been called";
  }
  return words + (where.empty() ? "" : " (stage: " + where + ")");
}

void write_notes_to(WorkNote& note) { present = &note; }
WorkNote& work_note() { return present != nullptr ? *present : unread(); }

void note_stage(const std::string& stage) { write(work_note().stage, stage); }

void note_waited(double seconds) { work_note().waited_seconds += seconds; }

AtWork::AtWork(const std::string& plugin, const std::string& doing) {
  write(work_note().plugin, plugin);
  write(work_note().doing, doing);
}

AtWork::~AtWork() { work_note().doing[0] = '\0'; }

}  // namespace espalier::loader
