#include "dataset_folder.h"

#include <espalier/error.h>

#include <cctype>
#include <set>
#include <sstream>
#include <string_view>
#include <system_error>

#include "words/atomic_file.h"
#include "words/digest.h"

namespace espalier::corpora {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr int description_format = 1;
constexpr const char* description_name = "dataset.json";

// A table's cell: tabs and line ends would break it.
std::string cell(std::string text) {
  for (char& byte : text) {
    if (byte == '\t' || byte == '\n' || byte == '\r') byte = ' ';
  }
  return text;
}

Json read_description(const fs::path& folder) {
  std::error_code ignored;
  const auto file = folder / description_name;
  if (!fs::is_regular_file(file, ignored)) return {};
  return Json::parse(read_file(file), nullptr, /*allow_exceptions=*/false);
}

// Whether the files that a table names are there.
bool files_are_there(const fs::path& table) {
  std::istringstream lines(read_file(table));
  std::string line;
  std::getline(lines, line);  // the header
  while (std::getline(lines, line)) {
    std::error_code ignored;
    if (!fs::exists(table.parent_path() / line.substr(0, line.find('\t')), ignored)) return false;
  }
  return true;
}

}  // namespace

DatasetFolder::DatasetFolder(const Corpus& corpus, const fs::path& output, const Json& settings)
    : corpus_(corpus), output_(output), settings_(settings), finished_(read_finished()) {
  const auto description = read_description(output_);
  own_ = description.is_object() && description.value("dataset", std::string()) == corpus_.name;
}

std::optional<Prepared> DatasetFolder::read_finished() const try {
  const auto description = read_description(output_);
  if (!description.is_object() || description.at("format") != description_format ||
      description.at("dataset") != corpus_.name || description.at("settings") != settings_) {
    return std::nullopt;
  }
  Prepared prepared;
  prepared.already_there = true;
  prepared.classes = description.at("classes");
  prepared.notes = description.at("notes").get<std::vector<std::string>>();
  for (const auto& [name, table] : description.at("tables").items()) {
    const auto file = output_ / (name + ".tsv");
    if (sha256_of_file(file) != table.at("sha256") || !files_are_there(file)) return std::nullopt;
    prepared.splits.push_back({name, table.at("rows"), table.at("words"), table.at("seconds")});
  }
  return prepared;
} catch (const Json::exception&) {
  return std::nullopt;
} catch (const InputError&) {
  return std::nullopt;
}

const fs::path& DatasetFolder::path() {
  if (folder_) return folder_->path();
  std::error_code ignored;
  if (!own_ && fs::is_directory(output_, ignored) && !fs::is_empty(output_, ignored)) {
    throw InputError(output_.string() + ": has files in it that are not of the dataset " + corpus_.name +
                     "\n    remove them or choose another folder");
  }
  folder_.emplace(output_, own_ ? AtomicFolder::Existing::Replace : AtomicFolder::Existing::Refuse);
  return folder_->path();
}

void DatasetFolder::table(const std::string& split, const std::vector<Clip>& clips, const std::string& column) {
  SplitCounts counts{.name = split, .rows = static_cast<std::int64_t>(clips.size()), .words = 0, .seconds = 0};
  std::string text = "path\t" + column + "\n";
  std::set<std::string_view> labels;
  for (const auto& clip : clips) {
    text += cell(clip.path) + "\t" + cell(clip.value) + "\n";
    counts.seconds += clip.seconds;
    if (column == "text") counts.words += count_words(clip.value);
    if (column == "label") labels.insert(clip.value);
  }
  write_file(path() / (split + ".tsv"), text);
  tables_[split] = {
      {"rows", counts.rows}, {"words", counts.words}, {"seconds", counts.seconds}, {"sha256", sha256_hex(text)}};
  prepared_.classes = std::max(prepared_.classes, static_cast<std::int64_t>(labels.size()));
  prepared_.splits.push_back(counts);
}

Prepared DatasetFolder::commit() {
  const Json description = {
      {"format", description_format}, {"dataset", corpus_.name}, {"licence", corpus_.licence}, {"settings", settings_},
      {"classes", prepared_.classes}, {"tables", tables_},       {"notes", prepared_.notes}};
  write_file(path() / description_name, description.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
  folder_->commit();
  return prepared_;
}

std::int64_t count_words(const std::string& text) {
  std::int64_t count = 0;
  bool inside = false;
  for (const char byte : text) {
    const auto value = static_cast<unsigned char>(byte);
    const bool letter = std::isalnum(value) != 0 || value >= 0x80;
    if (letter && !inside) ++count;
    inside = letter || (inside && byte == '\'');
  }
  return count;
}

fs::path package_path(const Corpus& corpus, const Preparation& preparation, const std::string& name) {
  const auto root = preparation.source.empty() ? fs::path("/") : preparation.source;
  const auto path = root / "usr/share" / name;
  std::error_code ignored;
  if (!fs::exists(path, ignored)) {
    throw InputError(path.string() + ": is not there, the dataset " + corpus.name +
                     " is made from it\n    apt-get install " + corpus.packages + " brings it" +
                     (preparation.source.empty() ? "" : "; --source is the folder that these were unpacked into"));
  }
  return path;
}

}  // namespace espalier::corpora
