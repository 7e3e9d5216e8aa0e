// The searcher mac-budget, against plans made by hand, by brute force and by a literal copy of the published walk.
#include <espalier/error.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "plugins/searching.h"
#include "support/message_of.h"
#include "support/tensor_matchers.h"

namespace espalier::test {
namespace {

constexpr auto macs = SearchBudget::Kind::Macs;
using Numbers = std::map<std::string, double>;

struct Case {
  std::vector<Site> sites;
  at::Tensor gradients;            // [mini-batches, units]
  std::vector<double> costs = {};  // of a head, by site; empty: one everywhere
  SearchBudget budget = {};
  bool rearranges = false;
  Scope scope = Scope::Global;
  at::Tensor remaining = {};
  double elsewhere = 0;  // multiply-adds of the rest of the model

  double cost(std::int64_t site) const { return costs.empty() ? 1.0 : costs[static_cast<std::size_t>(site)]; }
  double cost_of_heads(const Mask& mask) const {
    double sum = 0;
    for (std::int64_t site = 0; site < mask.size(); ++site) {
      sum += cost(site) * static_cast<double>(mask.site(site).of(Projection::V).any(1).sum().item<std::int64_t>());
    }
    return sum;
  }
};

struct CostedAnswer {
  Mask mask;
  Numbers notes;
};

// One mini-batch of one example a row.
std::vector<Batch> batches_of(const at::Tensor& gradients) {
  std::vector<Batch> batches;
  for (std::int64_t row = 0; row < gradients.size(0); ++row)
    batches.push_back(batch_of_slopes(gradients[row].view({1, 1, -1})));
  return batches;
}

CostedAnswer answer_to(const Case& asked, const std::string& sites = "all") {
  const Units units(asked.sites, Granularity::Head, sites);
  FakeModel model(asked.sites);
  Batches batches(batches_of(asked.gradients));
  FunctionCosts costs;
  const auto remaining = asked.remaining.defined() ? asked.remaining : all_of(units);
  const auto left = units.mask(remaining);
  costs.of_multiply_adds = [&](const Mask& mask) {
    return asked.elsewhere + asked.cost_of_heads(mask.intersected(left));  // what is gone stays gone
  };
  KeptReport report;
  Search search{"mac-budget", Settings({{"rearrange", asked.rearranges}}), asked.budget, asked.scope};
  search.model = &model;
  search.batches = &batches;
  search.costs = &costs;
  search.report = &report;
  return {test::search(search, units, remaining, {}), report.numbers};
}

std::string refusal(const Case& asked) {
  return message_of<SettingsError>([&] { answer_to(asked); });
}

// Whole numbers from -9 to 9: exact in single precision, with ties.
at::Tensor random_gradients(Random& random, std::int64_t batches, std::int64_t units) {
  return random.uniform(batches * units).mul(19).floor().sub(9).view({batches, units});
}

// One row: the importance of a unit is its square.
at::Tensor row(std::vector<double> gradients) { return at::tensor(gradients, at::kDouble).unsqueeze(0); }

// Kept or not, as [units] with the units of all sites.
at::Tensor kept_units(const Case& asked, const Mask& mask) {
  return Units(asked.sites, Granularity::Head).remaining(mask);
}

// The most importance that any set of units has within the bound, by trying every set.
double most_importance(const Case& asked, double bound) {
  const Units units(asked.sites, Granularity::Head);
  const auto importance = asked.gradients.square().sum(0);
  double most = 0;
  for (std::uint64_t set = 0; set < (std::uint64_t{1} << units.count()); ++set) {
    double cost = 0, sum = 0;
    for (std::int64_t i = 0; i < units.count(); ++i) {
      if ((set >> i & 1) == 0) continue;
      cost += asked.cost(units[i].site);
      sum += importance.const_data_ptr<double>()[i];
    }
    if (cost <= bound) most = std::max(most, sum);
  }
  return most;
}

// Multiply-adds of a head: projections, scores and weighted sum, output.
double mac_head(double tokens, double width, double head_width) {
  return 3 * tokens * width * head_width + 2 * tokens * tokens * head_width + tokens * head_width * width;
}

TEST(MacBudget, IsAShareOfAllThatBertDoes) {
  Random random(3);
  const double neurons = 36'864 * 2.0 * 128 * 768;
  Case asked{layers(12, 12, 1, 1), random_gradients(random, 4, 144), std::vector<double>(12, mac_head(128, 768, 64))};
  asked.elsewhere = neurons;
  asked.budget = {macs, 0.5};

  EXPECT_EQ(mac_head(128, 768, 64), 27'262'976);
  EXPECT_EQ(asked.elsewhere + asked.cost_of_heads(Mask(asked.sites)), 11'173'625'856);
  // Feed-forward layers alone are 64.9 %.
  EXPECT_EQ(refusal(asked),
            "macs = 0.5 cannot be met: without any head of the chosen sites the model does 0.648649 of its "
            "multiply-adds\n    use that or more");
  asked.budget.value = 0.648650;
  EXPECT_EQ(answer_to(asked).notes.at("heads"), 0);
  asked.budget.value = 0.8;  // (0.8 * 11,173,625,856 - 7,247,757,312) / 27,262,976 = 62.03 heads
  const auto answer = answer_to(asked);
  EXPECT_EQ(answer.notes.at("heads"), 62);
  EXPECT_DOUBLE_EQ(answer.notes.at("macs_kept_share"), (7'247'757'312 + 62.0 * 27'262'976) / 11'173'625'856);
  asked.budget.value = 1;
  EXPECT_EQ(answer_to(asked).notes.at("heads"), 144);
}

// Whatever is elsewhere, what stays is within the share asked for, and one more of the cheapest heads would not be.
TEST(MacBudget, MeetsItsShareOfTheWholeModel) {
  Random random(9);
  for (const auto scope : {Scope::Global, Scope::Local}) {
    for (int round = 0; round < 60; ++round) {
      Case asked{layers(4, 3, 1, 1), random_gradients(random, 2, 12), {7, 3, 5, 2}, {}, false, scope};
      asked.elsewhere = std::floor(100 * random.uniform());
      const double all = asked.elsewhere + asked.cost_of_heads(Mask(asked.sites));
      asked.budget = {macs, random.uniform()};
      if (asked.budget.value * all < asked.elsewhere) {
        EXPECT_NE(refusal(asked).find("cannot be met"), std::string::npos);
        continue;
      }
      const auto answer = answer_to(asked);
      const double share = (asked.elsewhere + asked.cost_of_heads(answer.mask)) / all;
      EXPECT_LE(share, asked.budget.value + 1e-9);
      EXPECT_DOUBLE_EQ(answer.notes.at("macs_kept_share"), share);
      if (scope == Scope::Global) {
        EXPECT_GT(share + 7 / all, asked.budget.value);
      }
    }
  }
}

// As in a compacted checkpoint, whose heads differ in width.
TEST(MacBudget, AsksForEachHeadWhereThoseOfASiteDiffer) {
  const auto sites = layers(1, 3, 1, 1);
  const Units units(sites, Granularity::Head);
  FakeModel model(sites);
  Batches batches(batches_of(row({3, 2, 1})));
  FunctionCosts costs;
  costs.of_multiply_adds = [](const Mask& mask) {
    const auto lives = mask.site(0).of(Projection::V).any(1);
    return 10.0 + 6 * lives[0].item<double>() + 3 * lives[1].item<double>() + lives[2].item<double>();
  };
  Search search{"mac-budget", Settings({{"rearrange", false}}), {macs, 0.7}};  // 14 of 20: 4 for heads
  search.model = &model;
  search.batches = &batches;
  search.costs = &costs;

  EXPECT_EQ(heads_of(test::search(search, units, all_of(units), {})), "011");
}

TEST(MacBudget, KeepsEverythingWhereEverythingMayStay) {
  Random random(4);
  for (const bool dead_heads : {false, true}) {
    for (const auto scope : {Scope::Global, Scope::Local}) {
      Case asked{layers(3, 4, 1, 1), random_gradients(random, 3, 12), {7, 3, 5}, {macs, 1}, true, scope};
      if (dead_heads) asked.gradients.narrow(1, 2, 6).zero_();

      const auto answer = answer_to(asked);

      EXPECT_TRUE(answer.mask.keeps_everything());
      EXPECT_EQ(answer.notes,
                (Numbers{{"heads", 12}, {"importance_kept", 1}, {"macs_kept_share", 1}, {"rearranged", 0}}));
    }
  }
}

TEST(MacBudget, KeepsTheBestOfEqualCost) {
  const auto kept = [](double share, Scope scope = Scope::Global) {
    return heads_of(
        answer_to({layers(2, 3, 1, 1), row({6, 1, 2, 5, 3, 4}), {10, 10}, {macs, share}, false, scope}).mask);
  };

  EXPECT_EQ(kept(0.5), "100 101");
  EXPECT_EQ(kept(0.66), "100 101");  // 3.96 heads
  EXPECT_EQ(kept(4 / 6.0), "100 111");
  EXPECT_EQ(kept(0.5, Scope::Local), "100 100");
  EXPECT_EQ(kept(2 / 3.0, Scope::Local), "101 101");
}

TEST(MacBudget, OfTiesTheLowestGoesFirst) {
  const auto kept = [](SearchBudget budget) {
    return heads_of(answer_to({layers(2, 3, 1, 1), row({1, -1, 1, 1, 1, -1}), {}, budget}).mask);
  };

  EXPECT_EQ(kept({macs, 0.5}), "000 111");
  EXPECT_EQ(kept({SearchBudget::Kind::Heads, 4}), "001 111");
}

// One head of 5, or of 3 and 2: 16 against 9 + 4, 9 + 9.
TEST(MacBudget, WeighsImportanceAgainstCost) {
  const auto kept = [](std::vector<double> gradients, double share) {
    return heads_of(answer_to({layers(3, 1, 1, 1), row(std::move(gradients)), {5, 3, 2}, {macs, share}}).mask);
  };

  EXPECT_EQ(kept({4, 3, 2}, 0.5), "1 0 0");
  EXPECT_EQ(kept({4, 3, 3}, 0.5), "0 1 1");
  EXPECT_EQ(kept({4, 3, 3}, 0.49), "0 0 1");
  EXPECT_EQ(kept({4, 3, 3}, 0.7), "1 0 1");
}

TEST(MacBudget, EqualsBruteForceForAnyNumberOfCosts) {
  Random random(5);
  const std::vector<std::vector<double>> costs = {{4, 7}, {9, 5, 2}, {7, 7, 3, 3}, {11, 6, 5, 3}};
  for (const auto& by_site : costs) {
    const auto sites = static_cast<std::int64_t>(by_site.size());
    const auto heads = 12 / sites;
    for (int round = 0; round < 40; ++round) {
      Case asked{layers(sites, heads, 1, 1), random_gradients(random, 2, 12), by_site};
      const auto all = asked.cost_of_heads(Mask(asked.sites));
      asked.budget = {macs, 0.1 + 0.9 * random.uniform()};

      const auto answer = answer_to(asked);

      EXPECT_LE(asked.cost_of_heads(answer.mask), asked.budget.value * all);
      const auto importance = asked.gradients.square().sum(0);
      EXPECT_EQ((importance * kept_units(asked, answer.mask)).sum().item<double>(),
                most_importance(asked, asked.budget.value * all));
      EXPECT_DOUBLE_EQ(answer.notes.at("macs_kept_share"), asked.cost_of_heads(answer.mask) / all);
    }
  }
}

// Three kinds of attention at three costs, as Whisper has them.
TEST(MacBudget, StaysWithinAnyBudgetAndKeepsMoreOfMore) {
  Random random(6);
  for (const auto scope : {Scope::Global, Scope::Local}) {
    Case asked{layers(24, 20, 1, 1), random_gradients(random, 5, 480)};
    for (int site = 0; site < 24; ++site) asked.costs.push_back(site < 8 ? 9.8e7 : site < 16 ? 1.3e6 : 5.1e7);
    asked.scope = scope;
    const auto all = asked.cost_of_heads(Mask(asked.sites));
    double before = 0;
    for (int part = 1; part <= 8; ++part) {
      asked.budget = {macs, part / 8.0};
      const auto answer = answer_to(asked);
      EXPECT_LE(asked.cost_of_heads(answer.mask), part / 8.0 * all * (1 + 1e-9));
      EXPECT_GE(answer.notes.at("importance_kept"), before);
      before = answer.notes.at("importance_kept");
    }
    EXPECT_EQ(before, 1);
  }
}

// Budgets that count heads do not ask what a head costs.
TEST(MacBudget, MayCountHeadsInstead) {
  const auto kept = [](SearchBudget budget, Scope scope = Scope::Global) {
    return answer_to({layers(2, 3, 1, 1), row({6, 1, 2, 5, 3, 4}), {1, 3}, budget, false, scope});
  };
  using Kind = SearchBudget::Kind;

  EXPECT_EQ(heads_of(kept({Kind::Heads, 2}).mask), "100 100");
  EXPECT_EQ(kept({Kind::Heads, 2}).notes.at("macs_kept_share"), 4 / 12.0);
  EXPECT_EQ(heads_of(kept({Kind::Heads, 0}).mask), "000 000");
  EXPECT_EQ(heads_of(kept({Kind::Sparsity, 0.5}).mask), "100 101");
  EXPECT_EQ(heads_of(kept({Kind::Sparsity, 1 / 3.0}, Scope::Local).mask), "101 101");
}

// Site 1 is empty; it counts as much as site 0, which is like it.
TEST(MacBudget, LeavesOutHeadsThatAreGone) {
  auto sites = layers(2, 2, 1, 1);
  sites.push_back(layers(1, 2, 1, 1, SiteKind::DecoderCross).front());
  Case asked{sites, row({6, 1, 9, 9, 2, 4}), {1, 1, 4}, {macs, 0.5}};
  asked.remaining = at::tensor({1, 1, 0, 0, 1, 1}).to(at::kBool);

  EXPECT_EQ(heads_of(answer_to(asked).mask), "11 00 01");  // 6 of 12
  asked.budget.value = 1;
  EXPECT_EQ(heads_of(answer_to(asked).mask), "11 00 11");
  EXPECT_DOUBLE_EQ(answer_to(asked).notes.at("macs_kept_share"), 10 / 12.0);
  asked.budget = {SearchBudget::Kind::Sparsity, 0.5};
  EXPECT_EQ(heads_of(answer_to(asked).mask), "10 00 11");
}

TEST(MacBudget, LeavesSitesAloneThatAreNotChosen) {
  Case asked{uneven(), row({3, 1, 2}), {100, 1}, {macs, 201.2 / 203}};

  const auto answer = answer_to(asked, "decoder-cross");

  EXPECT_EQ(heads_of(answer.mask), "11 100");
  EXPECT_DOUBLE_EQ(answer.notes.at("macs_kept_share"), 201 / 203.0);
}

// Gradients are of a mini-batch's mean loss, and their squares are summed.
TEST(MacBudget, RanksAsMaskFisherDoes) {
  const auto sites = layers(1, 2, 1, 1);
  FakeModel model(sites);
  const Units units(sites, Granularity::Head);
  // Means of head 0: 2 and -1; of head 1: 0 and 3, though its first gradients are the largest.
  const std::vector<Batch> given = {batch_of_slopes(at::tensor({1.0, 50.0, 3.0, -50.0}, at::kDouble).view({2, 1, 2})),
                                    batch_of_slopes(at::tensor({0.0, 2.0, -2.0, 4.0}, at::kDouble).view({2, 1, 2}))};
  Batches batches(given);
  KeptReport report;
  Search asked{"mac-budget", {}, {SearchBudget::Kind::Heads, 1}};
  asked.model = &model;
  asked.batches = &batches;
  asked.report = &report;

  EXPECT_EQ(heads_of(search(asked, units, all_of(units), {})), "01");
  EXPECT_DOUBLE_EQ(report.numbers.at("importance_kept"), 9 / 14.0);
}

// Heads 1 and 2 cancel; so they go together, and head 0 stays.
TEST(MacBudgetRearranging, ExchangesWhatCancels) {
  Case asked{layers(1, 4, 1, 1), at::tensor({2.0, 2.0, -2.0, 4.0, 2.0, 2.5, -2.5, 4.0}, at::kDouble).view({2, 4})};
  asked.budget = {macs, 0.5};

  EXPECT_EQ(heads_of(answer_to(asked).mask), "0011");
  asked.rearranges = true;
  const auto answer = answer_to(asked);
  EXPECT_EQ(heads_of(answer.mask), "1001");
  EXPECT_EQ(answer.notes.at("rearranged"), 1);
  EXPECT_DOUBLE_EQ(answer.notes.at("importance_kept"), (8 + 32) / (8 + 10.25 + 10.25 + 32));
}

TEST(MacBudgetRearranging, LeavesEqualHeadsWhereTheyAre) {
  Case asked{layers(1, 4, 1, 1), at::ones({3, 4}, at::kDouble)};
  asked.budget = {macs, 0.5};
  asked.rearranges = true;

  const auto answer = answer_to(asked);

  EXPECT_EQ(heads_of(answer.mask), "0011");
  EXPECT_EQ(answer.notes.at("rearranged"), 0);
}

// As the published code walks; columns [units, mini-batches], says which of them are pruned.
std::vector<std::int64_t> walked(const at::Tensor& columns, std::int64_t pruned) {
  const auto order = columns.square().sum(1).argsort(/*stable=*/true);
  std::vector<std::int64_t> members;
  for (std::int64_t i = 0; i < order.numel(); ++i) {
    members.push_back(order[i].item<std::int64_t>());
    if (i < pruned) continue;
    const auto vectors = columns.index_select(0, at::tensor(members));
    const auto complement = vectors.sum(0) - vectors;
    members.erase(members.begin() + complement.square().sum(1).argmin().item<std::int64_t>());
  }
  return members;
}

double squared_norm(const at::Tensor& columns, const std::vector<std::int64_t>& members) {
  return columns.index_select(0, at::tensor(members)).sum(0).square().sum().item<double>();
}

TEST(MacBudgetRearranging, WalksAsPublishedAndNeverRaisesTheNorm) {
  constexpr std::int64_t heads = 7;
  Random random(7);
  int lower = 0, best = 0, cases = 0;
  for (int round = 0; round < 60; ++round) {
    // Distinct importances and no ties of norms, so that the walk is the same in any order of equal ones.
    const auto gradients = random.uniform(5 * 2 * heads).sub(0.5).to(at::kFloat).to(at::kDouble).view({5, 2 * heads});
    Case asked{layers(2, heads, 1, 1), gradients, {2, 3}, {macs, 0.15 + 0.7 * random.uniform()}};
    const auto plain = answer_to(asked);
    asked.rearranges = true;
    const auto answer = answer_to(asked);
    for (std::int64_t site = 0; site < 2; ++site) {
      const auto columns = gradients.narrow(1, site * heads, heads).t().contiguous();
      const auto gone = [&](const Mask& mask) {
        std::vector<std::int64_t> indices;
        const auto lives = mask.site(site).of(Projection::V).any(1);
        for (std::int64_t head = 0; head < heads; ++head) {
          if (!lives[head].item<bool>()) indices.push_back(head);
        }
        return indices;
      };
      const auto before = gone(plain.mask), after = gone(answer.mask);
      ASSERT_EQ(after.size(), before.size());
      if (before.empty() || before.size() == heads) continue;
      auto expected = walked(columns, static_cast<std::int64_t>(before.size()));
      std::sort(expected.begin(), expected.end());
      EXPECT_EQ(after, expected);
      const double norm = squared_norm(columns, after);
      EXPECT_LE(norm, squared_norm(columns, before) * (1 + 1e-12));
      double least = norm;
      for (std::uint64_t set = 0; set < (1u << heads); ++set) {
        std::vector<std::int64_t> members;
        for (std::int64_t head = 0; head < heads; ++head) {
          if ((set >> head & 1) != 0) members.push_back(head);
        }
        if (members.size() == before.size()) least = std::min(least, squared_norm(columns, members));
      }
      ++cases;
      if (norm < squared_norm(columns, before)) ++lower;
      if (norm <= least * (1 + 1e-12)) ++best;
    }
  }
  // A walk, not a search of all sets: it finds the smallest norm often.
  EXPECT_GT(cases, 80);
  EXPECT_GT(lower, cases / 2);
  EXPECT_GT(best, cases / 3);
}

TEST(MacBudgetRearranging, LeavesGoneHeadsGone) {
  Random random(8);
  for (int round = 0; round < 20; ++round) {
    Case asked{layers(2, 6, 1, 1), random_gradients(random, 4, 12), {}, {macs, 0.4}, true};
    asked.remaining = random.uniform(12).gt(0.3);

    const auto kept = kept_units(asked, answer_to(asked).mask);

    EXPECT_FALSE((kept & asked.remaining.logical_not()).any().item<bool>());
  }
}

TEST(MacBudget, RefusesBudgetsItCannotMeet) {
  Case asked{layers(2, 3, 1, 1), row({6, 1, 2, 5, 3, 4}), {4, 2}};
  const auto with = [&](SearchBudget budget, Scope scope = Scope::Global) {
    asked.budget = budget;
    asked.scope = scope;
    return refusal(asked);
  };
  using Kind = SearchBudget::Kind;

  asked.elsewhere = 36;  // of 54
  const std::string no =
      " cannot be met: without any head of the chosen sites the model does 0.666667 of its multiply-adds\n    use that "
      "or more";
  EXPECT_EQ(with({macs, 0.1}), "macs = 0.1" + no);
  EXPECT_EQ(with({macs, 0}), "macs = 0" + no);
  EXPECT_EQ(with({macs, 0.666}, Scope::Local), "macs = 0.666" + no);
  asked.budget = {macs, 0.666667};
  asked.scope = Scope::Global;
  EXPECT_EQ(heads_of(answer_to(asked).mask), "000 000");
  asked.budget = {macs, 0.71};  // 2.34 for heads
  EXPECT_EQ(heads_of(answer_to(asked).mask), "000 100");
  EXPECT_EQ(with({macs, 1.5}), "macs = 1.500000 is not between 0 and 1");
  EXPECT_EQ(with({Kind::Sparsity, -1}), "sparsity = -1.000000 is not between 0 and 1");
  EXPECT_EQ(with({Kind::Heads, 7}), "heads = 7 cannot be kept: the chosen sites have 6");
  EXPECT_EQ(with({Kind::Heads, 2}, Scope::Local),
            "a budget of heads needs scope global\n    use macs or sparsity for local");
  EXPECT_EQ(with({Kind::Latency, 0.5}),
            "mac-budget understands the budgets macs, heads and sparsity, and was given another");
}

TEST(MacBudget, RefusesOtherGranularities) {
  const Units pairs(uneven(), Granularity::HeadChannel);

  EXPECT_EQ(message_of<SettingsError>([&] {
              search({"mac-budget", {}, {macs, 0.5}}, pairs, all_of(pairs), {});
            }),
            "mac-budget needs granularity head, and was given head-channel");
}

TEST(MacBudget, RefusesNoExamplesAndNoGradients) {
  const auto failure = [](const at::Tensor& gradients) {
    return message_of<InputError>([&] { answer_to({layers(1, 2, 1, 1), gradients, {}, {macs, 0.5}}); });
  };

  EXPECT_EQ(failure(at::zeros({0, 2}, at::kDouble)), "mac-budget was given no examples");
  for (const double broken : {std::nan(""), HUGE_VAL}) {
    auto gradients = at::ones({3, 2}, at::kDouble);
    gradients[1][0] = broken;
    EXPECT_EQ(failure(gradients),
              "some gradients are not finite: the model's loss overflows on these examples\n"
              "    its weights are damaged, or its training diverged");
  }
  EXPECT_EQ(failure(at::zeros({3, 2}, at::kDouble)),
            "all gradients are zero: the loss does not depend on the attention weights\n"
            "    with loss = \"distillation\" the teacher must not be the model itself");
}

TEST(MacBudget, SaysWhatItNeeds) {
  const auto& plugin = bundled().find("searcher", "mac-budget").description;
  std::map<std::string, SettingValue> defaults, of_scorer;
  for (const auto& setting : plugin.settings) defaults[setting.name] = setting.default_value;
  for (const auto& setting : bundled().find("scorer", "mask-fisher").description.settings)
    of_scorer[setting.name] = setting.default_value;

  EXPECT_TRUE(plugin.has(needs_data) && plugin.has(heads_only) && !plugin.has(needs_scores) &&
              !plugin.has(uses_randomness));
  EXPECT_EQ(plugin.budgets(), (std::vector<std::string>{"sparsity", "heads", "macs"}));
  EXPECT_TRUE(plugin.has(in_file_order));
  EXPECT_EQ(defaults["rearrange"], SettingValue(true));
  defaults.erase("rearrange");
  EXPECT_EQ(defaults, of_scorer);
}

}  // namespace
}  // namespace espalier::test
