// TSV and CSV with a header.
#include <espalier/error.h>

#include <algorithm>
#include <optional>

#include "table_reading.h"
#include "words/names.h"

namespace espalier {
namespace {

struct Format {
  char delimiter;
  bool quoted;
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
  Records(std::string_view content, Format format) : content_(content), format_(format) {}

  // The next record that is not blank.
  std::optional<Record> next() {
    while (position_ < content_.size()) {
      const std::size_t begin = position_;
      const std::int64_t line = line_;
      Record record = format_.quoted ? quoted() : plain();
      record.begin = begin;
      record.line = line;
      record.end = position_;
      const bool blank = record.problem.empty() && record.fields.size() == 1 && record.fields[0].empty();
      if (!blank) return record;
    }
    return std::nullopt;
  }

 private:
  std::string_view rest_of_line() {
    const std::size_t end = std::min(content_.find('\n', position_), content_.size());
    std::string_view text = content_.substr(position_, end - position_);
    position_ = std::min(end + 1, content_.size());
    ++line_;
    if (text.ends_with('\r')) text.remove_suffix(1);
    return text;
  }

  Record plain() {
    Record record;
    const std::string_view text = rest_of_line();
    for (std::size_t start = 0; start <= text.size();) {
      const std::size_t end = std::min(text.find(format_.delimiter, start), text.size());
      record.fields.emplace_back(text.substr(start, end - start));
      start = end + 1;
    }
    return record;
  }

  Record quoted() {
    Record record;
    while (true) {
      std::string field;
      const bool opened = position_ < content_.size() && content_[position_] == '"';
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

  void plain_field(std::string& field) {
    const std::size_t end =
        std::min(content_.find_first_of(std::string{format_.delimiter, '\n'}, position_), content_.size());
    std::string_view text = content_.substr(position_, end - position_);
    const bool ends_line = end == content_.size() || content_[end] == '\n';
    if (ends_line && text.ends_with('\r')) text.remove_suffix(1);
    field = text;
    position_ = end;
  }

  // Ends after the closing quote.
  bool quoted_field(std::string& field, Record& record) {
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

  std::string_view content_;
  Format format_;
  std::size_t position_ = 0;
  std::int64_t line_ = 1;
};

struct Places {
  std::size_t text = 0, label = 0;
  std::optional<std::size_t> pair;
};

Places find_columns(const TableReading& reading, const Record& header) {
  std::vector<std::string> missing;
  const auto place = [&](const std::string& name) {
    const auto found = std::find(header.fields.begin(), header.fields.end(), name);
    if (found == header.fields.end()) {
      missing.push_back(name);
    } else if (std::find(found + 1, header.fields.end(), name) != header.fields.end()) {
      throw InputError(reading.at(header.line) + "has two columns '" + name + "'");
    }
    return static_cast<std::size_t>(found - header.fields.begin());
  };
  Places places;
  places.text = place(reading.columns().text);
  if (!reading.columns().pair.empty()) places.pair = place(reading.columns().pair);
  places.label = place(reading.columns().label);
  if (!missing.empty()) throw InputError(reading.at(header.line) + reading.missing(missing, header.fields));
  return places;
}

}  // namespace

void read_delimited(TableReading& reading, char delimiter, bool quoted) {
  const std::string_view content = reading.content();
  Records records(content, {delimiter, quoted});
  const auto header = records.next();
  if (!header) return;
  const auto usable = [&](const Record& record) {
    if (!reading.is_text(content.substr(record.begin, record.end - record.begin), record.line, record.begin))
      return false;
    if (!record.problem.empty()) reading.problem(record.problem_line, record.problem);
    return record.problem.empty();
  };
  if (!usable(*header)) return;
  const Places places = find_columns(reading, *header);
  while (!reading.full()) {
    auto record = records.next();
    if (!record) return;
    if (!usable(*record)) continue;
    auto& fields = record->fields;
    if (fields.size() != header->fields.size()) {
      reading.problem(record->line, "has " + std::to_string(fields.size()) +
                                        (fields.size() == 1 ? " field" : " fields") + ", expected " +
                                        std::to_string(header->fields.size()) + " (" + join(header->fields) + ")");
      continue;
    }
    TextRow row;
    row.line = record->line;
    row.text = fields[places.text];
    row.label = fields[places.label];
    if (places.pair) row.pair = fields[*places.pair];
    reading.add(std::move(row));
  }
}

}  // namespace espalier
