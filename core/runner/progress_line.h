// How far a run is, on stderr: one line that is rewritten on a terminal, a line now and then anywhere else.
#pragma once

#include <cstdint>
#include <cstdio>
#include <deque>
#include <optional>
#include <string>

namespace espalier::runner {

struct ProgressState {
  std::int64_t cells = 0, done = 0, failed = 0;
  std::string stage;  // what is being done now; may be empty
  // By what cells of each kind took; none: the pace of the last minute tells it.
  std::optional<double> seconds_left = std::nullopt;
};

class ProgressLine {
 public:
  ProgressLine(std::FILE* out, bool terminal, std::string name);
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  // `now` in seconds since the run began.
  void update(const ProgressState& state, double now);
  // A sentence of its own, above the progress.
  void note(const std::string& text);
  void end();  // leaves the last state standing

  // "demo: 12 of 60 cells, 1 failed, 34 cells/min, 1 min 25 s left; training the base model"
  std::string text(const ProgressState& state, double now) const;

 private:
  struct Sample {
    double time;
    std::int64_t finished;
  };
  double rate() const;  // cells a second, lately; 0: unknown
  void write(const std::string& line);

  std::FILE* out_;
  bool terminal_;
  std::string name_;
  std::deque<Sample> samples_;
  bool first_cell_ended_ = false;
  double shown_at_ = -1;
  double shown_share_ = 0;
  bool line_open_ = false;
  std::string last_line_;
};

}  // namespace espalier::runner
