// What was just computed and what is read back from the cache are the same bits: each kind of cell, run twice on one
// cache with nothing else in common, and once on a cache of its own.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <bit>
#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/engine.h"
#include "engine/scoring.h"
#include "family_cells.h"
#include "nn/mask_file.h"
#include "nn/safetensors.h"

namespace espalier::test {
namespace {

using Points = std::vector<Point>;

engine::CellResult run(const CellSettings& cell, const std::filesystem::path& cache) {
  return engine::Engine(bundled_plugins(), cache, {}).run(cell);
}

void expect_same_bits(const Points& one, const Points& other, const std::string& what) {
  SCOPED_TRACE(what);
  ASSERT_EQ(one.size(), other.size());
  for (std::size_t i = 0; i < one.size(); ++i) {
    EXPECT_EQ(one[i].kind, other[i].kind);
    EXPECT_EQ(one[i].mask_digest, other[i].mask_digest) << i;
    EXPECT_EQ(one[i].predictions, other[i].predictions) << i;
    EXPECT_EQ(one[i].example_numbers, other[i].example_numbers) << i;
    ASSERT_EQ(one[i].metrics.size(), other[i].metrics.size());
    for (const auto& [name, value] : one[i].metrics) {
      EXPECT_EQ(std::bit_cast<std::uint64_t>(value), std::bit_cast<std::uint64_t>(other[i].metrics.at(name)))
          << i << ' ' << name << ' ' << value << ' ' << other[i].metrics.at(name);
    }
  }
}

struct Kind {
  std::string name;
  std::function<void(TinyCell&)> set;
};

// One of each cache that a cell may leave something in: scores (summed from channels, too), evaluations, steps.
const std::vector<Kind>& kinds() {
  static const std::vector<Kind> all = {
      {"heads by channels",
       [](TinyCell& tiny) {
         tiny.cell.scorer = tiny.plugin("scorer", "fisher", with({{"split", std::string("train")}}));
       }},
      {"random channels",
       [](TinyCell& tiny) {
         tiny.cell.scorer = tiny.plugin("scorer", "random");
         tiny.cell.granularity = Granularity::ProjectionChannel;
       }},
      {"evaluations",
       [](TinyCell& tiny) {
         tiny.cell.scorer.name = tiny.cell.scorer.plugin = "none";
         tiny.cell.searcher = tiny.plugin("searcher", "beam");
         tiny.cell.budget = {BudgetKind::Heads, 3};
       }},
      {"steps with recovery", [](TinyCell& tiny) {
         tiny.cell.granularity = Granularity::HeadChannel;
         tiny.cell.scope = Scope::Local;
         tiny.cell.schedule = ScheduleSettings{3, 0.3, BudgetShare::Remaining, Rounding::Ceil, std::nullopt};
         tiny.cell.budget = {std::nullopt, 0};
         tiny.cell.recovery =
             tiny.plugin("recovery", "finetune", with({{"learning_rate", 1e-3}, {"batch", std::int64_t{4}}}));
       }}};
  return all;
}

TEST(ReadBack, GivesTheBitsThatWereComputed) {
  for (const auto& format : data_formats()) {
    for (const auto& kind : kinds()) {
      TinyCell tiny;
      use_format(tiny, format);
      kind.set(tiny);
      const auto first = run(tiny.cell, tiny.folder / "cache"), again = run(tiny.cell, tiny.folder / "cache"),
                 elsewhere = run(tiny.cell, tiny.folder / "other");
      EXPECT_EQ(first.failure, "");
      expect_same_bits(first.points, again.points, format + ", " + kind.name);
      expect_same_bits(first.points, elsewhere.points, format + ", " + kind.name + ", another cache");
    }
  }
}

// Which of two units goes may hang on the last bit: scores that single precision cannot tell apart.
TEST(ReadBack, KeepsEveryBitOfAScore) {
  TinyCell tiny;
  tiny.cell.granularity = Granularity::ProjectionChannel;
  const engine::ScoreRequest request{"random",        {}, Granularity::ProjectionChannel,
                                     SiteFilter::All, 3,  ComputeType::Float32};
  const auto scores = [&] {
    engine::BaseModels models(tiny.folder / "cache", {});
    engine::ScoreCache cache(tiny.folder / "cache", bundled_plugins(), {});
    return cache.get(models.get(tiny.cell), request);
  };
  const auto computed = scores(), read = scores();

  EXPECT_TRUE(computed.computed_now);
  EXPECT_FALSE(read.computed_now);
  EXPECT_TRUE(computed.values.equal(read.values));
  EXPECT_FALSE(computed.values.equal(computed.values.to(at::kFloat).to(at::kDouble)));
}

// Two heads that are equal but for a last bit: the sum of the first is the larger, in double precision alone.
TEST(ReadBack, PrunesTheSameOfTwoHeadsThatAreNearlyEqual) {
  TinyCell tiny;
  tiny.cell.model.train.reset();
  {
    engine::BaseModels models(tiny.folder / "made", {});
    auto trained = tiny.cell;
    trained.model.train = TrainSettings{};
    const auto folder = models.get(trained).folder;
    std::filesystem::copy(folder, tiny.folder / "twins", std::filesystem::copy_options::recursive);
    auto file = nn::read_safetensors(folder / "model.safetensors");
    for (auto& [name, tensor] : file.tensors) {
      const bool reads = name.find("attention.self.") != std::string::npos;
      const bool writes = name.find("attention.output.dense.weight") != std::string::npos;
      if (!reads && !writes) continue;
      auto copy = tensor.clone();
      const auto dim = reads ? 0 : 1;  // heads of 4: the second becomes the first
      copy.narrow(dim, 4, 4).copy_(copy.narrow(dim, 0, 4));
      if (name.find("query.weight") != std::string::npos && name.find("layer.0") != std::string::npos) {
        auto* weight = copy.mutable_data_ptr<float>();
        weight[0] = std::nextafter(weight[0], weight[0] > 0 ? 100.0F : -100.0F);  // larger by a last bit
      }
      tensor = copy;
    }
    nn::write_safetensors(tiny.folder / "twins/model.safetensors", file);
  }
  tiny.cell.model.checkpoint = (tiny.folder / "twins").string();
  for (const std::string scope : {"local", "global"}) {
    for (const double heads : {1.0 / 3, 0.5, 2.0 / 3}) {
      tiny.cell.scope = from_name<Scope>(scope);
      tiny.cell.budget.value = heads;
      const auto first = run(tiny.cell, tiny.folder / "cache"), again = run(tiny.cell, tiny.folder / "cache");
      expect_same_bits(first.points, again.points, scope);
      std::filesystem::remove_all(tiny.folder / "cache/scores");
    }
  }
}

// Stopped behind any of its steps, and gone on with by another process.
TEST(ReadBack, GoesOnWithTheBitsOfOneGo) {
  for (const auto& format : data_formats()) {
    TinyCell tiny;
    use_format(tiny, format);
    kinds().back().set(tiny);
    const auto whole = run(tiny.cell, tiny.folder / "one-go").points;
    for (int stop = 1; stop <= 2; ++stop) {
      const auto cache = tiny.folder / ("stopped" + std::to_string(stop));
      const auto steps_done = [&] {
        std::error_code ignored;
        for (auto entry = std::filesystem::recursive_directory_iterator(cache / "steps", ignored);
             !ignored && entry != std::filesystem::recursive_directory_iterator(); entry.increment(ignored)) {
          if (entry->path().filename() == "step.json" &&
              nlohmann::json::parse(std::ifstream(entry->path()), nullptr, false).value("step", 0) >= stop)
            return true;
        }
        return false;
      };
      std::vector<std::string> said;
      EXPECT_THROW(engine::Engine(bundled_plugins(), cache, {{}, steps_done}).run(tiny.cell), Interrupted);
      const auto rest =
          engine::Engine(bundled_plugins(), cache, {[&](const std::string& line) { said.push_back(line); }, {}})
              .run(tiny.cell)
              .points;
      expect_same_bits(whole, rest, format + ", stopped after step " + std::to_string(stop));
      EXPECT_EQ(std::count(said.begin(), said.end(), "going on after step " + std::to_string(stop) + " of 3"), 1)
          << format;
    }
  }
}

// --- what is measured beside a cell

TEST(KnownPoints, ServeACellThatOnlyMeasuresSomethingElse) {
  TinyCell tiny;
  tiny.cell.schedule = ScheduleSettings{2, 0.3, BudgetShare::Remaining, Rounding::Ceil, std::nullopt};
  tiny.cell.budget = {std::nullopt, 0};
  tiny.cell.recovery = tiny.plugin("recovery", "finetune", with({{"batch", std::int64_t{8}}}));
  tiny.cell.measure.latency = LatencySettings{{1}, 3};
  std::vector<std::string> said;
  const auto run_now = [&] {
    said.clear();
    return engine::Engine(bundled_plugins(), tiny.folder / "cache",
                          {[&](const std::string& line) { said.push_back(line); }, {}})
        .run(tiny.cell);
  };
  const auto trained = [&] {
    return std::any_of(said.begin(), said.end(),
                       [](const std::string& line) { return line.find("training: ") != std::string::npos; });
  };
  const auto first = run_now();
  EXPECT_TRUE(trained());
  ASSERT_EQ(first.points.size(), 5u);

  tiny.cell.measure.latency = LatencySettings{{1, 4}, 3};
  const auto more = run_now();
  EXPECT_FALSE(trained());
  expect_same_bits(first.points, more.points, "one more batch size");
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(more.points[i].latency.size(), i == 1 || i == 3 ? 2u : 0u) << i;
  EXPECT_EQ(more.points[1].proof, first.points[1].proof);
  EXPECT_EQ(to_json(more.timing)["cached"]["points"], true);

  tiny.cell.measure.latency.reset();
  tiny.cell.measure.proof = false;
  const auto less = run_now();
  EXPECT_FALSE(trained());
  EXPECT_FALSE(less.points[1].proof_passed.has_value());
  EXPECT_TRUE(less.points[1].latency.empty());

  // The same again is computed again, and so is what differs in more.
  tiny.cell.measure.proof = true;
  tiny.cell.measure.latency = LatencySettings{{1}, 3};
  expect_same_bits(first.points, run_now().points, "the same");
  EXPECT_TRUE(trained());
  tiny.cell.measure.latency->repeats = 4;
  tiny.cell.seed = 9;
  run_now();
  EXPECT_TRUE(trained());
}

TEST(KnownPoints, WithoutProofsServeNoCellThatAsksForThem) {
  TinyCell tiny;
  tiny.cell.recovery = tiny.plugin("recovery", "finetune", with({{"batch", std::int64_t{8}}}));
  tiny.cell.measure.proof = false;
  run(tiny.cell, tiny.folder / "cache");
  tiny.cell.measure.proof = true;
  const auto proven = run(tiny.cell, tiny.folder / "cache");
  EXPECT_TRUE(proven.points.at(1).proof_passed.value());
  EXPECT_FALSE(to_json(proven.timing)["cached"].contains("points"));
}

}  // namespace
}  // namespace espalier::test
