#include "tables/audio_table.h"

#include <espalier/error.h>

#include <algorithm>
#include <map>
#include <set>

#include "cells/cell_settings.h"
#include "counting.h"
#include "records.h"
#include "table_file.h"
#include "tables/split_tables.h"
#include "words/names.h"

namespace espalier {
namespace {

namespace fs = std::filesystem;

// AudioSet's own tables and its list of classes.
constexpr tables::RecordFormat audioset{.spaces_before_quotes = true, .comments = true};

constexpr const char* sound_extensions[] = {".wav", ".flac", ".ogg", ".mp3", ".aiff"};

// Lines of a list without their ends; blank ones are left out, those that are no text are problems of the file.
std::vector<std::string> lines_of(tables::TableFile& file) {
  std::vector<std::string> lines;
  tables::Records records(file.content(), {.delimiter = '\n', .quoted = false});
  while (const auto record = records.next()) {
    if (file.is_text(*record)) lines.push_back(record->fields[0]);
  }
  return lines;
}

std::string trimmed(const std::string& text) {
  const auto begin = text.find_first_not_of(' ');
  return begin == std::string::npos ? "" : text.substr(begin, text.find_last_not_of(' ') - begin + 1);
}

std::vector<std::string> split_at(const std::string& text, char separator) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    const auto end = std::min(text.find(separator, begin), text.size());
    if (auto part = trimmed(text.substr(begin, end - begin)); !part.empty()) parts.push_back(std::move(part));
    begin = end + 1;
  }
  return parts;
}

bool is_file(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

// Reads one split; rows whose file is not there are problems, or go to `missing`.
class TableOfFiles {
 public:
  TableOfFiles(const DatasetSettings& dataset, const std::string& split, std::vector<std::string>* missing)
      : dataset_(dataset),
        split_(split),
        missing_(missing),
        file_(split_path(dataset, split)),
        limit_(static_cast<std::size_t>(dataset.limit_of(split))) {}

  std::vector<AudioRow> read() {
    std::error_code ignored;
    if (fs::is_directory(file_, ignored)) {
      read_speech_commands();
    } else {
      read_file_of_rows();
    }
    if (rows_.empty()) {
      throw InputError(file_.string() + ": names no sound files\n    expected at least one for the split '" + split_ +
                       "'");
    }
    return std::move(rows_);
  }

 private:
  void read_file_of_rows() {
    tables::TableFile table(file_);
    const auto start = table.content().find_first_not_of(" \t\r\n");
    if (dataset_.format == Format::AudioTagging && start != std::string_view::npos && table.content()[start] == '#') {
      read_audioset(table);
    } else {
      read_table(table);
    }
    table.throw_problems();
  }

  // A row that is a problem counts as read.
  bool full(std::int64_t problems) const {
    return limit_ > 0 && rows_.size() + static_cast<std::size_t>(problems) >= limit_;
  }

  // What is wrong with the row, or nothing.
  std::string add(AudioRow row) {
    if (!is_file(row.path)) {
      if (missing_ == nullptr) return "names '" + row.path + "', which is not there";
      missing_->push_back(row.path);
    }
    rows_.push_back(std::move(row));
    return "";
  }

  fs::path beside(const std::string& path) const {
    const fs::path given(path);
    return given.is_absolute() ? given : file_.parent_path() / given;
  }

  void read_table(tables::TableFile& table) {
    const bool speech = dataset_.format == Format::SpeechRecognition;
    const auto& content = speech ? dataset_.text : dataset_.label;
    const std::string key = speech ? "text" : "label";
    const tables::WantedColumns wanted{{"path", content},
                                       "expected a header with path and " + content + "; the dataset's key " + key +
                                           " (on the command line --" + key + ") names the second"};
    tables::read_rows(
        table, tables::kind_of(file_), wanted, [&] { return full(table.problems()); },
        [&](tables::FoundRow found) {
          const auto line = found.line;
          if (const auto problem = take(std::move(found)); !problem.empty()) table.problem(line, problem);
        });
  }

  // What is wrong with the row, or nothing.
  std::string take(tables::FoundRow found) {
    AudioRow row;
    row.line = found.line;
    const auto& path = found.values[0];
    auto& value = found.values[1];
    if (path.empty()) return "its path is empty";
    row.path = beside(path).string();
    if (dataset_.format == Format::SpeechRecognition) {
      row.text = std::move(value);
    } else if (dataset_.format == Format::AudioTagging) {
      row.labels = split_at(value, ';');
    } else if (trimmed(value).empty()) {
      return "its label ('" + dataset_.label + "') is empty";
    } else {
      row.labels = {std::move(value)};
    }
    return add(std::move(row));
  }

  // The names of AudioSet's machine ids.
  std::map<std::string, std::string> class_names() const {
    std::map<std::string, std::string> names;
    if (dataset_.classes.empty()) return names;
    tables::TableFile file(dataset_.classes);
    tables::Records records(file.content(), audioset);
    while (const auto record = records.next()) {
      if (!file.is_text(*record)) continue;
      if (!record->problem.empty() || record->fields.size() != 3) {
        file.problem(record->line, "expected index,mid,display_name, as class_labels_indices.csv has them");
      } else if (record->fields[1] != "mid") {
        names[record->fields[1]] = record->fields[2];
      }
    }
    file.throw_problems();
    return names;
  }

  void read_audioset(tables::TableFile& table) {
    if (dataset_.audio_folder.empty()) {
      throw InputError(file_.string() +
                       ": is an AudioSet table, and the folder of its files is not given\n    add audio "
                       "= \"FOLDER\" to the dataset (on the command line --audio FOLDER)");
    }
    const auto names = class_names();
    tables::Records records(table.content(), audioset);
    while (!full(table.problems())) {
      const auto record = records.next();
      if (!record) return;
      if (!table.is_text(*record)) continue;
      if (!record->problem.empty() || record->fields.size() != 4) {
        table.problem(record->line, "expected YTID, start_seconds, end_seconds, \"labels\"");
        continue;
      }
      if (const auto problem = take_audioset(*record, names); !problem.empty()) table.problem(record->line, problem);
    }
  }

  std::string take_audioset(const tables::Record& record, const std::map<std::string, std::string>& names) {
    AudioRow row;
    row.line = record.line;
    const auto name = trimmed(record.fields[0]);
    if (name.empty() || name.find('/') != std::string::npos) return "'" + name + "' is no YTID";
    row.path = (fs::path(dataset_.audio_folder) / (name + ".wav")).string();
    for (const char* extension : sound_extensions) {
      const auto other = fs::path(dataset_.audio_folder) / (name + extension);
      if (!is_file(row.path) && is_file(other)) row.path = other.string();
    }
    for (const auto& mid : split_at(record.fields[3], ',')) {
      const auto found = names.find(mid);
      if (found == names.end() && !names.empty()) return "label '" + mid + "' is not in " + dataset_.classes;
      row.labels.push_back(found == names.end() ? mid : found->second);
    }
    return add(std::move(row));
  }

  std::set<std::string> list_of(const char* name) const {
    tables::TableFile list(file_ / name);
    const auto lines = lines_of(list);
    list.throw_problems();
    return {lines.begin(), lines.end()};
  }

  void read_speech_commands() {
    if (dataset_.format != Format::AudioClassification || !is_file(file_ / "testing_list.txt") ||
        !is_file(file_ / "validation_list.txt")) {
      throw InputError(file_.string() +
                       ": is a folder, expected a table, or for audio-classification the Speech Commands folder (with "
                       "testing_list.txt and validation_list.txt)");
    }
    const auto test = list_of("testing_list.txt"), validation = list_of("validation_list.txt");
    std::set<std::string> paths;
    if (split_ == "test") {
      paths = test;
    } else if (split_ == "validation") {
      paths = validation;
    } else {
      for (const auto& word : fs::directory_iterator(file_)) {
        if (!word.is_directory() || word.path().filename().string().starts_with('_')) continue;
        for (const auto& sound : fs::directory_iterator(word)) {
          const auto path = word.path().filename().string() + '/' + sound.path().filename().string();
          if (sound.path().extension() == ".wav" && !test.contains(path) && !validation.contains(path))
            paths.insert(path);
        }
      }
    }
    tables::Problems problems(file_.string());
    std::int64_t line = 0;
    for (const auto& path : paths) {
      if (full(problems.count())) break;
      ++line;
      AudioRow row;
      row.line = line;
      row.path = (file_ / path).string();
      row.labels = {fs::path(path).parent_path().filename().string()};
      if (const auto problem = add(std::move(row)); !problem.empty()) problems.add(line, problem);
    }
    problems.throw_if_any();
  }

  const DatasetSettings& dataset_;
  std::string split_;
  std::vector<std::string>* missing_;
  fs::path file_;
  std::size_t limit_;
  std::vector<AudioRow> rows_;
};

}  // namespace

std::vector<AudioRow> read_audio_table(const DatasetSettings& dataset, const std::string& split,
                                       std::vector<std::string>* missing) {
  return TableOfFiles(dataset, split, missing).read();
}

std::string audio_digest(const std::vector<AudioRow>& rows, DigestMemory& digests) {
  ++tables::tables_digested;
  Sha256 digest;
  for (const auto& row : rows) {
    // A file that is missing is known as such: whoever reads the sounds refuses it or leaves it out.
    digest.update(is_file(row.path) ? digests.of_file(row.path) : "missing");
    digest.update(' ' + row.text + '\n');
    for (const auto& label : row.labels) digest.update(label + '\n');
  }
  return digest.hex();
}

}  // namespace espalier
