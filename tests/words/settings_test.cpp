#include <espalier/error.h>
#include <espalier/settings.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "support/message_of.h"
#include "words/plugin_description.h"

namespace espalier::test {
namespace {

PluginDescription fisher() {
  PluginDescription plugin;
  plugin.name = "fisher";
  plugin.role = "scorer";
  plugin.settings = {{"squares", std::string("per-sample"), "how squares are taken", {"per-sample", "per-batch"}},
                     {"samples", std::int64_t{1000}, "rows read at most", {}},
                     {"damping", 1e-6, "added to every weight", {}}};
  return plugin;
}

TEST(Settings, DefaultsFillWhatIsNotGiven) {
  const auto settings =
      complete_settings(fisher(), Settings({{"samples", std::int64_t{5}}, {"damping", std::int64_t{0}}}));

  EXPECT_EQ(settings.get<std::string>("squares"), "per-sample");
  EXPECT_EQ(settings.get<std::int64_t>("samples"), 5);
  EXPECT_EQ(settings.get<double>("damping"), 0.0);  // an integer is a number too
}

TEST(Settings, AllProblemsAreSaidAtOnce) {
  const auto message = message_of<SettingsError>([] {
    complete_settings(fisher(), Settings({{"squares", std::string("per-smaple")}, {"samples", 1.5}, {"dampign", 0.1}}));
  });

  EXPECT_EQ(
      message,
      "unknown value of setting 'squares' of scorer 'fisher': 'per-smaple'\n    did you mean 'per-sample'?\n    known: "
      "per-batch, per-sample\nsetting 'samples' of scorer 'fisher' is 1.5, expected an integer (rows read at most)\n"
      "unknown setting of scorer 'fisher': 'dampign'\n    did you mean 'damping'?\n    known: damping, samples, "
      "squares");
}

TEST(Settings, NumbersMustBeFinite) {
  EXPECT_THROW(complete_settings(fisher(), Settings({{"damping", std::nan("")}})), SettingsError);
}

TEST(SettingRange, IsReadAsCardsDeclareIt) {
  const auto range = [](const std::string& text) { return range_from(text).value(); };

  EXPECT_EQ(range("1..").in_words(), "of at least 1");
  EXPECT_EQ(range("..5").in_words(), "of at most 5");
  EXPECT_EQ(range("0..1").in_words(), "from 0 to 1");
  EXPECT_EQ(range("0<..").in_words(), "above 0");
  EXPECT_EQ(range("..<0").in_words(), "below 0");
  EXPECT_EQ(range("0..<1").in_words(), "of at least 0 and below 1");
  EXPECT_EQ(range("0<..<0.5").in_words(), "above 0 and below 0.5");
  EXPECT_EQ(range("-1e-3..2").in_words(), "from -1e-3 to 2");
  for (const char* text :
       {"", "1", "..", "a..b", "2..1", "1<..1", "1..<1", "0...1", "1..2..3", "<..", "nan..", "0..inf"})
    EXPECT_FALSE(range_from(text)) << text;
}

TEST(SettingRange, HoldsItsEndsUnlessTheyAreLeftOut) {
  const auto holds = [](const std::string& text, double value) { return range_from(text)->holds(value); };

  EXPECT_TRUE(holds("0..1", 0) && holds("0..1", 1) && !holds("0..1", 1.5) && !holds("0..1", -0.1));
  EXPECT_TRUE(!holds("0<..", 0) && holds("0<..", 1e-300) && holds("0<..", 1e300));
  EXPECT_TRUE(holds("..<0", -1) && !holds("..<0", 0));
}

TEST(Settings, OutOfRangeIsSaidWithTheRange) {
  auto plugin = fisher();
  plugin.settings[1].range = range_from("0..");
  plugin.settings[2].range = range_from("0<..");

  EXPECT_EQ(message_of<SettingsError>([&] {
              complete_settings(plugin, Settings({{"samples", std::int64_t{-5}}, {"damping", std::int64_t{0}}}));
            }),
            "setting 'samples' of scorer 'fisher' is -5, expected an integer of at least 0 (" + plugin.settings[1].doc +
                ")\nsetting 'damping' of scorer 'fisher' is 0.0, expected a number above 0 (" + plugin.settings[2].doc +
                ")");
  EXPECT_EQ(message_of<SettingsError>([&] {
              complete_settings(plugin, Settings({{"samples", 1.5}}));
            }),
            "setting 'samples' of scorer 'fisher' is 1.5, expected an integer of at least 0 (" +
                plugin.settings[1].doc + ")");
}

TEST(Settings, AWrongTypeIsNamed) {
  const Settings settings({{"samples", std::string("many")}});

  EXPECT_EQ(message_of<SettingsError>([&] { (void)settings.get<std::int64_t>("samples"); }),
            "setting 'samples' is a text, expected an integer");
}

TEST(PluginDescription, SaysWhetherItsAnswerDependsOnBatches) {
  auto plugin = fisher();
  const Settings per_batch({{"squares", std::string("per-batch")}});
  EXPECT_FALSE(depends_on_batches(plugin, per_batch));
  plugin.settings[0].in_file_order = {"per-batch"};
  EXPECT_TRUE(depends_on_batches(plugin, per_batch));
  EXPECT_FALSE(depends_on_batches(plugin, Settings({{"squares", std::string("per-sample")}})));
  EXPECT_FALSE(depends_on_batches(plugin, {}));  // the default
  plugin.traits = in_file_order;
  EXPECT_TRUE(depends_on_batches(plugin, {}));
}

TEST(PluginDescription, KnowsEachTraitByABitOfItsOwn) {
  std::uint32_t seen = 0;
  for (const auto& trait : plugin_traits) {
    EXPECT_EQ(seen & trait.bit, 0u) << trait.name;
    seen |= trait.bit;
  }
  EXPECT_EQ(seen, known_traits());
}

TEST(PluginDescription, HasTheBudgetsOfItsTraits) {
  PluginDescription plugin;
  EXPECT_TRUE(plugin.budgets().empty());
  plugin.traits = budget_loss | budget_heads | trains;
  EXPECT_EQ(plugin.budgets(), (std::vector<std::string>{"heads", "loss_of_metric"}));
}

TEST(PluginDescription, SurvivesJson) {
  auto plugin = fisher();
  plugin.traits = known_traits();
  plugin.settings[0].in_file_order = {"per-batch"};
  plugin.file = "plugins/fisher.so";
  plugin.file_digest = "0123";
  plugin.settings[1].range = range_from("0..");

  const auto again = plugin_from_json(nlohmann::json::parse(to_json(plugin).dump()));

  EXPECT_EQ(to_json(again), to_json(plugin));
  EXPECT_EQ(again.traits, plugin.traits);
  EXPECT_TRUE(std::holds_alternative<double>(again.settings[2].default_value));
}

}  // namespace
}  // namespace espalier::test
