// Everything that is needed to believe a database, and to repeat it, as one archive: the database, masks and scores, experiment
// files, reference tables, verdicts, tables, checksums, an appendix for readers, and a description for programs (a Workflow
// Run RO-Crate).
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "store/open/summary.h"

namespace espalier::bundle {

// A file of the archive: of this content, or of a path's.
struct BundleFile {
  std::string name;  // in the archive
  std::string title;
  std::string media_type;
  std::string content = {};
  std::filesystem::path path = {};
};

// What belongs to the database and is not in the archive.
struct MissingFile {
  std::string kind;  // experiment, mask, scores
  std::string name;
  std::string why;
};

// An experiment's files in the archive: its own (nullopt: missing, and then the cells stand for it), and those that it includes,
// in the order in which they count.
struct BundledExperiment {
  std::optional<std::string> file;
  std::vector<std::string> included = {};
};

struct BundleContents {
  std::string title;               // the database's name, without its ending
  std::string license;             // of the results; a URL, or a sentence; empty: not stated
  std::filesystem::path database;  // a copy of one moment
  store::DatabaseSummary summary;
  std::vector<BundledExperiment> experiments;  // one an experiment of the summary
  std::vector<BundleFile> files;               // all but the database and what write_bundle makes
  std::vector<MissingFile> missing;
};

struct WrittenBundle {
  std::uint64_t bytes = 0;
  std::size_t files = 0;
  std::string sha256;
};

// A name that is one part of a path wherever it is unpacked: letters, digits, '-', '_' and '.'.
std::string plain_name(const std::string& text);

inline constexpr const char* manifest_name = "manifest-sha256.txt";
inline constexpr const char* description_name = "bundle.json";
inline constexpr const char* crate_name = "ro-crate-metadata.json";
inline constexpr const char* cells_name = "cells.jsonl";
inline constexpr int bundle_format = 1;

// There whole or not at all; equal contents give equal bytes. Throws InputError where it cannot be written.
WrittenBundle write_bundle(const BundleContents& contents, const std::filesystem::path& file);

}  // namespace espalier::bundle
