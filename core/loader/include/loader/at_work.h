// Which plugin is at work in this process, written where it can still be read when the process has died of it.
#pragma once

#include <string>

namespace espalier::loader {

// Plain memory, which this process may share with the one that watches it. Texts end in a zero byte.
struct WorkNote {
  char plugin[256] = {};      // "scorer 'hies'": the one that is in work, or the last that was
  char doing[64] = {};        // "was scoring"; empty between calls
  char stage[64] = {};        // of the cell: "scores", "search"
  char verdict[4608] = {};    // why this process has to end; empty: it has not
  double waited_seconds = 0;  // of the cell's time so far: for what another process makes

  // " while scorer 'hies' was scoring (stage: scores)": how a message about the end of the process goes on; `otherwise`
  // where no plugin is in work.
  std::string in_words(const std::string& otherwise) const;
};

// Where notes are written from now on; it outlives every call. Without one they go where nobody looks.
void write_notes_to(WorkNote& note);
WorkNote& work_note();

void note_stage(const std::string& stage);

// So many seconds more were spent waiting for another process. Said again and again while it lasts: what is not said is the
// cell's own time.
void note_waited(double seconds);

// From here to the end of its scope this plugin is at work.
class AtWork {
 public:
  AtWork(const std::string& plugin, const std::string& doing);
  ~AtWork();
  AtWork(const AtWork&) = delete;
  AtWork& operator=(const AtWork&) = delete;
};

}  // namespace espalier::loader
