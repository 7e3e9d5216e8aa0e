#include "includes.h"

#include <espalier/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <vector>

#include "grid/files/experiment_files.h"
#include "reading.h"
#include "words/atomic_file.h"
#include "words/digest.h"
#include "words/names.h"

namespace espalier::grid {
namespace {

namespace fs = std::filesystem;
using Environment = std::function<std::optional<std::string>(const std::string&)>;

constexpr std::array definition_kinds = {"model", "dataset", "scorer", "searcher", "recovery"};
constexpr std::size_t deepest = 20;

fs::path whole_path(const fs::path& file) {
  std::error_code failed;
  const auto whole = fs::weakly_canonical(file, failed);
  return failed ? file : whole;
}

class Including {
 public:
  Including(Value& root, const Environment& environment, Complaints& complaints)
      : root_(root), environment_(environment), complaints_(complaints) {}

  void follow(Value& including, const fs::path& file) {
    auto* entry = including.find("include");
    if (entry == nullptr) return;
    chain_.push_back({whole_path(file), file.string()});
    auto& list = entry->value;
    expand_variables(list, environment_, complaints_);
    if (list.kind != Value::Kind::List) {
      read(list, file.parent_path());
    } else {
      for (auto& item : list.items) read(item, file.parent_path());
    }
    chain_.pop_back();
  }

  Includes found;

 private:
  struct Link {
    fs::path canonical;
    std::string written;
  };

  void read(const Value& value, const fs::path& folder) {
    std::string written;
    if (!read_text(value, "include", written, complaints_)) return;
    if (written.empty()) {
      complaints_.add(value.place, "'include' names a file, and this text is empty");
      return;
    }
    const auto file = value.from_working_directory || folder.empty() ? fs::path(written) : folder / written;
    const auto whole = whole_path(file);
    if (is_open(value, whole, file) || !seen_.insert(whole).second) return;
    std::string text;
    try {
      text = experiment_text(file);
    } catch (const SettingsError& error) {
      complaints_.add(value.place, std::string("'include': ") + error.what());
      return;
    }
    found.files.push_back(file);
    found.texts.push_back(text);
    auto tree = parse_document(text, file.string(), complaints_);
    if (!tree) return;
    found.folders[file.string()] = file.parent_path();
    follow(*tree, file);
    merge(*tree);
  }

  // Whether the file is one of those that led here.
  bool is_open(const Value& value, const fs::path& whole, const fs::path& file) {
    const auto begin =
        std::find_if(chain_.begin(), chain_.end(), [&](const Link& link) { return link.canonical == whole; });
    if (begin == chain_.end() && chain_.size() < deepest) return false;
    std::string circle;
    for (auto link = begin; link != chain_.end(); ++link) circle += link->written + " -> ";
    complaints_.add(value.place, begin == chain_.end()
                                     ? fmt::format("files include each other more than {} deep", deepest)
                                     : fmt::format("{} includes itself: {}{}", file.string(), circle, file.string()));
    return true;
  }

  void merge(Value& tree) {
    for (auto& entry : tree.entries) {
      const bool is_kind =
          std::find(definition_kinds.begin(), definition_kinds.end(), entry.key) != definition_kinds.end();
      if (is_kind || entry.key == "measure" || entry.key == "limits") {
        add(entry, is_kind);
      } else if (entry.key == "espalier") {
        if (entry.value.kind != Value::Kind::Integer || entry.value.integer != 1) refuse_version(entry.value);
      } else if (entry.key != "include") {
        refuse(entry);
      }
    }
  }

  void add(Entry& entry, bool is_kind) {
    auto* there = root_.find(entry.key);
    if (there == nullptr) {
      root_.entries.push_back(std::move(entry));
    } else if (!is_kind) {
      complaints_.add(entry.place, fmt::format("[{}] is given twice\n    also at {}", entry.key, there->place.text()));
    } else if (entry.value.kind == Value::Kind::Table && there->value.kind == Value::Kind::Table) {
      for (auto& definition : entry.value.entries) {
        if (const auto* known = there->value.find(definition.key)) {
          complaints_.add(definition.place, fmt::format("{} '{}' is defined twice\n    also at {}", entry.key,
                                                        definition.key, known->place.text()));
        } else {
          there->value.entries.push_back(std::move(definition));
        }
      }
    } else {
      expect_table(entry.value, entry.key, complaints_);
    }
  }

  void refuse_version(const Value& value) {
    complaints_.add(value.place, fmt::format("'espalier', the format's version, is {}, expected 1", describe(value)));
  }

  void refuse(const Entry& entry) {
    std::vector<std::string> known(definition_kinds.begin(), definition_kinds.end());
    known.insert(known.end(), {"measure", "limits", "include", "espalier"});
    const bool of_experiment = entry.key == "grid" || entry.key == "name" || entry.key == "question";
    complaints_.add(
        entry.place,
        of_experiment
            ? fmt::format("'{}' belongs to an experiment, and this file is included by {}\n    an included "
                          "file holds definitions that several experiments share: {}",
                          entry.key, chain_.back().written, join(known))
            : unknown_name("key", entry.key, known) + "\n    in a file that " + chain_.back().written + " includes");
  }

  Value& root_;
  const Environment& environment_;
  Complaints& complaints_;
  std::vector<Link> chain_;
  std::set<fs::path> seen_;
};

}  // namespace

std::string experiment_text(const fs::path& file) {
  constexpr std::uintmax_t largest = 16 << 20;
  std::error_code unknown;
  const auto size = fs::file_size(file, unknown);
  if (!unknown && size > largest) {
    throw SettingsError(
        fmt::format("{}: has {} bytes, an experiment file has at most {}", file.string(), size, largest));
  }
  try {
    return read_file(file);
  } catch (const InputError& error) {  // to both programs the experiment file is part of the command line
    throw SettingsError(std::string(error.what()) + "\n    expected an experiment file");
  }
}

std::string digest_of_texts(const std::string& text, const std::vector<std::string>& included) {
  if (included.empty()) return sha256_hex(text);
  auto all = text + '\n';
  for (const auto& one : included) all += sha256_hex(one) + '\n';
  return sha256_hex(all);
}

Includes include_files(Value& root, const fs::path& file, const Environment& environment, Complaints& complaints) {
  Including including(root, environment, complaints);
  including.follow(root, file);
  return std::move(including.found);
}

}  // namespace espalier::grid
