// Records of delimited text, as RFC 4180 has them or without quoting.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace espalier::tables {

struct RecordFormat {
  char delimiter = ',';
  bool quoted = true;
  bool spaces_before_quotes = false;  // `a, "b"`, as AudioSet's tables have it; else a quote there is text
  bool comments = false;              // lines that begin with '#' are none
};

struct Record {
  std::vector<std::string> fields;
  std::size_t begin = 0, end = 0;  // in the content
  std::int64_t line = 0;
  std::string problem;  // why its fields cannot be told apart
  std::int64_t problem_line = 0;
};

class Records {
 public:
  Records(std::string_view content, RecordFormat format) : content_(content), format_(format) {}

  // The next record that is not blank; a quoted field may go on over lines.
  std::optional<Record> next();

 private:
  std::string_view rest_of_line();
  Record plain();
  Record quoted();
  bool opens_quote();
  void plain_field(std::string& field);
  bool quoted_field(std::string& field, Record& record);

  std::string_view content_;
  RecordFormat format_;
  std::size_t position_ = 0;
  std::int64_t line_ = 1;
};

}  // namespace espalier::tables
