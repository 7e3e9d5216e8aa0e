#include "log_tail.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <sstream>
#include <system_error>
#include <utility>

#include "words/printable.h"

namespace espalier::runner {
namespace {

std::string text_from(const std::filesystem::path& file, std::uintmax_t start) {
  std::ifstream input(file, std::ios::binary);
  input.seekg(static_cast<std::streamoff>(start));
  return {std::istreambuf_iterator<char>(input), {}};
}

// A plugin may have written it: it is shown at the terminal.
std::string shown(const std::string& line) {
  constexpr std::size_t longest_line = 1000;
  return printable_line(line, longest_line);
}

}  // namespace

LogLine read_log_line(const std::string& line) {
  static const std::array<std::pair<std::string, LogLine::Kind>, 4> levels{{{"warning: ", LogLine::Kind::Warning},
                                                                            {"error: ", LogLine::Kind::Error},
                                                                            {"critical: ", LogLine::Kind::Error},
                                                                            {"cell ", LogLine::Kind::Cell}}};
  if (line.empty() || line.front() == ' ') return {LogLine::Kind::Detail, line};
  // Before the text stand at most a time and a process number: digits and signs, and the T and Z of ISO times.
  const auto start = std::min(line.find_first_not_of("0123456789-:.+,[]/ TZ"), line.size());
  for (const auto& [word, kind] : levels) {
    if (line.compare(start, word.size(), word) != 0) continue;
    return {kind, line.substr(kind == LogLine::Kind::Cell ? start : start + word.size())};
  }
  // A text that begins with a number or a T has lost nothing when no time stood before it.
  const bool timed = start > 8 && line.compare(0, 2, "20") == 0;
  return {LogLine::Kind::Stage, timed ? line.substr(start) : line};
}

LogTail::LogTail(std::filesystem::path file) : file_(std::move(file)) {
  std::error_code missing;
  const auto size = std::filesystem::file_size(file_, missing);
  if (!missing) start_ = read_ = size;
}

std::vector<LogLine> LogTail::new_lines() {
  std::vector<LogLine> lines;
  std::error_code missing;
  const auto size = std::filesystem::file_size(file_, missing);
  if (missing || size <= read_) return lines;
  const std::string added = text_from(file_, read_);
  read_ += added.size();
  rest_ += added;
  std::size_t start = 0;
  for (std::size_t end; (end = rest_.find('\n', start)) != std::string::npos; start = end + 1) {
    lines.push_back(read_log_line(shown(rest_.substr(start, end - start))));
  }
  rest_.erase(0, start);
  return lines;
}

std::vector<std::string> LogTail::last_lines(std::size_t count) const {
  // Lines after an error are its details, so the last error and what follows it say more than the last lines alone.
  std::vector<std::string> lines;
  bool from_error = false;
  std::istringstream text(text_from(file_, start_));
  for (std::string line; std::getline(text, line);) {
    const LogLine read = read_log_line(shown(line));
    if (line.empty()) continue;
    if (read.kind == LogLine::Kind::Error) {
      lines.clear();
      from_error = true;
    }
    if (from_error && lines.size() == count) continue;
    lines.push_back(read.text);
    if (lines.size() > count) lines.erase(lines.begin());
  }
  return lines;
}

}  // namespace espalier::runner
