// Reads the keys of one table and complains about what is unknown, of another type or out of range.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "document.h"

namespace espalier::grid {

// Which reals are allowed, and how a message says so.
struct Range {
  double least;
  double most;
  const char* words;
};

inline constexpr double no_limit = std::numeric_limits<double>::max();  // finite: refuses infinities
inline constexpr Range share = {0, 1, "a number from 0 to 1"};
inline constexpr Range positive = {std::numeric_limits<double>::denorm_min(), no_limit, "a positive number"};
inline constexpr Range not_negative = {0, no_limit, "a number of at least 0"};

// Each reads one value; false and a complaint where it is something else. `name` is what messages call it.
bool read_text(const Value& value, std::string_view name, std::string& target, Complaints& complaints);
bool read_bool(const Value& value, std::string_view name, bool& target, Complaints& complaints);
bool read_integer(const Value& value, std::string_view name, std::int64_t least, std::int64_t& target,
                  Complaints& complaints);
bool read_real(const Value& value, std::string_view name, const Range& range, double& target, Complaints& complaints);
// One of the known words; `kind` is what an unknown one is called: "unknown granularity 'haed'".
bool read_word(const Value& value, std::string_view kind, const std::vector<std::string>& known, std::string& target,
               Complaints& complaints);
bool expect_table(const Value& value, std::string_view name, Complaints& complaints);

// Every key asked for is a known key; finish() refuses the rest.
class TableReader {
 public:
  TableReader(const Value& table, std::string title, Complaints& complaints);

  const Value* find(const std::string& key);
  // As find, with a complaint where the key is absent.
  const Value* need(const std::string& key);
  const Entry* find_entry(const std::string& key);

  void text(const std::string& key, std::string& target);
  void boolean(const std::string& key, bool& target);
  void integer(const std::string& key, std::int64_t least, std::int64_t& target);
  void real(const std::string& key, const Range& range, double& target);
  void word(const std::string& key, const std::vector<std::string>& known, std::string& target);
  void finish();

 private:
  const Value& table_;
  std::string title_;
  Complaints& complaints_;
  std::vector<std::string> known_;
};

}  // namespace espalier::grid
