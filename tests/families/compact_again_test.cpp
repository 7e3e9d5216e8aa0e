// Compact checkpoints are checkpoints: what they hold is counted, masked, scored, trained and compacted again, in every
// family, as the file has it.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <espalier/error.h>
#include <families/families.h>
#include <families/speech.h>
#include <gtest/gtest.h>
#include <nn/mask_file.h>
#include <nn/model.h>
#include <nn/network.h>
#include <nn/safetensors.h>

#include <algorithm>
#include <cmath>

#include "families/fixtures.h"
#include "families/tiny_bert.h"
#include "families/tiny_whisper.h"
#include "support/message_of.h"
#include "support/tensor_matchers.h"

namespace espalier::test {
namespace {

// Numbers in all tensors of a checkpoint; with a part, of those that belong to its sites (O biases left out).
std::int64_t elements_of(const std::filesystem::path& folder) {
  std::int64_t count = 0;
  for (const auto& [name, tensor] : nn::read_safetensors(folder / "model.safetensors").tensors) count += tensor.numel();
  return count;
}

// Q, K, V and O of all sites by their Hugging Face names, without O biases.
std::int64_t attention_elements_of(const std::filesystem::path& folder) {
  std::int64_t count = 0;
  for (const auto& [name, tensor] : nn::read_safetensors(folder / "model.safetensors").tensors) {
    const auto is = [&](const char* end) { return name.ends_with(end); };
    for (const char* part : {"query", "key", "value", "q_proj", "k_proj", "v_proj"})
      count += is((std::string(".") + part + ".weight").c_str()) || is((std::string(".") + part + ".bias").c_str())
                   ? tensor.numel()
                   : 0;
    count += is("attention.output.dense.weight") || is("out_proj.weight") ? tensor.numel() : 0;
  }
  return count;
}

class CompactAgain : public testing::TestWithParam<const char*> {
 protected:
  CompactAgain() {
    at::set_num_threads(1);
    if (GetParam() == std::string("bert")) TinyBert{.heads = 4, .head_dim = 5, .layers = 2}.write(folder / "dense");
    if (GetParam() == std::string("bert_headless"))
      TinyBert{.heads = 3, .head_dim = 4, .layers = 2, .labels = 0}.write(folder / "dense");
    if (GetParam() == std::string("whisper_wide")) TinyWhisper{}.write(folder / "dense");
    if (!std::filesystem::exists(folder / "dense"))
      std::filesystem::copy(fixtures / "audio" / GetParam(), folder / "dense");
    model = families::read_model(folder / "dense");
  }

  bool is_speech() const { return families::speech_model(*model) != nullptr; }
  bool has_loss() const { return is_speech() || !model->labels().empty(); }

  Batch batch() const {
    Batch made;
    if (model->family() == "bert") {
      made = random_batch(TinyBert{.labels = 4}, 3, 6, 1, /*padded=*/true);
    } else if (model->family() == "ast") {
      const auto golden = nn::read_safetensors(folder / "dense/golden.safetensors").tensors;
      made.inputs["input_values"] = golden.at("input.input_values");
      made.labels = at::arange(made.inputs["input_values"].size(0)).remainder(3);
    } else {
      const auto golden =
          nn::read_safetensors(GetParam() == std::string("whisper_wide") ? fixtures / "wide_heads/golden.safetensors"
                                                                         : folder / "dense/golden.safetensors")
              .tensors;
      made.inputs["input_features"] = golden.at("input.input_features");
      made.inputs["decoder_input_ids"] = golden.at("input.decoder_input_ids");
      made.labels = made.inputs["decoder_input_ids"].roll(-1, 1);
      made.labels[1][0] = -100;
    }
    for (std::int64_t row = 0; row < made.inputs.begin()->second.size(0); ++row) made.rows.push_back(row);
    return made;
  }
  at::Tensor output_of(const nn::Model& computing) const {
    auto inputs = batch().inputs;
    const auto outputs = computing.outputs(inputs);
    return outputs.begin()->second;
  }

  // Ways to leave less: any channels, fewer QK than VO channels, whole heads, nothing of a site, no QK at all.
  std::vector<std::pair<std::string, Mask>> masks(const nn::Model& of) const {
    std::vector<std::pair<std::string, Mask>> all;
    all.emplace_back("any", random_mask(of.sites(), 0.6, 3));
    Mask uneven(of.sites()), heads(of.sites()), empty(of.sites()), uniform(of.sites()), nothing(of.sites());
    for (std::int64_t site = 0; site < uneven.size(); ++site) {
      const auto& its = of.sites()[static_cast<std::size_t>(site)];
      uneven.site(site).of(Projection::Q).slice(1, std::min<std::int64_t>(2, its.head_dim), its.head_dim).zero_();
      uneven.site(site).of(Projection::O).slice(1, 0, 1).zero_();
      for (auto& kept : heads.site(site).kept) kept.slice(0, 0, its.heads / 2).zero_();
      for (auto& kept : nothing.site(site).kept) kept.zero_();
      uniform.site(site).of(Projection::K).zero_();
    }
    for (auto& kept : empty.site(0).kept) kept.zero_();
    all.emplace_back("uneven", uneven);
    all.emplace_back("heads", heads);
    all.emplace_back("empty site", empty);
    all.emplace_back("uniform", uniform);
    all.emplace_back("nothing", nothing);
    return all;
  }

  std::unique_ptr<nn::Model> saved(const nn::Model& smaller, const std::string& name) const {
    std::filesystem::remove_all(folder / name);
    std::filesystem::create_directory(folder / name);
    smaller.save(folder / name);
    return families::read_model(folder / name);
  }

  TempDir folder;
  std::unique_ptr<nn::Model> model;
};

// What is counted is what the file holds: sites, the rest, all together.
void expect_counts(const nn::Model& model, const std::filesystem::path& folder, std::int64_t unused,
                   const std::string& what) {
  const auto sites = count_parameters(model.sites(), Mask(model.sites()), false);
  EXPECT_EQ(sites.dense, attention_elements_of(folder)) << what;
  EXPECT_EQ(sites.kept, sites.dense) << what;
  EXPECT_EQ(model.parameter_count(), elements_of(folder) - unused) << what;
}

TEST_P(CompactAgain, CountsWhatTheFileHolds) {
  expect_counts(*model, folder / "dense", 0, "dense");
  for (const auto& [name, mask] : masks(*model)) {
    const auto small = saved(*model->compacted(mask), "small");
    expect_counts(*small, folder / "small", 0, name);
    EXPECT_TRUE(is_close(output_of(*small), output_of(*model->masked(mask)), {0, 2e-5})) << name;
  }
}

// Pruned by every granularity, again from the file, and once more: what is said to go is gone from the file.
TEST_P(CompactAgain, LosesWhatIsCountedByEveryGranularity) {
  const auto first = masks(*model);
  for (const auto& [name, mask] : {first[0], first[1]}) {
    const auto small = saved(*model->compacted(mask), "small");
    for (const auto granularity : granularities) {
      const auto what = name + ", " + to_string(granularity);
      const Units units(small->sites(), granularity);
      EXPECT_TRUE(units.remaining(Mask(small->sites())).all().item<bool>()) << what;
      at::manual_seed(7);
      const auto again = units.mask(at::rand({units.count()}).gt(0.5));
      const auto counted = count_parameters(small->sites(), again.closure(), false);

      const auto smaller = saved(*small->compacted(again), "smaller");

      EXPECT_EQ(counted.dense, attention_elements_of(folder / "small")) << what;
      EXPECT_EQ(counted.kept, attention_elements_of(folder / "smaller")) << what;
      expect_counts(*smaller, folder / "smaller", 0, what);
      EXPECT_TRUE(is_close(output_of(*smaller), output_of(*small->masked(again)), {0, 5e-5})) << what;
    }
  }
}

// Every unit is there: it has weights in the model, and none is scored that does not exist.
TEST_P(CompactAgain, HasNoUnitWithoutWeights) {
  for (const auto& [name, mask] : masks(*model)) {
    const auto small = saved(*model->compacted(mask), "small");
    const auto& sites = small->sites();
    if (std::all_of(sites.begin(), sites.end(), [](const Site& site) { return site.heads == 0; })) continue;
    const auto prunable = small->prunable();
    for (const auto granularity : granularities) {
      const bool of_qk = granularity == Granularity::QChannel || granularity == Granularity::KChannel;
      if (name == "uniform" && of_qk) continue;
      const Units units(small->sites(), granularity);
      std::vector<std::array<at::Tensor, 4>> magnitudes;
      for (std::int64_t site = 0; site < static_cast<std::int64_t>(small->sites().size()); ++site) {
        magnitudes.emplace_back();
        for (const auto projection : all_projections)
          magnitudes.back()[static_cast<std::size_t>(projection)] = prunable->weights(site, projection).abs();
      }
      EXPECT_GT(units.reduce(magnitudes).min().item<double>(), 0) << name << ", " << to_string(granularity);
      if (!has_loss()) continue;
      const auto gates = prunable->open_gates({units.count()});
      EXPECT_TRUE(is_close(prunable->losses(batch(), units, gates).detach(), small->losses(batch()), {1e-4, 1e-4}));
      const auto squares = prunable->squared_gradients(batch(), units, Squares::PerSample);
      EXPECT_EQ(squares.numel(), units.count());
      EXPECT_TRUE(at::isfinite(squares).all().item<bool>());
    }
  }
}

TEST_P(CompactAgain, ComputesTheSameWithItsOwnParameters) {
  auto all = masks(*model);
  all.emplace_back("dense", Mask(model->sites()));
  for (const auto& [name, mask] : all) {
    const auto small = model->compacted(mask);
    std::vector<at::Tensor> tensors;
    for (const auto& parameter : small->parameters()) tensors.push_back(parameter.tensor);
    const auto same = small->with_parameters(tensors);
    EXPECT_TRUE(is_close(output_of(*same), output_of(*small))) << name;
    const auto back = same->parameters();
    ASSERT_EQ(back.size(), tensors.size()) << name;
    for (std::size_t i = 0; i < back.size(); ++i) EXPECT_TRUE(back[i].tensor.is_same(tensors[i])) << back[i].name;

    // What is trained in a copy is what parameters() names.
    for (const auto& parameter : small->trainable_copy()->parameters())
      EXPECT_TRUE(parameter.tensor.requires_grad()) << parameter.name;
    tensors.pop_back();
    EXPECT_EQ(
        message_of<InputError>([&] { small->with_parameters(tensors); }),
        std::to_string(tensors.size()) + " tensors were given for " + std::to_string(back.size()) + " parameters");
  }
}

// A mask file and a score file of a compact checkpoint have the shape of its frame; what does not exist is false, and has
// no score.
TEST_P(CompactAgain, MaskAndScoreFilesComeBack) {
  const auto small = saved(*model->compacted(masks(*model)[1].second), "small");
  const auto& sites = small->sites();
  nn::write_mask(folder / "mask.safetensors", sites, Mask(sites), {});
  auto file = nn::read_safetensors(folder / "mask.safetensors");
  for (const auto& site : sites) {
    for (const auto projection : all_projections) {
      auto& kept = file.tensors.at(site.name + "." + to_string(projection));
      EXPECT_EQ(kept.sizes(), at::IntArrayRef({site.heads, site.head_dim}));
      EXPECT_EQ(kept.sum().item<std::int64_t>(), site.channels(projection));
      kept = at::ones_like(kept);  // as a script would write it
    }
  }
  nn::write_safetensors(folder / "mask.safetensors", file);
  EXPECT_EQ(nn::read_mask(folder / "mask.safetensors", sites), Mask(sites));

  for (const auto granularity : granularities) {
    const Units units(sites, granularity);
    const auto values = at::arange(units.count(), at::kDouble) + 1;
    nn::write_scores(folder / "scores.safetensors", units, {values, {}});
    EXPECT_TRUE(is_close(nn::read_scores(folder / "scores.safetensors", units).values, values))
        << to_string(granularity);
    std::int64_t finite = 0;
    for (const auto& [name, tensor] : nn::read_safetensors(folder / "scores.safetensors").tensors)
      finite += at::isfinite(tensor).sum().item<std::int64_t>();
    EXPECT_EQ(finite, units.count()) << to_string(granularity);
  }
}

// The arithmetic is that of the calling thread on every thread it shares work with.
TEST_P(CompactAgain, ComputesAlikeOnOneThreadAndTwo) {
  const auto compute = [&](const nn::Model& computing, int threads, bool bfloat16) {
    at::set_num_threads(threads);
    at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
    at::autocast::set_autocast_enabled(at::kCPU, bfloat16);
    const auto some = batch();
    std::vector<at::Tensor> found = {output_of(computing)};
    if (has_loss()) {
      found.push_back(computing.losses(some).detach());
      const Units units(computing.sites(), Granularity::HeadChannel);
      const auto prunable = computing.prunable();
      found.push_back(prunable->squared_gradients(some, units, Squares::PerSample).sqrt());
      found.push_back(prunable->squared_gradients(some, units, Squares::PerBatch).sqrt());
      prunable->observe(some, [&](std::int64_t, const SiteActivity& activity) { found.push_back(activity.output); });
    }
    if (is_speech()) {
      const c10::InferenceMode inference;
      found.push_back(computing.losses(some));
      families::DecodingRules rules;
      rules.prompt = {5, 1};
      rules.end = 2;
      rules.most_tokens = 4;
      found.push_back(families::speech_model(computing)->hear(some, rules).losses);
    }
    at::autocast::set_autocast_enabled(at::kCPU, false);
    at::autocast::clear_cache();
    at::set_num_threads(1);
    return found;
  };
  for (const auto& computing : {model->compacted(masks(*model)[0].second), model->compacted(Mask(model->sites()))}) {
    const auto exact = compute(*computing, 1, false);
    for (const bool bfloat16 : {false, true}) {
      const auto one = compute(*computing, 1, bfloat16), two = compute(*computing, 2, bfloat16);
      ASSERT_EQ(one.size(), two.size());
      bool rounded = false;
      for (std::size_t i = 0; i < one.size(); ++i) {
        const auto size = std::max(exact[i].abs().max().item<double>(), 1e-6);
        const auto as_float = [](const at::Tensor& tensor) { return tensor.to(at::kDouble); };
        EXPECT_TRUE(is_close(as_float(two[i]), as_float(one[i]), {0, size * (bfloat16 ? 2e-2 : 1e-5)}))
            << i << (bfloat16 ? " bfloat16" : "");
        EXPECT_TRUE(is_close(as_float(one[i]), as_float(exact[i]), {0, size * (bfloat16 ? 0.2 : 0)})) << i;
        rounded = rounded || !as_float(one[i]).equal(as_float(exact[i]));
      }
      EXPECT_EQ(rounded, bfloat16);
    }
  }
}

// A weight that is no number would make every output one.
TEST_P(CompactAgain, RefusesWeightsThatAreNotFinite) {
  auto file = nn::read_safetensors(folder / "dense/model.safetensors");
  const auto& site = model->sites()[0];
  const auto name = site.name + (model->family() == "whisper" ? ".k_proj.weight" : ".key.weight");
  auto weight = file.tensors.at(name).to(at::kFloat).clone();
  weight[1][0] = std::nan("");
  weight[0][1] = std::numeric_limits<float>::infinity();
  weight[2][1] = -std::numeric_limits<float>::infinity();
  file.tensors[name] = weight;
  nn::write_safetensors(folder / "dense/model.safetensors", file);

  EXPECT_EQ(
      message_of<InputError>([&] { families::read_model(folder / "dense"); }),
      (folder / "dense/model.safetensors").string() +
          ": 1 tensor holds weights that are not finite: every output would be meaningless\n    " + name +
          " holds 1 NaN and 2 infinite of " + std::to_string(weight.numel()) +
          " numbers\n    expected finite numbers; a training that diverged leaves such a file, take an earlier one");
}

INSTANTIATE_TEST_SUITE_P(Checkpoints, CompactAgain,
                         testing::Values("bert", "bert_headless", "ast_no_bias", "ast_relu", "ast_headless",
                                         "whisper_odd", "whisper_untied", "whisper_wide"),
                         [](const auto& checkpoint) { return std::string(checkpoint.param); });

// --- heads as wide as real ones, each a group of its own where it lacks QK channels

struct WideCase {
  const char* name;
  // Site, head (-1: both), projection whose 64 rows go.
  std::vector<std::tuple<std::string, std::int64_t, Projection>> gone;
};

std::vector<WideCase> wide_cases() {
  const auto self = [](int layer) { return "model.decoder.layers." + std::to_string(layer) + ".self_attn"; };
  const auto cross = [](int layer) { return "model.decoder.layers." + std::to_string(layer) + ".encoder_attn"; };
  using P = Projection;
  return {{"dense", {}},
          {"self_one", {{self(0), 0, P::Q}}},
          {"self_all", {{self(0), -1, P::K}, {self(1), -1, P::K}}},
          {"cross_one", {{cross(1), 1, P::Q}}},
          {"cross_all", {{cross(0), -1, P::Q}, {cross(1), -1, P::Q}}},
          {"both", {{self(0), 1, P::K}, {self(1), 1, P::K}, {cross(0), 0, P::Q}, {cross(1), 0, P::Q}}},
          {"everywhere",
           {{"model.encoder.layers.0.self_attn", -1, P::Q},
            {self(0), -1, P::Q},
            {self(1), -1, P::Q},
            {cross(0), -1, P::Q},
            {cross(1), -1, P::Q}}}};
}

TEST(WideHeads, WithoutQueriesOrKeysDecodeAsTransformersDoes) {
  at::set_num_threads(1);
  const TempDir folder;
  TinyWhisper{}.write(folder.path());
  const auto model = families::read_model(folder.path());
  const auto golden = nn::read_safetensors(fixtures / "wide_heads/golden.safetensors").tensors;
  const auto rules = families::decoding_rules(folder.path(), "", "", 9);
  Batch batch;
  batch.inputs["input_features"] = golden.at("input.input_features");
  for (const auto& [name, gone] : wide_cases()) {
    Mask mask(model->sites());
    for (const auto& [site, head, projection] : gone) {
      for (std::size_t i = 0; i < model->sites().size(); ++i) {
        if (model->sites()[i].name != site) continue;
        auto& kept = mask.site(static_cast<std::int64_t>(i)).of(projection);
        (head < 0 ? kept : kept[head]).zero_();
      }
    }
    const auto& ids = golden.at(std::string("generated.") + name);
    const std::map<std::string, at::Tensor> inputs = {{"input_features", golden.at("input.input_features")},
                                                      {"decoder_input_ids", golden.at("input.decoder_input_ids")}};
    for (const bool compact : {false, true}) {
      const auto pruned = compact ? model->compacted(mask) : model->masked(mask);
      EXPECT_TRUE(is_close(pruned->outputs(inputs).at("logits"), golden.at(std::string("logits.") + name), {0, 2e-5}))
          << name;
      const auto heard = families::speech_model(*pruned)->hear(batch, rules).transcriptions;
      for (std::int64_t row = 0; row < ids.size(0); ++row) {
        std::vector<std::int64_t> wanted;
        for (std::int64_t place = 0; place < ids.size(1); ++place) {
          if (const auto id = ids[row][place].item<std::int64_t>(); id >= 0) wanted.push_back(id);
        }
        EXPECT_EQ(heard[static_cast<std::size_t>(row)].tokens, wanted) << name << (compact ? " compact" : "");
      }
    }
  }
}

}  // namespace
}  // namespace espalier::test
