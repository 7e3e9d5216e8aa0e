// A searcher whose mask is of another model.
#include <espalier/searcher.h>

namespace {
struct WrongMask final : espalier::Searcher {
  explicit WrongMask(const espalier::Settings& settings) : sites(settings.get<std::int64_t>("sites")) {}
  espalier::Mask search(espalier::SearchTask&) override {
    return espalier::Mask(std::vector<espalier::Site>(static_cast<std::size_t>(sites), {"a", {}, 5, 7, 9, {}}));
  }
  std::int64_t sites;
};
}  // namespace

ESPALIER_SEARCHER(WrongMask, "wrong-mask", "1.0.0", "", espalier::no_traits,
                  espalier::Setting{"sites", 1, "sites of its mask"})
