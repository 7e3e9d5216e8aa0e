#include "records.h"

#include <algorithm>

namespace espalier::tables {

std::optional<Record> Records::next() {
  while (position_ < content_.size()) {
    if (format_.comments && content_[position_] == '#') {
      rest_of_line();
      continue;
    }
    const std::size_t begin = position_;
    const std::int64_t line = line_;
    Record record = format_.quoted ? quoted() : plain();
    record.begin = begin;
    record.line = line;
    record.end = position_;
    const auto bytes = content_.substr(begin, record.end - begin);
    const bool blank = record.problem.empty() && record.fields.size() == 1 &&
                       bytes.find_first_not_of(" \t\r\n") == std::string_view::npos;
    if (!blank) return record;
  }
  return std::nullopt;
}

std::string_view Records::rest_of_line() {
  const std::size_t end = std::min(content_.find('\n', position_), content_.size());
  std::string_view text = content_.substr(position_, end - position_);
  position_ = std::min(end + 1, content_.size());
  ++line_;
  if (text.ends_with('\r')) text.remove_suffix(1);
  return text;
}

Record Records::plain() {
  Record record;
  const std::string_view text = rest_of_line();
  for (std::size_t start = 0; start <= text.size();) {
    const std::size_t end = std::min(text.find(format_.delimiter, start), text.size());
    record.fields.emplace_back(text.substr(start, end - start));
    start = end + 1;
  }
  return record;
}

Record Records::quoted() {
  Record record;
  while (true) {
    std::string field;
    const bool opened = opens_quote();
    if (opened && !quoted_field(field, record)) return record;
    if (!opened) plain_field(field);
    record.fields.push_back(std::move(field));
    if (position_ < content_.size() && content_[position_] == format_.delimiter) {
      ++position_;
      continue;
    }
    if (const std::string_view left = rest_of_line(); !left.empty()) {
      record.problem = "text follows a closing quote in field " + std::to_string(record.fields.size()) +
                       "\n    a quote inside a quoted field is written twice";
      record.problem_line = line_ - 1;
    }
    return record;
  }
}

// Stands on the quote then.
bool Records::opens_quote() {
  std::size_t place = position_;
  if (format_.spaces_before_quotes) place = std::min(content_.find_first_not_of(' ', place), content_.size());
  if (place >= content_.size() || content_[place] != '"') return false;
  position_ = place;
  return true;
}

void Records::plain_field(std::string& field) {
  const std::size_t end =
      std::min(content_.find_first_of(std::string{format_.delimiter, '\n'}, position_), content_.size());
  std::string_view text = content_.substr(position_, end - position_);
  const bool ends_line = end == content_.size() || content_[end] == '\n';
  if (ends_line && text.ends_with('\r')) text.remove_suffix(1);
  field = text;
  position_ = end;
}

// Ends after the closing quote.
bool Records::quoted_field(std::string& field, Record& record) {
  const std::int64_t opened = line_;
  ++position_;
  while (true) {
    const std::size_t quote = content_.find('"', position_);
    if (quote == std::string_view::npos) {
      record.problem = "a quote is opened here and never closed";
      record.problem_line = opened;
      position_ = content_.size();
      return false;
    }
    const std::string_view text = content_.substr(position_, quote - position_);
    line_ += std::count(text.begin(), text.end(), '\n');
    field += text;
    position_ = quote + 1;
    if (position_ >= content_.size() || content_[position_] != '"') return true;
    field += '"';
    ++position_;
  }
}

}  // namespace espalier::tables
