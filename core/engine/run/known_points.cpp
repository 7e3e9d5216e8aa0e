#include "known_points.h"

#include <espalier/error.h>

#include <nlohmann/json.hpp>

#include "words/atomic_file.h"
#include "words/cache/entry.h"

namespace espalier::engine {

namespace fs = std::filesystem;
using Json = nlohmann::json;

KnownPoints::KnownPoints(const fs::path& cache_folder, const std::string& digest)
    : file_(cache_folder / "points" / (digest + ".json")) {}

std::optional<std::vector<Point>> KnownPoints::read(const MeasureSettings& asked, const Watch& watch) const {
  if (!CachedEntry(file_).is_whole(watch)) return std::nullopt;
  try {
    const auto json = Json::parse(read_file(file_));
    const auto& measured = json.at("measure");
    const bool lacks_proofs = asked.proof && !measured.at("proof").get<bool>();
    if (measured == espalier::to_json(asked) || lacks_proofs) return std::nullopt;
    std::vector<Point> points;
    for (const auto& entry : json.at("points")) {
      auto point = point_from_json(entry);
      point.latency.clear();
      point.multiply_adds_done = 0;
      if (!asked.proof) {
        point.proof.reset();
        point.proof_passed = std::nullopt;
      }
      points.push_back(std::move(point));
    }
    return points;
  } catch (const std::exception&) {  // it has gone meanwhile, or holds other fields
    return std::nullopt;
  }
}

void KnownPoints::write(const std::vector<Point>& points, const MeasureSettings& measured, const Watch& watch) const {
  const CachedEntry entry(file_);
  if (entry.is_whole({})) return;
  auto list = Json::array();
  for (const auto& point : points) list.push_back(to_json(point));
  try {
    entry.put_text(Json{{"measure", espalier::to_json(measured)}, {"points", list}}.dump() + "\n", watch);
  } catch (const InputError&) {
  }
}

}  // namespace espalier::engine
