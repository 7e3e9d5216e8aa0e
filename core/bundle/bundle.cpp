#include "bundle/bundle.h"

#include <espalier/error.h>

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "bundle/archive.h"
#include "crate/appendix.h"
#include "crate/ro_crate.h"
#include "words/atomic_file.h"
#include "words/atomic_folder.h"
#include "words/digest.h"
#include "words/version.h"

namespace espalier::bundle {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

PackedFile packed(const BundleFile& file) {
  PackedFile packed{file.name, file.title, file.media_type, "", 0};
  packed.bytes = file.path.empty() ? file.content.size() : fs::file_size(file.path);
  packed.sha256 = file.path.empty() ? sha256_hex(file.content) : sha256_of_file(file.path);
  return packed;
}

std::string text_of(const json& document) {
  return document.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

json description(const BundleContents& contents, const std::string& database_name) {
  json experiments = json::array(), missing = json::array(), environments = json::array();
  for (std::size_t i = 0; i < contents.summary.experiments.size(); ++i) {
    const auto& one = contents.summary.experiments[i];
    experiments.push_back({{"name", one.name},
                           {"file", contents.experiments[i].file ? json(*contents.experiments[i].file) : json()},
                           {"included", contents.experiments[i].included},
                           {"file_digest", one.file_digest},
                           {"cells", one.cells},
                           {"done", one.done},
                           {"failed", one.failed},
                           {"attempts", one.attempts},
                           {"seconds", one.seconds},
                           {"started", one.started},
                           {"ended", one.ended}});
  }
  for (const auto& one : contents.missing)
    missing.push_back({{"kind", one.kind}, {"name", one.name}, {"why", one.why}});
  for (const auto& one : contents.summary.environments)
    environments.push_back({{"attempts", one.attempts}, {"environment", one.environment}});
  return {{"format", bundle_format},    {"espalier", version()},
          {"title", contents.title},    {"license", contents.license},
          {"database", database_name},  {"schema_version", contents.summary.schema_version},
          {"experiments", experiments}, {"environments", environments},
          {"missing", missing}};
}

// All files in their order, each with what is said of it.
struct Packing {
  std::vector<BundleFile> files;
  std::vector<PackedFile> packed;

  void add(BundleFile file) {
    packed.push_back(bundle::packed(file));
    files.push_back(std::move(file));
  }
};

std::string manifest(const Packing& packing) {
  std::vector<std::string> lines;
  for (const auto& file : packing.packed) lines.push_back(file.sha256 + "  " + file.name + "\n");
  std::sort(lines.begin(), lines.end(),
            [](const std::string& one, const std::string& other) { return one.substr(66) < other.substr(66); });
  std::string text;
  for (const auto& line : lines) text += line;
  return text;
}

void write_archive(const Packing& packing, const std::string& checksums, const fs::path& path) {
  ArchiveWriter archive(path);
  for (const auto& file : packing.files) {
    if (file.path.empty())
      archive.add_text(file.name, file.content);
    else
      archive.add_file(file.name, file.path);
  }
  archive.add_text(manifest_name, checksums);
  archive.commit();
}

}  // namespace

std::string plain_name(const std::string& text) {
  constexpr std::size_t longest = 100;
  std::string name;
  for (const char c : text.substr(0, longest)) {
    const auto byte = static_cast<unsigned char>(c);
    const bool stays = (byte < 0x80 && std::isalnum(byte) != 0) || c == '-' || c == '_' || (c == '.' && !name.empty());
    name += stays ? c : '-';
  }
  return name.empty() ? "results" : name;
}

WrittenBundle write_bundle(const BundleContents& contents, const fs::path& file) {
  const auto database_name = "results/" + plain_name(contents.title) + ".db";
  Packing packing;
  packing.add({database_name, "The database: cells, attempts, points, answers", "application/vnd.sqlite3", "",
               contents.database});
  for (const auto& one : contents.files) packing.add(one);
  packing.add({description_name, "What this bundle holds and lacks", "application/json",
               text_of(description(contents, database_name))});
  const auto so_far = packing.packed;
  packing.add({"appendix.md", "What was asked, on what it was computed, how to repeat it", "text/markdown",
               appendix_markdown(contents, so_far)});
  packing.add({"appendix.html", "The same as a page", "text/html", appendix_html(contents, so_far)});
  packing.add({crate_name, "This description", "application/ld+json",
               text_of(ro_crate(contents, database_name, packing.packed))});
  // Written to a folder aside, and to its place by a file that is there whole or not at all.
  const AtomicFolder aside(file.string() + ".parts");
  const auto path = aside.path() / "bundle.zip";
  write_archive(packing, manifest(packing), path);
  AtomicFile target(file);
  const auto bytes = read_file(path);
  target.write(bytes);
  target.commit();
  return {bytes.size(), packing.files.size() + 1, sha256_hex(bytes)};
}

}  // namespace espalier::bundle
