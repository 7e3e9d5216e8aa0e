// What tables are made of. Tables are read one after the other from their beginnings, which for all of a database takes a
// fraction of what the views take, who look up each row's companions; where few rows are wanted these are looked up.
#include <algorithm>
#include <map>
#include <numeric>
#include <unordered_map>

#include "cells/fields/cell_fields.h"
#include "coded/scan.h"
#include "connection.h"
#include "store/coded/coded_rows.h"
#include "store/open/described_columns.h"

namespace espalier::store {
namespace {

constexpr std::string_view member_prefix = "settings.";
constexpr std::size_t nowhere = static_cast<std::size_t>(-1);

bool has_column(const char* view, const std::string& name) {
  const auto& columns = described_view(view).columns;
  return std::any_of(columns.begin(), columns.end(),
                     [&](const DescribedColumn& column) { return column.name == name; });
}

bool stands_in(std::initializer_list<std::string_view> names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// What the view `cells` says in this column.
std::string expression_of(const std::string& column) {
  if (column == "inserted") return "cell.id";
  if (column == "settings") return "cell.settings";
  if (column == "source") return "cell.source_id";
  if (!has_column("cells", column)) throw StoreError("the view cells lacks the column '" + column + "'");
  if (column == "experiment") return "joined.experiment_id";
  if (column == "sparsity" || column == "requested_sparsity")
    return "CASE cell.budget WHEN 'sparsity' THEN cell.requested END";
  if (column == "finished") return "strftime('%Y-%m-%dT%H:%M:%SZ', cell.finished, 'unixepoch')";
  const bool is_joined =
      stands_in({"position", "model", "dataset", "scorer", "searcher", "recovery", "current", "asked"}, column);
  return (is_joined ? "joined." : "cell.") + column;
}

bool is_of_attempt(const std::string& column) {
  return stands_in({"files", "computed_on", "memory_shortages"}, column);
}

// Members of settings as they stand, into a column each. Cells side by side share most of them: one that reads as in the cell
// before, whole, is found without a look at its letters one by one.
class MemberColumns {
 public:
  void add(std::string name, std::size_t column) { wanted_.emplace_back(std::move(name), column); }
  bool empty() const { return wanted_.empty(); }

  void read(std::string_view settings, CodedRows& rows) {
    std::size_t at = 1;
    for (std::size_t i = 0;; ++i) {
      if (i == before_.size()) before_.emplace_back();
      auto& kept = before_[i];
      const auto begin = at;
      if (const auto end = at + kept.text.size(); !kept.text.empty() && end < settings.size() &&
                                                  (settings[end] == ',' || settings[end] == '}') &&
                                                  settings.substr(at, kept.text.size()) == kept.text) {
        at = end + 1;
      } else {
        const auto member = next_member(settings, at);
        if (!member) break;
        kept.text = settings.substr(begin, at - 1 - begin);
        kept.value = static_cast<std::size_t>(member->second.data() - settings.data()) - begin;
        kept.column = column_of_member(member->first);
      }
      if (kept.column != nowhere && rows.columns[kept.column].size() == rows_)
        rows.columns[kept.column].add(std::string_view(kept.text).substr(kept.value));
    }
    ++rows_;
    for (const auto& [name, column] : wanted_) rows.columns[column].pad(rows_);
  }

 private:
  struct Kept {
    std::string text;       // name and value
    std::size_t value = 0;  // where it begins
    std::size_t column = nowhere;
  };

  std::size_t column_of_member(std::string_view name) const {
    const auto found = std::find_if(wanted_.begin(), wanted_.end(), [&](const auto& one) { return one.first == name; });
    return found == wanted_.end() ? nowhere : found->second;
  }

  std::vector<std::pair<std::string, std::size_t>> wanted_;  // with the places of their columns
  std::vector<Kept> before_;                                 // of the last cell, in order
  std::size_t rows_ = 0;
};

class CellReading {
 public:
  CellReading(ResultStore::State& state, const std::string& experiment, const std::vector<std::string>& columns)
      : state_(state), experiment_(experiment) {
    cells_.rows.names = columns;
    cells_.rows.columns.resize(columns.size());
  }

  DetailedCells take() {
    read_cells();
    replace("experiment", texts("SELECT id, name FROM experiment"));
    arrange();
    replace("source", texts("SELECT id, content FROM source"));
    read_attempts();
    return std::move(cells_);
  }

 private:
  using Texts = std::unordered_map<std::int64_t, Value>;

  void read_cells() {
    std::string sql = "SELECT joined.experiment_id, joined.position, cell.attempt_id, cell.point_id";
    std::vector<std::size_t> into;
    MemberColumns of_settings;
    for (std::size_t i = 0; i < cells_.rows.names.size(); ++i) {
      const auto& name = cells_.rows.names[i];
      if (is_of_attempt(name)) continue;
      if (name.starts_with(member_prefix)) {
        of_settings.add(name.substr(member_prefix.size()), i);
        continue;
      }
      sql += ", " + expression_of(name);
      into.push_back(i);
    }
    if (!of_settings.empty()) sql += ", cell.settings";
    sql += " FROM experiment_cell AS joined CROSS JOIN cell ON cell.id = joined.cell_id";
    if (!experiment_.empty()) sql += " WHERE joined.experiment_id = (SELECT id FROM experiment WHERE name = ?1)";
    auto& select = state_.statement(sql + " ORDER BY joined.experiment_id, joined.cell_id");
    if (!experiment_.empty()) select.bind(1, experiment_);
    each_row(select, [&](const std::vector<SQLite::Column>& row) {
      experiments_.push_back(row[0].getInt64());
      positions_.push_back(row[1].getInt64());
      cells_.attempts.push_back(row[2].getInt64());
      cells_.results.push_back(row[3].getInt64());
      for (std::size_t i = 0; i < into.size(); ++i) add(row[4 + i], cells_.rows.columns[into[i]]);
      if (!of_settings.empty()) of_settings.read(text_in(row.back()), cells_.rows);
    });
    cells_.rows.count = positions_.size();
  }

  Texts texts(const char* sql) {
    Texts texts;
    each_row(state_.statement(sql), [&](const std::vector<SQLite::Column>& row) {
      texts[row[0].getInt64()] = {Value::Kind::Text, 0, 0, row[1].getString()};
    });
    return texts;
  }

  // In a column of ids, what they are of.
  void replace(const char* column, const Texts& texts) {
    const auto* ids = cells_.rows.find(column);
    if (ids == nullptr) return;
    CodedColumn replaced;
    for (std::size_t row = 0; row < ids->size(); ++row) {
      const auto found = texts.find(ids->at(row).integer);
      replaced.add(found == texts.end() ? Value() : found->second);
    }
    cells_.rows.columns[static_cast<std::size_t>(ids - cells_.rows.columns.data())] = std::move(replaced);
  }

  // By the names of experiments, and within one by position, as its file has the cells.
  void arrange() {
    std::map<std::int64_t, std::string> names;
    for (auto& [id, name] : texts("SELECT id, name FROM experiment")) names[id] = name.text;
    std::vector<std::size_t> order(cells_.rows.count);
    std::iota(order.begin(), order.end(), std::size_t{0});
    const auto before = [&](std::size_t one, std::size_t other) {
      if (experiments_[one] == experiments_[other]) return positions_[one] < positions_[other];
      return names[experiments_[one]] < names[experiments_[other]];
    };
    if (std::is_sorted(order.begin(), order.end(), before)) return;
    std::stable_sort(order.begin(), order.end(), before);
    for (auto& column : cells_.rows.columns) {
      if (column.size() == order.size()) column = column.arranged(order);
    }
    auto attempts = cells_.attempts, results = cells_.results;
    for (std::size_t i = 0; i < order.size(); ++i) {
      cells_.attempts[i] = attempts[order[i]];
      cells_.results[i] = results[order[i]];
    }
  }

  void read_attempts() {
    std::unordered_map<std::int64_t, std::size_t> place_of;  // of an attempt
    std::vector<std::int64_t> attempts;
    for (const auto attempt : cells_.attempts) {
      if (attempt != 0 && place_of.try_emplace(attempt, attempts.size()).second) attempts.push_back(attempt);
    }
    std::vector<std::size_t> rows;  // each cell's place, behind the last one where it has no attempt
    for (const auto attempt : cells_.attempts) rows.push_back(attempt == 0 ? attempts.size() : place_of.at(attempt));
    const auto place = [&](const SQLite::Column& attempt) {
      const auto found = place_of.find(attempt.getInt64());
      return found == place_of.end() ? nowhere : found->second;
    };
    std::vector<CodedColumn> read(3);  // computed_on, memory_shortages, files
    if (wants("computed_on") || wants("memory_shortages")) read_run(attempts, place, read[0], read[1]);
    if (wants("files")) read[2] = files(attempts, place);
    for (auto& column : read) column.pad(attempts.size() + 1);
    const char* names[] = {"computed_on", "memory_shortages", "files"};
    for (std::size_t i = 0; i < read.size(); ++i) {
      const auto* column = cells_.rows.find(names[i]);
      if (column == nullptr) continue;
      cells_.rows.columns[static_cast<std::size_t>(column - cells_.rows.columns.data())] = read[i].arranged(rows);
    }
  }

  bool wants(const char* column) const { return cells_.rows.find(column) != nullptr; }

  // An environment is shared by many attempts: each is looked into once.
  template <class Place>
  void read_run(const std::vector<std::int64_t>& attempts, const Place& place, CodedColumn& computed_on,
                CodedColumn& memory_shortages) {
    std::unordered_map<std::int64_t, Value> devices;
    each_row(state_.statement("SELECT id, CASE WHEN json_valid(content) THEN json_extract(content, '$.device') END "
                              "FROM environment"),
             [&](const std::vector<SQLite::Column>& row) { devices[row[0].getInt64()] = value_in(row[1]); });
    std::vector<Value> device(attempts.size()), shortages(attempts.size());
    each_of(
        state_, "attempt", "id",
        "SELECT id, environment_id, CASE WHEN instr(timing, '\"memory_shortages\"') > 0 AND json_valid(timing) THEN "
        "json_extract(timing, '$.memory_shortages') END FROM attempt",
        attempts, [&](const std::vector<SQLite::Column>& row) {
          const auto at = place(row[0]);
          if (at == nowhere) return;
          if (const auto found = devices.find(row[1].getInt64()); found != devices.end()) device[at] = found->second;
          if (!row[2].isNull()) shortages[at] = value_in(row[2]);
        });
    for (const auto& one : device) computed_on.add(one);
    for (const auto& one : shortages) memory_shortages.add(one);
  }

  // The same few files made most cells: what a list of plugins is called is written once.
  template <class Place>
  CodedColumn files(const std::vector<std::int64_t>& attempts, const Place& place) {
    std::vector<std::string> used(attempts.size());  // ids of plugins
    each_of(state_, "attempt_plugin", "attempt_id", "SELECT attempt_id, plugin_id FROM attempt_plugin", attempts,
            [&](const std::vector<SQLite::Column>& row) {
              const auto at = place(row[0]);
              if (at != nowhere) (used[at] += used[at].empty() ? "" : ",") += row[1].getText();
            });
    std::unordered_map<std::string, std::string> objects;
    CodedColumn files;
    for (const auto& ids : used) {
      const auto [known, is_new] = objects.try_emplace(ids);
      if (is_new) known->second = object_of(ids);
      files.add(std::string_view(known->second));
    }
    return files;
  }

  // JSON from role to the digest of the plugin's file.
  std::string object_of(const std::string& ids) {
    std::string text;
    each_row(state_.statement("SELECT json_group_object(role, file_digest) FROM plugin WHERE id IN (" + ids + ")"),
             [&](const std::vector<SQLite::Column>& row) { text = row[0].getString(); });
    return text;
  }

  ResultStore::State& state_;
  const std::string& experiment_;
  DetailedCells cells_;
  std::vector<std::int64_t> experiments_, positions_;
};

}  // namespace

DetailedCells ResultStore::cells_in_detail(const std::string& experiment,
                                           const std::vector<std::string>& columns) const {
  return translated(state_->file, [&] {
    SQLite::Transaction one_snapshot(*state_->database);
    return CellReading(*state_, experiment, columns).take();
  });
}

}  // namespace espalier::store
