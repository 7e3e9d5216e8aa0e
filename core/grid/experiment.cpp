#include "grid/experiment.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "cells/formats.h"
#include "combinations.h"
#include "definitions.h"
#include "document.h"
#include "expansion.h"
#include "grid/files/experiment_files.h"
#include "grid_table.h"
#include "includes.h"
#include "input_checks.h"
#include "overrides.h"
#include "pattern.h"
#include "reading.h"
#include "words/digest.h"
#include "words/names.h"

namespace espalier::grid {
namespace {

std::function<std::optional<std::string>(const std::string&)> variables(const ReadOptions& options) {
  return [&options](const std::string& name) -> std::optional<std::string> {
    std::optional<std::string> value;
    if (options.environment) {
      value = options.environment(name);
    } else if (const char* found = std::getenv(name.c_str())) {
      value = found;
    }
    if (name == "ESPALIER_DATA" && value.value_or("").empty()) return ".deps/data";
    return value;
  };
}

bool is_name(const std::string& name) {
  return !name.empty() && name.size() <= 200 && name[0] != '.' && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
  });
}

// One whole file, top to bottom.
class ExperimentReader {
 public:
  ExperimentReader(const std::filesystem::path& file, const Value& root, const Includes& includes,
                   const ReadOptions& options, Complaints& complaints)
      : root_(root),
        complaints_(complaints),
        reader_(root, "the experiment", complaints),
        definition_reader_(file.parent_path(), includes.folders, options.plugins, complaints) {}

  void read(Experiment& experiment) {
    if (const auto* version = reader_.need("espalier")) read_version(*version);
    if (const auto* name = reader_.need("name")) read_name(*name, experiment.name);
    reader_.text("question", experiment.question);
    reader_.find("include");  // read before everything else
    read_definitions("model", definitions.models, [&](const Value& table, const std::string& name) {
      return definition_reader_.model(table, name);
    });
    read_definitions("dataset", definitions.datasets, [&](const Value& table, const std::string& name) {
      return definition_reader_.dataset(table, name);
    });
    for (const std::string role : roles) {
      read_definitions(role, definitions.plugins[role], [&](const Value& table, const std::string& name) {
        return definition_reader_.plugin(role, table, name);
      });
    }
    if (const auto* table = reader_.find("measure")) measure = read_measure(*table, complaints_);
    if (const auto* table = reader_.find("limits")) experiment.limits = read_limits(*table, complaints_);
    read_grids();
    reader_.finish();
  }

  Definitions definitions;
  MeasureSettings measure;
  std::vector<Grid> grids;

 private:
  void read_version(const Value& value) {
    if (value.kind == Value::Kind::Integer && value.integer == 1) return;
    complaints_.add(value.place, fmt::format("'espalier', the format's version, is {}, expected 1\n"
                                             "    this program reads format 1 only",
                                             describe(value)));
  }

  void read_name(const Value& value, std::string& target) {
    if (!read_text(value, "name", target, complaints_) || is_name(target)) return;
    complaints_.add(value.place,
                    fmt::format("'{}' cannot be an experiment's name\n    expected letters, digits, '-', '_' "
                                "and '.', not starting with '.', at most 200",
                                target));
  }

  template <typename Definition, typename Read>
  void read_definitions(const std::string& kind, NamedDefinitions<Definition>& target, Read read) {
    const auto* tables = reader_.find(kind);
    if (tables == nullptr || !expect_table(*tables, kind, complaints_)) return;
    for (const auto& entry : tables->entries) {
      if ((kind == "recovery" || kind == "scorer") && entry.key == "none") {
        complaints_.add(entry.place, fmt::format("'none' means no {} and cannot be defined", kind));
        continue;
      }
      if (entry.key.empty()) {
        complaints_.add(entry.place, fmt::format("this {} has an empty name", kind));
        continue;
      }
      if (const auto twice = target.find(entry.key); twice != target.end()) {  // ö as one character, and as two
        complaints_.add(entry.place, fmt::format("{} '{}' is defined twice\n    also at {}", kind, entry.key,
                                                 twice->second.place.text()));
        continue;
      }
      target[entry.key] = {read(entry.value, entry.key), entry.place};
    }
  }

  void read_grids() {
    const auto* tables = reader_.find("grid");
    if (tables == nullptr || (tables->kind == Value::Kind::List && tables->items.empty())) {
      complaints_.add(root_.place, "the experiment has no [[grid]]");
      return;
    }
    if (tables->kind != Value::Kind::List) {
      complaints_.add(tables->place,
                      fmt::format("'grid' is {}, expected [[grid]] in double brackets", describe(*tables)));
      return;
    }
    for (const auto& table : tables->items) {
      if (expect_table(table, "grid", complaints_)) {
        grids.push_back(read_grid(table, definitions, definition_reader_, complaints_));
      }
    }
  }

  const Value& root_;
  Complaints& complaints_;
  TableReader reader_;
  DefinitionReader definition_reader_;
};

template <typename Definition>
void warn_of_unused(const std::string& kind, const NamedDefinitions<Definition>& definitions, const Includes& includes,
                    std::vector<std::string>& warnings) {
  for (const auto& [name, definition] : definitions) {
    // What is shared need not be used by each.
    if (definition.used || includes.folders.contains(*definition.place.source)) continue;
    warnings.push_back(fmt::format("{}: no grid uses {} '{}'", definition.place.text(), kind, name));
  }
}

bool same_file(const std::string& a, const std::string& b) {
  std::error_code ignored;
  return a == b || std::filesystem::equivalent(a, b, ignored);
}

void warn_of_shared_splits(const Place& place, const DatasetSettings& dataset, std::vector<std::string>& warnings) {
  const auto& split = dataset.split;
  for (auto a = split.begin(); a != split.end(); ++a) {
    for (auto b = std::next(a); b != split.end(); ++b) {
      if (!same_file(a->second, b->second)) continue;
      // A folder of sounds has lists of its own that say which belong to which split.
      std::error_code absent;
      const auto& format = facts_of(dataset.format);
      if (format.of_sounds && format.has_classes && std::filesystem::is_directory(a->second, absent)) continue;
      warnings.push_back(fmt::format("{}: dataset '{}': one file serves as {} and {}: {}", place.text(), dataset.name,
                                     a->first, b->first, a->second));
    }
  }
}

void warn(const ExperimentReader& reader, const Includes& includes, std::vector<std::string>& warnings) {
  const auto& definitions = reader.definitions;
  warn_of_unused("model", definitions.models, includes, warnings);
  warn_of_unused("dataset", definitions.datasets, includes, warnings);
  for (const auto& [role, of_role] : definitions.plugins) warn_of_unused(role, of_role, includes, warnings);
  for (const auto& [name, dataset] : definitions.datasets) {
    if (dataset.used) warn_of_shared_splits(dataset.place, dataset.definition->settings, warnings);
  }
  for (const auto& grid : reader.grids) {
    warnings.insert(warnings.end(), grid.warnings.begin(), grid.warnings.end());
    for (const auto& value : grid.axis(Member::Dataset).values) {
      if (!definitions.datasets.contains(value.dataset->settings.name)) {
        warn_of_shared_splits(grid.place, value.dataset->settings, warnings);
      }
    }
    const auto idle = idle_patterns(grid);
    warnings.insert(warnings.end(), idle.begin(), idle.end());
  }
}

void refuse_empty_slice(const std::vector<Grid>& grids, const Pattern& only, Complaints& complaints) {
  std::string details;
  for (const auto& term : only.terms) {
    std::vector<std::string> known;
    bool found = false;
    for (const auto& grid : grids) {
      const auto& axis = grid.axis(*member_of(term.axis));
      if (axis.name != term.axis) continue;
      for (const auto& value : axis.values) {
        found = found || matches(term, value);
        known.push_back(value.number ? fmt::format("{}", *value.number) : value.names[0]);
      }
    }
    if (!found) details += "\n    " + unknown_name(term.axis, term.alternatives[0].text, known);
  }
  complaints.add(only.place, "leaves no cell" + details);
}

}  // namespace

ExperimentFiles files_of_experiment(const std::filesystem::path& file) {
  Complaints complaints;
  const auto text = experiment_text(file);
  auto root = parse_document(text, file.string(), complaints);
  complaints.throw_if_any();
  auto includes = include_files(*root, file, variables({}), complaints);
  complaints.throw_if_any();
  return {digest_of_texts(text, includes.texts), std::move(includes.files)};
}

Experiment read_experiment(const std::filesystem::path& file, const ReadOptions& options) {
  Experiment experiment;
  Complaints complaints;
  const auto text = experiment_text(file);
  auto root = parse_document(text, file.string(), complaints);
  complaints.throw_if_any();
  const auto includes = include_files(*root, file, variables(options), complaints);
  complaints.throw_if_any();
  experiment.file_digest = digest_of_texts(text, includes.texts);
  for (const auto& assignment : options.sets) apply_set(*root, assignment, options.plugins, complaints);
  expand_variables(*root, variables(options), complaints);
  ExperimentReader reader(file, *root, includes, options, complaints);
  reader.read(experiment);
  Pattern only;
  if (!options.only.empty()) only = read_only(options.only, complaints);
  const auto cache = options.cache_folder.empty() ? cache_folder() : options.cache_folder;
  complaints.throw_if_any();

  warn(reader, includes, experiment.warnings);
  name_unnamed(reader.grids);
  take_names_first(only, reader.grids);
  for (auto& grid : reader.grids) {
    for (auto& pattern : grid.skip) take_names_first(pattern, reader.grids);
  }
  check_size(only.terms.empty() ? reader.grids : narrowed(reader.grids, only), complaints);
  complaints.throw_if_any();
  for (const auto& grid : reader.grids) check_combinations(grid, complaints);
  complaints.throw_if_any();
  DigestMemory digests(cache);
  SplitTables tables(digests);
  auto expansion = expand(reader.grids, {experiment.name, reader.measure, tables, only});
  if (!only.terms.empty() && expansion.cells.empty()) refuse_empty_slice(reader.grids, only, complaints);
  complaints.throw_if_any();
  experiment.cells = std::move(expansion.cells);
  experiment.whole = std::move(expansion.whole);
  experiment.priorities = std::move(expansion.priorities);
  experiment.missing = std::move(expansion.missing);
  experiment.notes = std::move(expansion.notes);
  auto inputs = check_inputs(expansion.meetings, cache, tables);
  experiment.problems = std::move(inputs.problems);
  experiment.warnings.insert(experiment.warnings.end(), inputs.warnings.begin(), inputs.warnings.end());
  experiment.warnings.insert(experiment.warnings.end(), expansion.warnings.begin(), expansion.warnings.end());
  return experiment;
}

}  // namespace espalier::grid
