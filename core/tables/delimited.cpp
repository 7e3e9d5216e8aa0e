// TSV and CSV with a header.
#include <espalier/error.h>

#include <algorithm>

#include "records.h"
#include "table_file.h"
#include "words/names.h"

namespace espalier::tables {
namespace {

std::vector<std::size_t> places_of(const TableFile& file, const Record& header, const WantedColumns& wanted) {
  std::vector<std::string> missing;
  std::vector<std::size_t> places;
  for (const auto& name : wanted.names) {
    const auto found = std::find(header.fields.begin(), header.fields.end(), name);
    if (found == header.fields.end()) {
      missing.push_back(name);
    } else if (std::find(found + 1, header.fields.end(), name) != header.fields.end()) {
      throw InputError(file.at(header.line) + "has two columns '" + name + "'");
    }
    places.push_back(static_cast<std::size_t>(found - header.fields.begin()));
  }
  if (!missing.empty()) throw InputError(file.at(header.line) + missing_columns(wanted, missing, header.fields));
  return places;
}

}  // namespace

void read_delimited(TableFile& file, TableKind kind, const WantedColumns& wanted, const std::function<bool()>& full,
                    const std::function<void(FoundRow)>& take) {
  Records records(file.content(), {kind == TableKind::Tsv ? '\t' : ',', kind == TableKind::Csv});
  const auto header = records.next();
  if (!header) return;
  const auto usable = [&](const Record& record) {
    if (!file.is_text(record)) return false;
    if (!record.problem.empty()) file.problem(record.problem_line, record.problem);
    return record.problem.empty();
  };
  if (!usable(*header)) return;
  const auto places = places_of(file, *header, wanted);
  while (!full()) {
    auto record = records.next();
    if (!record) return;
    if (!usable(*record)) continue;
    auto& fields = record->fields;
    if (fields.size() != header->fields.size()) {
      file.problem(record->line, "has " + std::to_string(fields.size()) + (fields.size() == 1 ? " field" : " fields") +
                                     ", expected " + std::to_string(header->fields.size()) + " (" +
                                     join(header->fields) + ")");
      continue;
    }
    FoundRow row;
    row.line = record->line;
    for (const auto place : places) row.values.push_back(fields[place]);
    take(std::move(row));
  }
}

}  // namespace espalier::tables
