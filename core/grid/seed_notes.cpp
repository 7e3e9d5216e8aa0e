#include "seed_notes.h"

#include <fmt/format.h>

#include <algorithm>

#include "words/names.h"

namespace espalier::grid {
namespace {

constexpr std::size_t most_notes = 5;

bool draws(const AxisValue& value) { return value.plugin->has(uses_randomness); }

}  // namespace

SeedNotes::SeedNotes(const Grid& grid) : grid_(grid), has_seeds_(grid.axis(Member::Seed).values.size() > 1) {}

void SeedNotes::count(const Rows& rows) {
  if (!has_seeds_) return;
  const auto row = [&](Member member) { return rows[static_cast<std::size_t>(member)]; };
  const auto scorer = row(Member::Scorer), searcher = row(Member::Searcher), recovery = row(Member::Recovery);
  const bool drawn = draws(value(Member::Scorer, scorer)) || draws(value(Member::Searcher, searcher)) ||
                     draws(value(Member::Recovery, recovery));
  if (!drawn) ++unmoved_[{scorer, searcher, recovery}];
}

std::vector<std::string> SeedNotes::notes() const {
  std::vector<std::string> notes;
  std::int64_t unmoved = 0;
  std::vector<std::string> said;
  for (const auto& [rows, cells] : unmoved_) {
    const auto& [scorer, searcher, recovery] = rows;
    std::vector<std::string> parts;
    const std::pair<Member, std::uint32_t> plugins[] = {
        {Member::Scorer, scorer}, {Member::Searcher, searcher}, {Member::Recovery, recovery}};
    for (const auto& [member, row] : plugins) {
      const auto& plugin = *value(member, row).plugin;
      if (!plugin.is_none()) parts.push_back(fmt::format("{} {}", plugin.role, plugin.settings.name));
    }
    if (said.size() < most_notes) said.push_back(join(parts));
    unmoved += cells;
  }
  const auto place = grid_.place.text();
  if (unmoved > 0) {
    const auto more = unmoved_.size() - said.size();
    notes.push_back(
        fmt::format("{}: seed changes nothing in {} of these cells, which draw no random numbers: {}{}; the "
                    "seeds of each share one computation",
                    place, unmoved, join(said, "; "), more > 0 ? fmt::format("; and {} more", more) : ""));
  }
  const auto& models = grid_.axis(Member::Model).values;
  const auto trains = [](const AxisValue& model) { return model.model->settings.train.has_value(); };
  const bool has_base_seeds = grid_.axis(Member::BaseSeed).values.size() > 1;
  if (has_seeds_ && !has_base_seeds && std::any_of(models.begin(), models.end(), trains)) {
    notes.push_back(place + ": every seed has the same base model; base_seed varies it");
  }
  for (const auto& model : models) {
    if (!has_base_seeds || trains(model)) continue;
    notes.push_back(fmt::format("{}: base_seed changes nothing for model '{}', which is not trained", place,
                                model.model->settings.name));
  }
  return notes;
}

}  // namespace espalier::grid
