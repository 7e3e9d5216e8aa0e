#include "inputs/table_facts.h"

#include <espalier/error.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "words/atomic_file.h"
#include "words/class_names.h"
#include "words/names.h"

namespace espalier::inputs {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::size_t most_remembered = 10'000;  // labels: a column of more is none of classes

class Labels {
 public:
  explicit Labels(TableFacts& facts) : facts_(facts) {}
  void add(const std::string& label, std::int64_t line) {
    const auto [place, is_new] = places_.try_emplace(label, facts_.labels.size());
    if (is_new) facts_.labels.push_back({label, line, 0});
    ++facts_.labels[place->second].rows;
  }

 private:
  TableFacts& facts_;
  std::unordered_map<std::string, std::size_t> places_;
};

TableFacts read(SplitTables& tables, const DatasetSettings& dataset, const std::string& split, TableExtent extent) {
  TableFacts facts;
  Labels labels(facts);
  try {
    const auto table = tables.table(dataset, split, extent);
    facts.rows = static_cast<std::int64_t>(table->texts.size() + table->sounds.size());
    for (const auto& row : table->texts) labels.add(row.label, row.line);
    for (const auto& row : table->sounds) {
      for (const auto& label : row.labels) labels.add(label, row.line);
    }
    if (!table->texts.empty()) tables.forget_rows(dataset, split);
  } catch (const InputError& error) {
    facts.problem = error.what();
  }
  return facts;
}

std::string as_text(const TableFacts& facts) {
  json document = {{"rows", facts.rows}, {"problem", facts.problem}, {"labels", json::array()}};
  for (const auto& label : facts.labels) document["labels"].push_back({label.label, label.line, label.rows});
  return document.dump();
}

bool from_text(const std::string& text, TableFacts& facts) {
  const auto document = json::parse(text, nullptr, /*allow_exceptions=*/false);
  try {
    facts.rows = document.at("rows");
    facts.problem = document.at("problem");
    for (const auto& label : document.at("labels")) {
      facts.labels.push_back({label.at(0), label.at(1), label.at(2)});
    }
    return true;
  } catch (const json::exception&) {  // another version's words
    facts = {};
    return false;
  }
}

}  // namespace

const TableFacts& TableFactsMemory::of(const DatasetSettings& dataset, const std::string& split, bool whole) {
  const auto extent = whole ? TableExtent::Whole : TableExtent::Limited;
  auto asked = dataset;
  if (whole) asked.limit.clear();
  const auto path = dataset.split.at(split);
  json reading = to_json(asked);
  for (const char* key : {"name", "max_tokens"}) reading.erase(key);
  reading["of"] = split;
  const auto [entry, is_new] = known_.try_emplace(reading.dump());
  auto& facts = entry->second;
  if (!is_new) return facts;
  std::error_code ignored;
  if (!fs::is_regular_file(path, ignored)) {  // a folder of sounds has no table to be known by
    facts = read(tables_, dataset, split, extent);
    return facts;
  }
  try {
    reading["digest"] = tables_.digests().of_file(path);
    if (!asked.classes.empty() && fs::is_regular_file(asked.classes, ignored)) {
      reading["classes_digest"] = tables_.digests().of_file(asked.classes);
    }
  } catch (const InputError&) {  // a file that cannot be read is named as missing
    return facts;
  }
  const auto file = folder_ / (sha256_hex("2 " + reading.dump()) + ".json");
  if (fs::exists(file, ignored)) {
    try {
      if (from_text(read_file(file), facts)) return facts;
    } catch (const InputError&) {  // what cannot be read is found out again
    }
  }
  facts = read(tables_, dataset, split, extent);
  if (facts.labels.size() > most_remembered) return facts;
  try {
    fs::create_directories(folder_, ignored);
    write_file(file, as_text(facts));
  } catch (const Error&) {            // only speed is lost
  } catch (const json::exception&) {  // bytes that are no text are in a message
  }
  return facts;
}

std::string unknown_labels(const TableFacts& facts, const std::string& file, const std::vector<std::string>& classes,
                           const std::string& of_whom) {
  constexpr std::size_t shown = 10;
  const ClassNames known(classes);
  std::string message;
  std::size_t count = 0;
  std::int64_t rows = 0;
  for (const auto& label : facts.labels) {
    if (known.number_of(label.label)) continue;
    rows += label.rows;
    const auto where = file + ":" + std::to_string(label.line) + ": ";
    if (++count == 1) {
      message = where + unknown_name("label", label.label, classes);
    } else if (count <= shown) {
      message += "\n    " + where + "unknown label '" + label.label + "'";
    }
  }
  if (count == 0) return "";
  if (count > shown) message += "\n    and " + std::to_string(count - shown) + " more labels";
  return message + "\n    " + std::to_string(rows) + (rows == 1 ? " row has a label" : " rows have labels") + " that " +
         of_whom + " does not know";
}

}  // namespace espalier::inputs
