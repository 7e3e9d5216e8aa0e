#include "tables/split_tables.h"

#include <espalier/error.h>

#include "cells/cell_settings.h"
#include "cells/formats.h"
#include "counting.h"

namespace espalier {
namespace {

std::int64_t limit_of(const DatasetSettings& dataset, const std::string& split, TableExtent extent) {
  return extent == TableExtent::Whole ? 0 : dataset.limit_of(split);
}

// All that the rows depend on.
std::string reading_of(const DatasetSettings& dataset, const std::string& split, TableExtent extent) {
  std::string text = std::to_string(limit_of(dataset, split, extent));
  for (const auto& part : {std::string(to_string(dataset.format)), split, split_path(dataset, split), dataset.text,
                           dataset.pair, dataset.label, dataset.audio_folder, dataset.classes})
    text.append(1, '\0').append(part);
  return text;
}

SplitTable read(const DatasetSettings& dataset, const std::string& split, TableExtent extent) {
  SplitTable table;
  if (facts_of(dataset.format).of_sounds) {
    auto wanted = dataset;
    if (extent == TableExtent::Whole) wanted.limit.clear();
    table.sounds = read_audio_table(wanted, split, &table.missing);
  } else {
    table.texts = read_text_table(split_path(dataset, split), {dataset.text, dataset.pair, dataset.label},
                                  limit_of(dataset, split, extent));
  }
  return table;
}

}  // namespace

const std::string& split_path(const DatasetSettings& dataset, const std::string& split) {
  const auto found = dataset.split.find(split);
  if (found == dataset.split.end() || found->second.empty())
    throw InputError("dataset '" + dataset.name + "' gives no " + split + " split, and it is needed here");
  return found->second;
}

std::shared_ptr<const SplitTable> SplitTables::table(const DatasetSettings& dataset, const std::string& split,
                                                     TableExtent extent) {
  const auto [entry, is_new] = readings_.try_emplace(reading_of(dataset, split, extent));
  auto& reading = entry->second;
  if (is_new) {
    try {
      reading.table = std::make_shared<const SplitTable>(read(dataset, split, extent));
    } catch (const InputError&) {
      reading.problem = std::current_exception();
    } catch (...) {
      readings_.erase(entry);
      throw;
    }
  }
  if (reading.problem) std::rethrow_exception(reading.problem);
  return reading.table;
}

const std::string& SplitTables::digest(const DatasetSettings& dataset, const std::string& split) {
  const auto reading = reading_of(dataset, split, TableExtent::Limited);
  const auto known = known_digests_.find(reading);
  if (known != known_digests_.end()) return known->second;
  return known_digests_[reading] = !facts_of(dataset.format).of_sounds
                                       ? digests_.of_file(split_path(dataset, split))
                                       : audio_digest(table(dataset, split)->sounds, digests_);
}

void SplitTables::forget_rows(const DatasetSettings& dataset, const std::string& split) {
  for (const auto extent : {TableExtent::Limited, TableExtent::Whole})
    readings_.erase(reading_of(dataset, split, extent));
}

TableCounts table_counts() { return {tables::files_opened, tables::tables_digested}; }

}  // namespace espalier
