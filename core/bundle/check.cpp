#include "bundle/check.h"

#include <espalier/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <sstream>

#include "mask_digest.h"
#include "store/result_store.h"
#include "words/printable.h"

namespace espalier::bundle {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

std::string in_quotes(const std::string& name) { return "'" + printable_line(name) + "'"; }

json parsed(const ArchiveReader& archive, const char* name) {
  if (!archive.has(name))
    throw InputError(fmt::format("no bundle: '{}' is not in it\n    expected what 'espalier bundle' wrote", name));
  auto document = json::parse(archive.text(name), nullptr, false);
  if (!document.is_object()) throw InputError(fmt::format("no bundle: '{}' holds no JSON object", name));
  return document;
}

std::string text_in(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::vector<json> objects_in(const json& document, const char* name) {
  std::vector<json> objects;
  const auto found = document.find(name);
  if (found == document.end() || !found->is_array()) return objects;
  for (const auto& one : *found) {
    if (one.is_object()) objects.push_back(one);
  }
  return objects;
}

BundleFinding checksums(const ArchiveReader& archive) {
  BundleFinding finding{"checksums", "", {}};
  std::istringstream lines(archive.has(manifest_name) ? archive.text(manifest_name) : std::string());
  std::set<std::string> listed = {manifest_name};
  for (std::string line; std::getline(lines, line);) {
    constexpr std::size_t digest_letters = 64, before_name = 66;
    if (line.size() <= before_name) {
      finding.wrong.push_back("a line of " + std::string(manifest_name) + " is no checksum: " + in_quotes(line));
      continue;
    }
    const auto name = line.substr(before_name);
    listed.insert(name);
    if (!archive.has(name)) {
      finding.wrong.push_back(in_quotes(name) + " is listed, and not there");
      continue;
    }
    const auto found = archive.sha256(name);
    if (found != line.substr(0, digest_letters))
      finding.wrong.push_back(fmt::format("{} has SHA-256 {}, listed is {}", in_quotes(name), found,
                                          printable_line(line.substr(0, digest_letters))));
  }
  for (const auto& entry : archive.entries()) {
    if (!listed.contains(entry.name)) finding.wrong.push_back(in_quotes(entry.name) + " is there, and not listed");
  }
  finding.sentence = fmt::format("{} files are what the list of checksums says", archive.entries().size());
  return finding;
}

BundleFinding soundness(const fs::path& database, const store::DatabaseSummary& summary) {
  BundleFinding finding{"database", "", store::damage_of(database)};
  std::int64_t cells = 0;
  for (const auto& experiment : summary.experiments) cells += experiment.cells;
  finding.sentence = fmt::format("schema version {}, {} experiments, {} cells: pages, indexes and references are sound",
                                 summary.schema_version, summary.experiments.size(), cells);
  return finding;
}

std::set<std::string> missing_names(const std::vector<MissingFile>& missing, const std::string& kind) {
  std::set<std::string> names;
  for (const auto& one : missing) {
    if (one.kind == kind) names.insert(one.name);
  }
  return names;
}

BundleFinding masks(const ArchiveReader& archive, const store::DatabaseSummary& summary,
                    const std::vector<MissingFile>& missing) {
  BundleFinding finding{"masks", "", {}};
  const auto lacking = missing_names(missing, "mask");
  std::set<std::string> known;
  std::size_t checked = 0;
  for (const auto& mask : summary.masks) {
    const auto file = fs::path(mask.path).filename().string();
    const auto name = "cache/masks/" + file;
    if (!known.insert(name).second) continue;
    if (!archive.has(name)) {
      if (!lacking.contains(file))
        finding.wrong.push_back(in_quotes(name) + " is named by the database, not there and not listed as missing");
      continue;
    }
    const auto digest = mask_digest(archive.text(name), mask.sites);
    if (digest == mask.digest)
      ++checked;
    else
      finding.wrong.push_back(fmt::format("{} holds a mask of digest {}, cell {} recorded {}", in_quotes(name),
                                          digest.value_or("none that can be read"), mask.key.substr(0, 12),
                                          printable_line(mask.digest)));
  }
  for (const auto& entry : archive.entries()) {
    if (entry.name.starts_with("cache/masks/") && !known.contains(entry.name))
      finding.wrong.push_back(in_quotes(entry.name) + " is of no cell");
  }
  finding.sentence =
      fmt::format("{} masks are those that the cells recorded; {} are not in the bundle", checked, lacking.size());
  return finding;
}

BundleFinding scores(const ArchiveReader& archive, const fs::path& database, const std::vector<MissingFile>& missing) {
  BundleFinding finding{"scores", "", {}};
  const auto lacking = missing_names(missing, "scores");
  std::set<std::string> known;
  for (const auto& artifact : store::ResultStore(database, store::Mode::ReadOnly).artifacts()) {
    if (artifact.kind != "scores") continue;
    const auto file = fs::path(artifact.path).filename().string();
    const auto name = "cache/scores/" + file;
    known.insert(name);
    if (!archive.has(name) && !lacking.contains(file))
      finding.wrong.push_back(in_quotes(name) + " is named by the database, not there and not listed as missing");
  }
  std::size_t here = 0;
  for (const auto& entry : archive.entries()) {
    if (!entry.name.starts_with("cache/scores/")) continue;
    ++here;
    if (!known.contains(entry.name)) finding.wrong.push_back(in_quotes(entry.name) + " is of no cell");
  }
  finding.sentence =
      fmt::format("{} files of scores are named by the cells; {} are not in the bundle", here, lacking.size());
  return finding;
}

// What the files of an experiment give together, as the room that reads them says; nullopt: one is not there.
std::optional<std::string> digest_in(const ArchiveReader& archive, const json& experiment,
                                     const DigestOfTexts& digest_of) {
  const auto file = text_in(experiment, "file");
  std::vector<std::string> included;
  if (!archive.has(file)) return std::nullopt;
  const auto names = experiment.value("included", json::array());
  for (const auto& name : names.is_array() ? names : json::array()) {
    if (!name.is_string() || !archive.has(name.get<std::string>())) return std::nullopt;
    included.push_back(archive.text(name.get<std::string>()));
  }
  return digest_of(archive.text(file), included);
}

BundleFinding experiments(const ArchiveReader& archive, const store::DatabaseSummary& summary, const json& description,
                          const DigestOfTexts& digest_of) {
  BundleFinding finding{"experiments", "", {}};
  std::map<std::string, json> described;
  for (const auto& one : objects_in(description, "experiments")) described[text_in(one, "name")] = one;
  std::size_t same = 0;
  for (const auto& one : summary.experiments) {
    const auto file = described.contains(one.name) ? text_in(described[one.name], "file") : std::string();
    if (file.empty()) continue;
    const auto digest = digest_in(archive, described[one.name], digest_of);
    if (!digest)
      finding.wrong.push_back(in_quotes(file) +
                              " is the file of an experiment, and it or what it includes is not there");
    else if (*digest != one.file_digest)
      finding.wrong.push_back(in_quotes(file) + " is not the file that ran last");
    else
      ++same;
  }
  finding.sentence = fmt::format("{} experiment files are those that ran last", same);
  return finding;
}

BundleFinding crate(const ArchiveReader& archive) {
  BundleFinding finding{"description", std::string(crate_name) + " describes every file", {}};
  const auto document = parsed(archive, crate_name);
  std::set<std::string> described = {crate_name, manifest_name};
  for (const auto& entity : objects_in(document, "@graph")) described.insert(text_in(entity, "@id"));
  for (const auto& entry : archive.entries()) {
    if (!described.contains(entry.name)) finding.wrong.push_back(in_quotes(entry.name) + " is not described");
  }
  return finding;
}

}  // namespace

bool BundleCheck::holds() const {
  return std::all_of(findings.begin(), findings.end(), [](const auto& finding) { return finding.wrong.empty(); });
}

BundleCheck check_bundle(const ArchiveReader& archive, const fs::path& folder, const DigestOfTexts& digest_of) {
  const auto description = parsed(archive, description_name);
  const auto format = description.value("format", json());
  if (!format.is_number_integer() || format.get<std::int64_t>() != bundle_format) {
    throw InputError(
        fmt::format("the bundle has format {}, this program knows {}\n    use the Espalier that wrote it, or "
                    "a newer one",
                    printable_line(format.dump()), bundle_format));
  }
  BundleCheck check;
  for (const auto& one : objects_in(description, "missing"))
    check.missing.push_back({text_in(one, "kind"), text_in(one, "name"), text_in(one, "why")});
  check.findings.push_back(checksums(archive));
  check.database = folder / "bundle.db";
  archive.unpack(text_in(description, "database"), check.database);
  const auto summary = store::summary_of(check.database);
  check.findings.push_back(soundness(check.database, summary));
  check.findings.push_back(experiments(archive, summary, description, digest_of));
  check.findings.push_back(masks(archive, summary, check.missing));
  check.findings.push_back(scores(archive, check.database, check.missing));
  check.findings.push_back(crate(archive));
  return check;
}

json to_json(const BundleFinding& finding) {
  return {{"subject", finding.subject},
          {"sentence", finding.sentence},
          {"holds", finding.wrong.empty()},
          {"wrong", finding.wrong}};
}

}  // namespace espalier::bundle
