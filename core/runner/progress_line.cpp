#include "progress_line.h"

#include <fmt/format.h>
#include <sys/ioctl.h>

#include <utility>

#include "runner/plan.h"
#include "words/texts/durations.h"

namespace espalier::runner {
namespace {

constexpr double first_after_seconds = 1;
constexpr double apart_on_terminal_seconds = 0.2;
constexpr double apart_in_log_seconds = 10;
constexpr double apart_in_log_share = 0.1;
constexpr double soonest_in_log_seconds = 1;
constexpr double window_seconds = 60;

std::size_t terminal_width(std::FILE* out) {
  winsize size{};
  return ::ioctl(::fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 80;
}

// The first columns of a text; a letter of several bytes is kept whole or left out.
std::string cut(const std::string& text, std::size_t columns) {
  std::size_t used = 0, at = 0;
  for (; at < text.size(); ++at) {
    const bool begins_letter = (static_cast<unsigned char>(text[at]) & 0xC0) != 0x80;
    if (begins_letter && ++used > columns) break;
  }
  return text.substr(0, at);
}

}  // namespace

ProgressLine::ProgressLine(std::FILE* out, bool terminal, std::string name)
    : out_(out), terminal_(terminal), name_(std::move(name)) {}

ProgressLine::~ProgressLine() { end(); }

double ProgressLine::rate() const {
  if (samples_.size() < 2) return 0;
  const auto& first = samples_.front();
  const auto& last = samples_.back();
  if (last.finished <= first.finished || last.time <= first.time) return 0;
  return static_cast<double>(last.finished - first.finished) / (last.time - first.time);
}

std::string ProgressLine::text(const ProgressState& state, double now) const {
  const auto finished = state.done + state.failed;
  std::string text = fmt::format("{}: {} of {} cells", name_, finished, state.cells);
  if (state.failed > 0) text += fmt::format(", {} failed", state.failed);
  const double per_second = rate();
  if (per_second > 0) {
    const double per_minute = per_second * 60;
    text += fmt::format(", {:.{}f} cells/min", per_minute, per_minute < 9.95 ? 1 : 0);
    if (finished < state.cells) {
      const auto by_pace = static_cast<double>(state.cells - finished) / per_second;
      text += ", " + duration_text(state.seconds_left.value_or(by_pace)) + " left";
    }
  } else {
    text += ", " + duration_text(now) + " so far";
  }
  if (!state.stage.empty() && finished < state.cells) text += "; " + state.stage;
  return text;
}

void ProgressLine::update(const ProgressState& state, double now) {
  const auto finished = state.done + state.failed;
  // A sample is taken when a cell ends, so that the rate does not decay between two cells. Pace is counted from the
  // first cell that ends: what came before it (a base model that is trained) comes once and is no cell's pace.
  if (samples_.empty() || samples_.back().finished != finished) {
    if (samples_.size() == 1 && !first_cell_ended_) {
      first_cell_ended_ = true;
      samples_.clear();
    }
    samples_.push_back({now, finished});
  }
  while (samples_.size() > 2 && now - samples_[1].time > window_seconds) samples_.pop_front();

  if (now < first_after_seconds) return;
  const double share = state.cells > 0 ? static_cast<double>(finished) / static_cast<double>(state.cells) : 1;
  const double since = now - shown_at_;
  const bool first = shown_at_ < 0;
  const bool due = terminal_ ? since >= apart_on_terminal_seconds
                             : since >= apart_in_log_seconds ||
                                   (since >= soonest_in_log_seconds && share - shown_share_ >= apart_in_log_share);
  if (!first && !due) return;
  shown_at_ = now;
  shown_share_ = share;
  write(text(state, now));
}

void ProgressLine::write(const std::string& line) {
  if (!terminal_) {
    std::fputs((line + "\n").c_str(), out_);
  } else {
    last_line_ = "\r\x1b[K" + cut(line, terminal_width(out_) - 1);
    line_open_ = true;
    std::fputs(last_line_.c_str(), out_);
  }
  std::fflush(out_);
}

void ProgressLine::note(const std::string& text) {
  std::fputs(((line_open_ ? "\r\x1b[K" : "") + text + "\n").c_str(), out_);
  if (line_open_) std::fputs(last_line_.c_str(), out_);
  std::fflush(out_);
}

void ProgressLine::end() {
  if (line_open_) std::fputs("\n", out_);
  std::fflush(out_);
  line_open_ = false;
}

}  // namespace espalier::runner
