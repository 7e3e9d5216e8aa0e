// Ten steps that each remove a tenth of what remains: what "The silence of the weights" (2025) has left after each, and
// the sparsities and parameter counts that its tables print (results/published).
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>

#include "plugins/searching.h"
#include "support/published_table.h"

namespace espalier::test {
namespace {

using Counts = std::vector<std::int64_t>;
using Texts = std::vector<std::string>;

// 12 layers of 12 heads of 64 over 768 features.
const std::vector<Site>& ast() {
  static const auto sites = layers(12, 12, 64, 768);
  return sites;
}

// 32 encoder and 32 decoder layers of 20 heads of 64 over 1280 features, K without biases; cross-attention behind the 64
// sites that the paper prunes.
std::vector<Site> whisper_large(bool with_cross) {
  auto sites = layers(32, 20, 64, 1280);
  for (const auto kind : {SiteKind::DecoderSelf, SiteKind::DecoderCross}) {
    if (kind == SiteKind::DecoderCross && !with_cross) continue;
    for (const auto& site : layers(32, 20, 64, 1280, kind)) sites.push_back(site);
  }
  for (auto& site : sites) site.has_bias[static_cast<std::size_t>(Projection::K)] = false;
  return sites;
}

// PH-L, PH-G, EH-L and EH-G; heads have one definition for both scopes.
const Settings keep_one({{"keep_one", true}});
const Settings of_heads({{"keep_one", true}, {"keep_one_head", true}, {"rescue", std::string("first")}});
const Search channels_local{"ranking", keep_one, of_remaining(0.1), Scope::Local};
const Search channels_global{"channel-greedy", {}, of_remaining(0.1), Scope::Global};
const Search heads_local{"ranking", of_heads, of_remaining(0.1), Scope::Local};
const Search heads_global{"ranking", of_heads, of_remaining(0.1), Scope::Global};

std::vector<Mask> run(const Search& asked, const Units& units) {
  Random random(5);
  return schedule(asked, units, [&](int) { return random.uniform(units.count()); });
}

// Scores that grow with the head alone, so that sites lose evenly and none is emptied.
std::vector<Mask> run_evenly(const Search& asked, const Units& units) {
  auto scores = at::zeros({units.count()}, at::kDouble);
  for (std::int64_t i = 0; i < units.count(); ++i) scores[i] = static_cast<double>(units[i].head);
  return schedule(asked, units, [&](int) { return scores; });
}

std::string text(const char* format, double value) {
  char written[32];
  std::snprintf(written, sizeof written, format, value);
  return written;
}

Counts channels_left(const std::vector<Mask>& masks, std::int64_t part = 1) {
  Counts left;
  for (const auto& mask : masks) {
    left.push_back(kept_count(mask, Projection::Q) / part);
    for (const auto projection : all_projections) EXPECT_EQ(kept_count(mask, projection), left.back() * part);
  }
  return left;
}

Counts heads_left(const std::vector<Mask>& masks) {
  Counts left;
  for (const auto& mask : masks) {
    left.push_back(kept_count(mask, Projection::V) / 64);
    for (const auto projection : all_projections) EXPECT_EQ(kept_count(mask, projection), left.back() * 64);
  }
  return left;
}

Texts sparsities(const std::vector<Site>& sites, const std::vector<Mask>& masks, const char* format = "%.3f",
                 bool count_output_bias = false) {
  Texts percent;
  for (const auto& mask : masks)
    percent.push_back(text(format, 100 * count_parameters(sites, mask, count_output_bias).sparsity()));
  return percent;
}

// The same masks among all 96 sites of Whisper large.
std::vector<Mask> with_cross(const std::vector<Mask>& masks) {
  std::vector<Mask> all;
  for (const auto& mask : masks) {
    all.emplace_back(whisper_large(true));
    for (std::int64_t site = 0; site < mask.size(); ++site) all.back().site(site) = mask.site(site);
  }
  return all;
}

TEST(Schedule, LeavesTheSameShareOfEachHeadsChannels) {
  const Units units(ast(), Granularity::HeadChannel);
  const auto masks = run(channels_local, units);

  EXPECT_EQ(channels_left(masks, 144), (Counts{57, 51, 45, 40, 36, 32, 28, 25, 22, 19}));
  EXPECT_EQ(sparsities(ast(), masks), (Texts{"10.938", "20.312", "29.688", "37.500", "43.750", "50.000", "56.250",
                                             "60.938", "65.625", "70.312"}));
  EXPECT_EQ(count_parameters(ast(), masks[5], false).kept, 14'169'600);
  EXPECT_EQ(count_parameters(ast(), masks[5], false).dense, 28'339'200);
  EXPECT_EQ(count_parameters(ast(), masks[5], true).dense, 28'348'416);
}

TEST(Schedule, LeavesTheSameShareOfEachSitesHeads) {
  const Units of_ast(ast(), Granularity::Head);
  const auto masks = run(heads_local, of_ast);
  Counts left = heads_left(masks);
  for (auto& count : left) count /= 12;

  EXPECT_EQ(left, (Counts{10, 9, 8, 7, 6, 5, 4, 3, 2, 1}));
  EXPECT_EQ(sparsities(ast(), masks), (Texts{"16.667", "25.000", "33.333", "41.667", "50.000", "58.333", "66.667",
                                             "75.000", "83.333", "91.667"}));
  EXPECT_EQ(count_parameters(ast(), masks[4], false).kept, 14'169'600);

  // One more step would take the last head of each site.
  const auto longer = schedule(
      heads_local, of_ast, [&](int) { return at::ones({of_ast.count()}, at::kDouble); }, 12);
  EXPECT_EQ(heads_left(longer).back(), 12);
}

TEST(Schedule, LeavesTheSameShareOfHeadsOfWhisperLarge) {
  const auto masks = run(heads_local, Units(whisper_large(false), Granularity::Head));
  Counts left = heads_left(masks);
  for (auto& count : left) count /= 64;
  const auto all = with_cross(masks);

  EXPECT_EQ(left, (Counts{18, 16, 14, 12, 10, 9, 8, 7, 6, 5}));
  EXPECT_EQ(sparsities(whisper_large(false), masks), (Texts{"10.000", "20.000", "30.000", "40.000", "50.000", "55.000",
                                                            "60.000", "65.000", "70.000", "75.000"}));
  EXPECT_EQ(sparsities(whisper_large(true), all),
            (Texts{"6.667", "13.333", "20.000", "26.667", "33.333", "36.667", "40.000", "43.333", "46.667", "50.000"}));
  EXPECT_EQ(count_parameters(whisper_large(true), all[0], false).dense, 629'391'360);
}

// The steps of the published Whisper rows are those of 20 heads, not of 16.
TEST(Schedule, StepsOtherwiseThroughSixteenHeads) {
  const auto sites = layers(24, 16, 64, 1024);
  const auto masks = run(heads_local, Units(sites, Granularity::Head));
  Counts left = heads_left(masks);
  for (auto& count : left) count /= 24;

  EXPECT_EQ(left, (Counts{14, 12, 10, 9, 8, 7, 6, 5, 4, 3}));
  EXPECT_EQ(sparsities(sites, masks)[0], "12.500");
  EXPECT_EQ(sparsities(sites, masks)[1], "25.000");
}

TEST(Schedule, LeavesAShareOfAllHeads) {
  const auto masks = run_evenly(heads_global, Units(ast(), Granularity::Head));

  EXPECT_EQ(heads_left(masks), (Counts{129, 116, 104, 93, 83, 74, 66, 59, 53, 47}));
  EXPECT_EQ(sparsities(ast(), masks), (Texts{"10.417", "19.444", "27.778", "35.417", "42.361", "48.611", "54.167",
                                             "59.028", "63.194", "67.361"}));
}

TEST(Schedule, LeavesAShareOfAllHeadsOfWhisperLarge) {
  const auto masks = run_evenly(heads_global, Units(whisper_large(false), Granularity::Head));

  EXPECT_EQ(heads_left(masks), (Counts{1152, 1036, 932, 838, 754, 678, 610, 549, 494, 444}));
  EXPECT_EQ(sparsities(whisper_large(true), with_cross(masks)),
            (Texts{"6.667", "12.708", "18.125", "23.021", "27.396", "31.354", "34.896", "38.073", "40.938", "43.542"}));
}

TEST(Schedule, LeavesBundlesOfChannels) {
  const auto masks = run(channels_global, Units(ast(), Granularity::HeadChannel));

  EXPECT_EQ(channels_left(masks), (Counts{8304, 7476, 6732, 6060, 5460, 4920, 4428, 3996, 3600, 3240}));
  EXPECT_EQ(sparsities(ast(), masks),
            (Texts{"9.896", "18.880", "26.953", "34.245", "40.755", "46.615", "51.953", "56.641", "60.938", "64.844"}));
}

TEST(Schedule, LeavesBundlesOfChannelsOfWhisperLarge) {
  const auto masks = run(channels_global, Units(whisper_large(false), Granularity::HeadChannel));

  EXPECT_EQ(channels_left(masks), (Counts{73740, 66380, 59760, 53800, 48420, 43580, 39240, 35320, 31800, 28620}));
  EXPECT_EQ(sparsities(whisper_large(true), with_cross(masks)),
            (Texts{"6.657", "12.646", "18.034", "22.884", "27.262", "31.201", "34.733", "37.923", "40.788", "43.376"}));
}

// A site filter speaks of one kind; the second mask keeps what the first took away, so both are joined.
TEST(Schedule, MayPruneOneKindOfSiteAfterTheOther) {
  const auto sites = whisper_large(true);
  Mask all(sites);
  for (const char* filter : {"encoder-self", "decoder-self"}) {
    const Units units(sites, Granularity::Head, filter);
    const auto mask = search(heads_local, units, units.remaining(all), at::ones({units.count()}, at::kDouble));
    all = all.intersected(mask);
  }

  EXPECT_EQ(kept_count(all, Projection::V) / 64, 64 * 18 + 32 * 20);
  EXPECT_EQ(text("%.3f", 100 * count_parameters(sites, all, false).sparsity()), "6.667");
}

// Heads that grow important with their layer: the first layers would be emptied, and keep their first head.
TEST(Schedule, RescuesTheFirstHeadOfEachEmptiedSite) {
  const Units units(ast(), Granularity::Head);
  auto scores = at::zeros({units.count()}, at::kDouble);
  for (std::int64_t i = 0; i < units.count(); ++i) scores[i] = static_cast<double>(100 * units[i].site - units[i].head);
  KeptReport report;
  auto asked = heads_global;
  asked.report = &report;
  std::vector<double> said;
  const auto masks = schedule(asked, units, [&](int step) {
    if (step > 0) said.push_back(report.numbers.at("heads_rescued"));
    return scores;
  });
  said.push_back(report.numbers.at("heads_rescued"));

  std::int64_t before = 144;
  Mask last(ast());
  for (const auto& mask : masks) {
    std::int64_t removed = 0;
    for (std::int64_t site = 0; site < 12; ++site) {
      const auto kept = mask.site(site).of(Projection::V).any(1),
                 kept_before = last.site(site).of(Projection::V).any(1);
      EXPECT_GE(kept.sum().item<std::int64_t>(), 1);
      EXPECT_TRUE(kept.logical_and(kept_before.logical_not()).logical_not().all().item<bool>());
      removed += (kept_before.sum() - kept.sum()).item<std::int64_t>();
    }
    const auto left = heads_left({mask})[0];
    const auto rescued = left - (before - (before + 9) / 10);
    EXPECT_EQ(rescued, said[static_cast<std::size_t>(&mask - masks.data())]);
    EXPECT_EQ(removed, before - left);
    before = left;
    last = mask;
  }
  EXPECT_GT(before, 47);
  EXPECT_EQ(heads_of(last).substr(0, 12), "100000000000");
}

// Published cells of one metric after each iteration, by scorer, in order.
std::map<std::string, std::vector<PublishedCell>> rows_of(const std::string& table, const std::string& metric,
                                                          const std::string& granularity, const std::string& scope) {
  std::map<std::string, std::vector<PublishedCell>> rows;
  for (const auto& cell : published_cells(table)) {
    if (cell.text("metric") != metric || cell.text("granularity") != granularity || cell.text("scope") != scope ||
        cell.text("iteration").empty() || cell.text("iteration") == "0")
      continue;
    rows[cell.text("scorer")].push_back(cell);
  }
  for (auto& [scorer, cells] : rows) {
    std::stable_sort(cells.begin(), cells.end(), [](const PublishedCell& a, const PublishedCell& b) {
      return a.number("iteration") < b.number("iteration");
    });
  }
  return rows;
}

constexpr const char* speech_commands = "silence-of-the-weights.ast-speechcommands.toml";
constexpr const char* audioset = "silence-of-the-weights.ast-audioset.toml";
constexpr const char* whisper = "silence-of-the-weights.whisper.toml";

// The six rows whose sparsities do not depend on scores; the biases of O are in what they divide by.
TEST(PublishedSparsities, AreThoseOfTheSchedules) {
  const Units channels(ast(), Granularity::HeadChannel), heads(ast(), Granularity::Head);
  struct Row {
    const char *granularity, *scope;
    Texts expected;
  };
  const Row kinds[] = {{"head-channel", "local", sparsities(ast(), run(channels_local, channels), "%.1f", true)},
                       {"head-channel", "global", sparsities(ast(), run(channels_global, channels), "%.1f", true)},
                       {"head", "local", sparsities(ast(), run(heads_local, heads), "%.1f", true)}};
  int cells = 0;
  for (const char* table : {speech_commands, audioset}) {
    for (const auto& kind : kinds) {
      for (const auto& [scorer, row] : rows_of(table, "gflops", kind.granularity, kind.scope)) {
        Texts printed;
        for (const auto& cell : row) printed.push_back(text("%.1f", cell.number("achieved_sparsity")));
        EXPECT_EQ(printed, kind.expected) << table << ' ' << kind.granularity << ' ' << kind.scope << ' ' << scorer;
        cells += static_cast<int>(row.size());
      }
    }
  }
  EXPECT_EQ(cells, 120);
}

// Of all parameters of Whisper large; the tables cut to millions.
constexpr std::int64_t whisper_parameters = 1'543'304'960;

TEST(PublishedParameters, OfWhisperAreThoseOfTheSchedules) {
  const Units channels(whisper_large(false), Granularity::HeadChannel), heads(whisper_large(false), Granularity::Head);
  struct Row {
    const char *granularity, *scope;
    std::vector<Mask> masks;
  };
  const Row kinds[] = {{"head-channel", "local", run(channels_local, channels)},
                       {"head-channel", "global", run(channels_global, channels)},
                       {"head", "local", run(heads_local, heads)}};
  int cells = 0;
  for (const auto& kind : kinds) {
    Counts expected;
    for (const auto& mask : kind.masks) {
      const auto count = count_parameters(whisper_large(false), mask, false);
      expected.push_back((whisper_parameters - (count.dense - count.kept)) / 1'000'000);
    }
    for (const auto& [scorer, row] : rows_of(whisper, "parameters_million", kind.granularity, kind.scope)) {
      Counts printed;
      for (const auto& cell : row) printed.push_back(std::llround(cell.number("value")));
      EXPECT_EQ(printed, expected) << kind.granularity << ' ' << kind.scope << ' ' << scorer;
      cells += static_cast<int>(row.size());
    }
  }
  EXPECT_EQ(cells, 60);
}

// Each published number of heads is what a step leaves and, where a layer was emptied, its rescued head.
TEST(PublishedHeads, AreWhatAStepLeavesAndRescues) {
  struct Row {
    const char *table, *scorer;
    Counts left;
  };
  const Row rows[] = {{speech_commands, "fisher", {144, 129, 116, 104, 93, 83, 74, 66, 59, 53, 47}},
                      {speech_commands, "magnitude", {144, 129, 118, 108, 99, 91, 83, 76, 70, 65, 61}},
                      {audioset, "fisher", {144, 129, 116, 104, 94, 84, 76, 69, 63, 56, 51}},
                      {audioset, "magnitude", {144, 129, 117, 107, 98, 90, 83, 76, 70, 65, 61}},
                      {whisper, "fisher", {1280, 1152, 1036, 932, 838, 755, 681, 613, 554, 501, 454}},
                      {whisper, "magnitude", {1280, 1152, 1036, 932, 838, 754, 678, 611, 550, 496, 447}}};
  for (const auto& row : rows) {
    const bool is_whisper = row.table == whisper;
    const std::int64_t heads = row.left[0];
    const auto cells =
        rows_of(row.table, is_whisper ? "parameters_million" : "gflops", "head", "global").at(row.scorer);
    ASSERT_EQ(cells.size(), 10u);
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const auto before = row.left[i], left = row.left[i + 1];
      EXPECT_GE(left, before - (before + 9) / 10);
      const auto removed = static_cast<double>(heads - left);
      if (is_whisper) {
        EXPECT_NEAR(100 * removed / (96 * 20), cells[i].number("achieved_sparsity"), 0.005 + 1e-9);
        EXPECT_EQ((whisper_parameters - (heads - left) * (4 * 1280 * 64 + 2 * 64)) / 1'000'000,
                  std::llround(cells[i].number("value")));
      } else {
        EXPECT_EQ(text("%.1f", 100 * removed * 196'800 / 28'348'416),
                  text("%.1f", cells[i].number("achieved_sparsity")));
      }
    }
  }
}

}  // namespace
}  // namespace espalier::test
