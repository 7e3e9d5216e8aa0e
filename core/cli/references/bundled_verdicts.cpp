#include "bundled_verdicts.h"

#include <espalier/error.h>
#include <fmt/format.h>

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "bundle/bundle.h"
#include "own_points.h"
#include "published/verdicts.h"
#include "words/names.h"
#include "words/printable.h"

namespace espalier::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

std::string text_in(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// Unpacked under a name of ours.
std::optional<fs::path> table_of(const bundle::ArchiveReader& archive, const std::string& reference,
                                 const fs::path& folder) {
  const auto file = fs::path(reference).filename().string();
  const auto entry = "references/" + bundle::plain_name(file);
  if (archive.has(entry)) {
    const auto unpacked = folder / "reference.toml";
    fs::remove(unpacked);
    archive.unpack(entry, unpacked);
    return unpacked;
  }
  const auto shipped = published::shipped_tables();
  const auto found = shipped.find(fs::path(file).stem().string());
  return found != shipped.end() ? std::optional(found->second) : std::nullopt;
}

std::string found_text(const json& cell) {
  const auto found = cell.value("found", json());
  return found.is_number() ? fmt::format("{:.6g}", found.get<double>()) : "nothing";
}

bool same_value(const json& then, const json& now) {
  if (!then.is_number() || !now.is_number()) return then.is_null() && now.is_null();
  return std::abs(then.get<double>() - now.get<double>()) <= 1e-9 * std::max(1.0, std::abs(now.get<double>()));
}

std::string name_of(const json& cell) {
  return cell.value("axes", json::object()).dump() + text_in(cell, "metric") + text_in(cell, "kind");
}

class Again {
 public:
  Again(const bundle::ArchiveReader& archive, const fs::path& database, const fs::path& folder)
      : archive_(archive), database_(database), folder_(folder), store_(database, store::Mode::ReadOnly) {}

  void judge(const json& kept) {
    const auto reference = text_in(kept, "reference");
    const auto file = table_of(archive_, reference, folder_);
    if (!file) {
      untold_.push_back("'" + printable_line(reference) + "' is neither in the bundle nor does it ship");
      return;
    }
    if (!kept.contains("request")) {
      untold_.push_back("those of '" + printable_line(reference) + "' do not say what they were asked with");
      return;
    }
    const auto table = published::read_table(*file);
    const auto request = published::request_from_json(kept["request"]);
    const auto experiment = text_in(kept["request"], "experiment");
    OwnNeeds needs;
    needs.see(table);
    const auto points = own_points(database_, store_, experiment, needs);
    const auto verdicts = published::judge(table, points, request);
    compare(kept.value("cells", json::array()), published::as_json(table, verdicts)["cells"], table);
  }

  bundle::BundleFinding finding() const {
    bundle::BundleFinding finding{"verdicts", fmt::format("{} verdicts were made again and are the same", same_),
                                  wrong_};
    if (!untold_.empty()) finding.sentence += "; not made again: " + join(untold_, "; ");
    return finding;
  }

 private:
  void compare(const json& then, const json& now, const published::PublishedTable& table) {
    std::map<std::string, const json*> kept;
    for (const auto& cell : then) {
      if (cell.is_object()) kept[name_of(cell)] = &cell;
    }
    for (std::size_t i = 0; i < now.size(); ++i) {
      const auto words = table.cells[i].words();
      const auto found = kept.find(name_of(now[i]));
      if (found == kept.end()) {
        wrong_.push_back(printable_line(words) + " has no verdict in the bundle");
        continue;
      }
      const auto& cell = *found->second;
      if (text_in(cell, "verdict") == text_in(now[i], "verdict") &&
          same_value(cell.value("found", json()), now[i]["found"])) {
        ++same_;
        continue;
      }
      wrong_.push_back(fmt::format("{}: the bundle says {} with {} found, its database gives {} with {}",
                                   printable_line(words), printable_line(text_in(cell, "verdict")), found_text(cell),
                                   text_in(now[i], "verdict"), found_text(now[i])));
    }
  }

  const bundle::ArchiveReader& archive_;
  const fs::path& database_;
  const fs::path& folder_;
  store::ResultStore store_;
  std::size_t same_ = 0;
  std::vector<std::string> wrong_, untold_;
};

}  // namespace

bundle::BundleFinding verdicts_again(const bundle::ArchiveReader& archive, const fs::path& database,
                                     const fs::path& folder) {
  Again again(archive, database, folder);
  const auto document = json::parse(archive.text("verdicts.json"), nullptr, false);
  if (!document.is_object()) return {"verdicts", "", {"'verdicts.json' holds no JSON object"}};
  try {
    // As of one table, or of all that ship.
    const auto several = document.find("references");
    if (several == document.end()) {
      again.judge(document);
    } else {
      for (const auto& one : *several) again.judge(one);
    }
  } catch (const Error& error) {
    return {"verdicts", "", {printable_line(error.what())}};
  } catch (const json::exception&) {
    return {"verdicts", "", {"'verdicts.json' is not what 'espalier verify --json' prints"}};
  }
  return again.finding();
}

}  // namespace espalier::cli
