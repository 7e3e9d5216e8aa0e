#include "store/open/open_tables.h"

#include <espalier/error.h>
#include <fmt/format.h>

#include <utility>

#include "connection.h"
#include "examples/example_numbers.h"
#include "open/selects.h"

namespace espalier::store {
namespace {

const DescribedView& answers() {
  static const DescribedView table = {
      "answers",
      "Answers",
      "Where what was said of each example is: one row for each point of each cell's last attempt and each kind of "
      "answer",
      {{"key", ColumnType::Text, "", "The cell's key, as in cells"},
       {"step", ColumnType::Integer, "", "Of a schedule, from 0"},
       {"kind", ColumnType::Text, "", "dense, pruned, recovered or diverged"},
       {"last", ColumnType::Flag, "", "1: the cell's result"},
       {"name", ColumnType::Text, "",
        "right; of a classification predicted and label; of a transcript word_errors, words, character_errors and "
        "characters"},
       {"digest", ColumnType::Text, "", "Which of the lists in examples"}}};
  return table;
}

const DescribedView& examples() {
  static const DescribedView table = {
      "examples",
      "Examples",
      "What was said of each example: lists that are equal are kept once, under their digest",
      {{"digest", ColumnType::Text, "", "Of the whole list; answers says of which points it is"},
       {"example", ColumnType::Integer, "", "The example's place in the file of its split, from 0"},
       {"value", ColumnType::Integer, "",
        "Of right: 1 or 0; of predicted and label: a class; else a number of errors or "
        "words or characters"}}};
  return table;
}

QueryValue value_of(const SQLite::Column& column) {
  if (column.isNull()) return {};
  if (column.isInteger()) return column.getInt64();
  if (column.isFloat()) return column.getDouble();
  if (column.isText()) return column.getString();
  return Bytes{column.getString()};
}

// As its column promises; nullopt where it cannot be.
std::optional<QueryValue> of_type(ColumnType type, QueryValue value) {
  if (std::holds_alternative<std::monostate>(value)) return value;
  const auto* integer = std::get_if<std::int64_t>(&value);
  switch (type) {
    case ColumnType::Text:
      if (std::holds_alternative<std::string>(value)) return value;
      return std::nullopt;
    case ColumnType::Real:
      if (integer != nullptr) return static_cast<double>(*integer);
      if (std::holds_alternative<double>(value)) return value;
      return std::nullopt;
    default: return integer != nullptr ? std::optional(value) : std::nullopt;
  }
}

}  // namespace

std::string select_of(std::string_view table) {
  if (table == "cells") return "SELECT * FROM cells ORDER BY experiment, position, key";
  if (table == "latencies") return "SELECT * FROM latencies ORDER BY experiment, key, step, kind, batch, length";
  if (table == "answers") {
    return R"sql(
WITH chosen AS (
  SELECT cell.key, point.id, point.step, point.kind, point.id = cell.point_id AS last, point.predictions_digest
  FROM cell JOIN point ON point.attempt_id = cell.attempt_id)
SELECT key, step, kind, last, 'right' AS name, predictions_digest AS digest FROM chosen
WHERE predictions_digest IN (SELECT digest FROM predictions WHERE encoding = 'bits')
UNION ALL
SELECT key, step, kind, last, name, digest FROM chosen JOIN point_numbers ON point_id = chosen.id
ORDER BY 1, 2, 3, 5, 6)sql";
  }
  return fmt::format("SELECT * FROM {} ORDER BY experiment, position, key, step, kind", table);
}

const std::vector<DescribedView>& open_tables() {
  static const auto tables = [] {
    auto all = described_views();
    all.push_back(answers());
    all.push_back(examples());
    return all;
  }();
  return tables;
}

struct OpenTables::State {
  using Row = std::function<void(const std::vector<QueryValue>&)>;

  std::filesystem::path file;
  std::unique_ptr<SQLite::Database> database;

  void each_selected(const DescribedView& table, const Row& row);
  void each_example(const Row& row);
};

void OpenTables::State::each_selected(const DescribedView& table, const Row& row) {
  SQLite::Statement select(*database, select_of(table.name));
  std::vector<QueryValue> values(table.columns.size());
  while (select.executeStep()) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      auto value = of_type(table.columns[i].type, value_of(select.getColumn(static_cast<int>(i))));
      if (!value) {
        throw StoreError(
            fmt::format("{}: column {} of {} holds a value of another type than it should\n    the file was "
                        "changed by another program",
                        file.string(), table.columns[i].name, table.name));
      }
      values[i] = *std::move(value);
    }
    row(values);
  }
}

void OpenTables::State::each_example(const Row& row) {
  std::vector<QueryValue> values(3);
  const auto give = [&](const std::string& digest, const auto& numbers) {
    values[0] = digest;
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      values[1] = static_cast<std::int64_t>(i);
      values[2] = static_cast<std::int64_t>(numbers[i]);
      row(values);
    }
  };
  SQLite::Statement outcomes(
      *database, "SELECT digest, outcomes, length FROM predictions WHERE encoding = 'bits' ORDER BY digest");
  while (outcomes.executeStep())
    give(outcomes.getColumn(0).getString(),
         unpacked_outcomes(outcomes.getColumn(1).getString(), outcomes.getColumn(2).getInt64()));
  SQLite::Statement numbers(*database, "SELECT digest, content, width FROM numbers ORDER BY digest");
  while (numbers.executeStep())
    give(numbers.getColumn(0).getString(),
         unpacked_numbers(numbers.getColumn(1).getString(), numbers.getColumn(2).getInt()));
}

OpenTables::OpenTables(const std::filesystem::path& database) : state_(std::make_unique<State>()) {
  state_->file = database;
  state_->database = open_database(database, Mode::ReadOnly);
  translated(database, [&] { state_->database->exec("BEGIN"); });  // one snapshot, from the first row read on
}

OpenTables::~OpenTables() = default;

void OpenTables::each_row(std::string_view table, const std::function<void(const std::vector<QueryValue>&)>& row) {
  translated(state_->file, [&] {
    if (table == "examples") return state_->each_example(row);
    for (const auto& known : open_tables()) {
      if (known.name == table) return state_->each_selected(known, row);
    }
    throw StoreError(std::string("no table is called '").append(table).append("'"));
  });
}

}  // namespace espalier::store
