#include "tables/audio_table.h"

#include <espalier/error.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "words/atomic_file.h"
#include "words/cell_settings.h"
#include "words/names.h"

namespace espalier {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t problems_shown = 10;
constexpr const char* sound_extensions[] = {".wav", ".flac", ".ogg", ".mp3", ".aiff"};

class Problems {
 public:
  explicit Problems(std::string file) : file_(std::move(file)) {}
  void add(std::int64_t line, const std::string& what) {
    if (++count_ <= problems_shown) shown_.push_back(file_ + ":" + std::to_string(line) + ": " + what);
  }
  void throw_if_any() const {
    if (count_ == 0) return;
    if (count_ == 1) throw InputError(shown_[0]);
    std::string message = file_ + ": " + std::to_string(count_) + " rows cannot be read\n    " + join(shown_, "\n    ");
    if (count_ > problems_shown) message += "\n    and " + std::to_string(count_ - problems_shown) + " more";
    throw InputError(message);
  }

 private:
  std::string file_;
  std::size_t count_ = 0;
  std::vector<std::string> shown_;
};

struct Line {
  std::int64_t number;
  std::string text;
};

// Lines without their ends; blank ones are left out.
std::vector<Line> lines_of(const fs::path& file) {
  auto bytes = read_file(file);
  if (bytes.starts_with("\xFF\xFE") || bytes.starts_with("\xFE\xFF")) {
    throw InputError(file.string() + ":1: is UTF-16, expected UTF-8\n    convert it: iconv -f UTF-16 -t UTF-8");
  }
  if (bytes.starts_with("\xEF\xBB\xBF")) bytes.erase(0, 3);
  std::vector<Line> lines;
  std::int64_t number = 0;
  for (std::size_t begin = 0; begin < bytes.size();) {
    const auto end = std::min(bytes.find('\n', begin), bytes.size());
    auto text = bytes.substr(begin, end - begin);
    if (!text.empty() && text.back() == '\r') text.pop_back();
    ++number;
    if (text.find_first_not_of(" \t") != std::string::npos) lines.push_back({number, std::move(text)});
    begin = end + 1;
  }
  return lines;
}

// Fields of one line; a .csv may quote them ("" is a quote). nullopt: a quote that does not end.
std::optional<std::vector<std::string>> fields_of(const std::string& line, char delimiter, bool quoted) {
  std::vector<std::string> fields(1);
  bool inside = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (inside) {
      if (c != '"') {
        fields.back() += c;
      } else if (i + 1 < line.size() && line[i + 1] == '"') {
        fields.back() += line[++i];
      } else {
        inside = false;
      }
    } else if (quoted && c == '"' && fields.back().find_first_not_of(' ') == std::string::npos) {
      fields.back().clear();
      inside = true;
    } else if (c == delimiter) {
      fields.emplace_back();
    } else {
      fields.back() += c;
    }
  }
  if (inside) return std::nullopt;
  return fields;
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
      : dataset_(dataset), split_(split), missing_(missing), file_(path_of(dataset, split)), problems_(file_.string()) {
    const auto limit = dataset.limit.find(split);
    if (limit != dataset.limit.end()) limit_ = static_cast<std::size_t>(limit->second);
  }

  std::vector<AudioRow> read() {
    std::error_code ignored;
    if (fs::is_directory(file_, ignored)) {
      read_speech_commands();
    } else {
      const auto lines = lines_of(file_);
      if (dataset_.format == "audio-tagging" && !lines.empty() && lines[0].text.starts_with('#'))
        read_audioset(lines);
      else
        read_table(lines);
    }
    problems_.throw_if_any();
    if (rows_.empty()) {
      throw InputError(file_.string() + ": names no sound files\n    expected at least one for the split '" + split_ +
                       "'");
    }
    return std::move(rows_);
  }

 private:
  static fs::path path_of(const DatasetSettings& dataset, const std::string& split) {
    const auto found = dataset.split.find(split);
    if (found == dataset.split.end() || found->second.empty())
      throw InputError("dataset '" + dataset.name + "' gives no " + split + " split, and it is needed here");
    return found->second;
  }

  bool full() const { return limit_ > 0 && rows_.size() + skipped_ >= limit_; }

  void add(AudioRow row) {
    if (!is_file(row.path)) {
      if (missing_ == nullptr) {
        ++skipped_;
        problems_.add(row.line, "names '" + row.path + "', which is not there");
        return;
      }
      missing_->push_back(row.path);
    }
    rows_.push_back(std::move(row));
  }

  fs::path beside(const std::string& path) const {
    const fs::path given(path);
    return given.is_absolute() ? given : file_.parent_path() / given;
  }

  void read_table(const std::vector<Line>& lines) {
    auto extension = file_.extension().string();
    std::transform(extension.begin(), extension.end(), extension.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    if (extension != ".tsv" && extension != ".csv") {
      throw InputError(file_.string() + ": is no table that can be read: its extension is '" + extension +
                       "'\n    known: .csv, .tsv");
    }
    const bool speech = dataset_.format == "speech-recognition";
    const auto content = speech ? dataset_.text : dataset_.label;
    if (lines.empty()) throw InputError(file_.string() + ": is empty, expected a header with path and " + content);
    const char delimiter = extension == ".tsv" ? '\t' : ',';
    const bool quoted = extension == ".csv";
    const auto header = fields_of(lines[0].text, delimiter, quoted).value_or(std::vector<std::string>());
    const auto place = [&](const std::string& name) {
      const auto found = std::find(header.begin(), header.end(), name);
      if (found != header.end()) return static_cast<std::size_t>(found - header.begin());
      const auto near = nearest_name(name, header);
      throw InputError(file_.string() + ":" + std::to_string(lines[0].number) + ": has no column '" + name + "'" +
                       (near ? "\n    did you mean '" + *near + "'?" : "") + "\n    its columns: " + join(header) +
                       "\n    expected a header with path and " + content);
    };
    const auto path_place = place("path"), content_place = place(content);
    for (std::size_t i = 1; i < lines.size() && !full(); ++i) {
      const auto& line = lines[i];
      const auto fields = fields_of(line.text, delimiter, quoted);
      if (!fields || fields->size() != header.size()) {
        problems_.add(line.number, fields ? "has " + std::to_string(fields->size()) + " fields, the header " +
                                                std::to_string(header.size())
                                          : "has a quote that does not end");
        continue;
      }
      AudioRow row;
      row.line = line.number;
      const auto& path = (*fields)[path_place];
      const auto& value = (*fields)[content_place];
      if (path.empty()) {
        problems_.add(line.number, "its path is empty");
        continue;
      }
      row.path = beside(path).string();
      if (speech)
        row.text = value;
      else if (dataset_.format == "audio-tagging")
        row.labels = split_at(value, ';');
      else if (trimmed(value).empty())
        problems_.add(line.number, "its label ('" + content + "') is empty");
      else
        row.labels = {value};
      add(std::move(row));
    }
  }

  // The names of AudioSet's machine ids.
  std::map<std::string, std::string> class_names() const {
    std::map<std::string, std::string> names;
    if (dataset_.classes.empty()) return names;
    for (const auto& line : lines_of(dataset_.classes)) {
      const auto fields = fields_of(line.text, ',', true);
      if (!fields || fields->size() != 3) {
        throw InputError(dataset_.classes + ":" + std::to_string(line.number) +
                         ": expected index,mid,display_name, as class_labels_indices.csv has them");
      }
      if ((*fields)[1] != "mid") names[(*fields)[1]] = (*fields)[2];
    }
    return names;
  }

  void read_audioset(const std::vector<Line>& lines) {
    if (dataset_.audio_folder.empty()) {
      throw InputError(file_.string() +
                       ": is an AudioSet table, and the folder of its files is not given\n    add audio "
                       "= \"FOLDER\" to the dataset");
    }
    const auto names = class_names();
    for (const auto& line : lines) {
      if (full()) break;
      if (line.text.starts_with('#')) continue;
      const auto fields = fields_of(line.text, ',', true);
      if (!fields || fields->size() != 4) {
        problems_.add(line.number, "expected YTID, start_seconds, end_seconds, \"labels\"");
        continue;
      }
      AudioRow row;
      row.line = line.number;
      const auto name = trimmed((*fields)[0]);
      if (name.empty() || name.find('/') != std::string::npos) {
        problems_.add(line.number, "'" + name + "' is no YTID");
        continue;
      }
      row.path = (fs::path(dataset_.audio_folder) / (name + ".wav")).string();
      for (const char* extension : sound_extensions) {
        const auto other = fs::path(dataset_.audio_folder) / (name + extension);
        if (!is_file(row.path) && is_file(other)) row.path = other.string();
      }
      for (const auto& mid : split_at((*fields)[3], ',')) {
        const auto found = names.find(mid);
        if (found == names.end() && !names.empty())
          problems_.add(line.number, "label '" + mid + "' is not in " + dataset_.classes);
        row.labels.push_back(found == names.end() ? mid : found->second);
      }
      add(std::move(row));
    }
  }

  std::set<std::string> list_of(const char* name) const {
    std::set<std::string> paths;
    for (const auto& line : lines_of(file_ / name)) paths.insert(line.text);
    return paths;
  }

  void read_speech_commands() {
    if (dataset_.format != "audio-classification" || !is_file(file_ / "testing_list.txt") ||
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
    std::int64_t line = 0;
    for (const auto& path : paths) {
      if (full()) break;
      ++line;
      AudioRow row;
      row.line = line;
      row.path = (file_ / path).string();
      row.labels = {fs::path(path).parent_path().filename().string()};
      add(std::move(row));
    }
  }

  const DatasetSettings& dataset_;
  std::string split_;
  std::vector<std::string>* missing_;
  fs::path file_;
  Problems problems_;
  std::size_t limit_ = 0, skipped_ = 0;
  std::vector<AudioRow> rows_;
};

}  // namespace

std::vector<AudioRow> read_audio_table(const DatasetSettings& dataset, const std::string& split,
                                       std::vector<std::string>* missing) {
  return TableOfFiles(dataset, split, missing).read();
}

std::string audio_digest(const DatasetSettings& dataset, const std::string& split, DigestMemory& digests) {
  Sha256 digest;
  std::vector<std::string> missing;  // known as such: whoever reads the sounds refuses them or leaves them out
  for (const auto& row : read_audio_table(dataset, split, &missing)) {
    digest.update(is_file(row.path) ? digests.of_file(row.path) : "missing");
    digest.update(' ' + row.text + '\n');
    for (const auto& label : row.labels) digest.update(label + '\n');
  }
  return digest.hex();
}

}  // namespace espalier
