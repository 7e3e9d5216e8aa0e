// The workers' log, followed while they write it. A line is text after an optional time and level. Warnings and errors
// concern the user at the terminal; a line without a level says what a worker is doing now, its stage.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace espalier::runner {

struct LogLine {
  enum class Kind { Detail, Cell, Stage, Warning, Error } kind = Kind::Detail;
  std::string
      text;  // without time and level; Detail: an indented line of what stands above, Cell: a cell begins or ends
};

LogLine read_log_line(const std::string& line);

class LogTail {
 public:
  explicit LogTail(std::filesystem::path file);  // from its present end on
  std::vector<LogLine> new_lines();
  // The last lines since the beginning of this tail, errors first choice: why a worker did not start.
  std::vector<std::string> last_lines(std::size_t count) const;

 private:
  std::filesystem::path file_;
  std::uintmax_t start_ = 0;
  std::uintmax_t read_ = 0;
  std::string rest_;  // a line that is not written to its end yet
};

}  // namespace espalier::runner
