// What only a GPU can show; skipped where none answers. It makes its own inputs, so that the one program travels
// (cmake/gpu_kit.sh): ESPALIER_TEST_PLUGINS names the plugins there.
#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <gtest/gtest.h>

#include <set>

#include "device_cells.h"
#include "nn/arithmetic.h"
#include "nn/device.h"
#include "support/random_mask.h"
#include "support/tensor_matchers.h"

namespace espalier::test {
namespace {

// Opened before any backward pass: LibTorch makes the threads of backward passes, one a device, with the first.
const nn::Device* gpu() {
  static const auto device = nn::visible_gpus().empty() ? nn::Device{} : nn::open_device({DeviceKind::Cuda, 0});
  return device.is_cpu() ? nullptr : &device;
}
struct Opens : testing::Environment {
  void SetUp() override { gpu(); }
};
[[maybe_unused]] const auto* const opens = testing::AddGlobalTestEnvironment(new Opens);

#define ESPALIER_NEEDS_A_GPU() \
  if (gpu() == nullptr) GTEST_SKIP() << "no GPU answers"

// --- the smoke grid

struct Found {
  std::int64_t masks = 0, equal_masks = 0;
};
Found& found() {
  static Found all;
  return all;
}

class OnTheGpu : public testing::TestWithParam<DeviceCell> {
 protected:
  static void TearDownTestSuite() {
    if (gpu() == nullptr) return;
    std::printf("%lld of %lld masks on the GPU are the CPU's\n", static_cast<long long>(found().equal_masks),
                static_cast<long long>(found().masks));
    EXPECT_GE(found().equal_masks * 10, found().masks * 9);
  }
};

// Rounding differs: where two units are nearly equal another one may go, which the whole suite counts.
TEST_P(OnTheGpu, IsWhatItIsOnTheCpu) {
  ESPALIER_NEEDS_A_GPU();
  const CellOnDevices tiny(GetParam());

  const auto here = tiny.run({}), there = tiny.run(*gpu());

  EXPECT_EQ(there.failure, "");
  ASSERT_EQ(there.points.size(), here.points.size());
  for (std::size_t i = 0; i < here.points.size(); ++i) {
    const auto &point = there.points[i], &of_cpu = here.points[i];
    const auto where = of_cpu.kind + ' ' + std::to_string(of_cpu.step);
    EXPECT_EQ(point.kind, of_cpu.kind);
    if (point.proof) {
      EXPECT_TRUE(point.proof->passed) << where << ": " << point.proof->failure;
    }
    if (point.mask_digest.empty() || GetParam().by_time) continue;
    ++found().masks;
    if (point.mask_digest != of_cpu.mask_digest) {
      RecordProperty("other_mask", where);
      return;  // what follows is another model
    }
    ++found().equal_masks;
    // Trainings drift apart with their rounding.
    expect_equal_metrics(point, of_cpu, 0.02, where);
  }
}

TEST_P(OnTheGpu, IsTheSameTwice) {
  ESPALIER_NEEDS_A_GPU();
  if (GetParam().by_time) GTEST_SKIP() << "it chooses by time";
  const CellOnDevices tiny(GetParam());

  const auto first = tiny.run(*gpu(), "first"), second = tiny.run(*gpu(), "second");

  EXPECT_TRUE(equal_masks(first, second));
  ASSERT_EQ(first.points.size(), second.points.size());
  for (std::size_t i = 0; i < first.points.size(); ++i) {
    EXPECT_EQ(first.points[i].predictions, second.points[i].predictions);
    EXPECT_EQ(first.points[i].metrics, second.points[i].metrics);
  }
}

INSTANTIATE_TEST_SUITE_P(SmokeGrid, OnTheGpu, testing::ValuesIn(cells::all()),
                         [](const auto& cell) { return cell.param.name; });

// --- arithmetic

TEST(GpuParity, OfBertInFloat32) {
  ESPALIER_NEEDS_A_GPU();
  for (const std::int64_t width : {5, 8, 32}) {
    const TinyBert shape{.heads = 3, .head_dim = width, .positions = 40};
    const TempDir folder;
    shape.write(folder.path());
    const auto here = families::read_model(folder.path()),
               there = families::read_model(folder.path(), "", gpu()->place);
    const std::vector<Batch> batches = {random_batch(shape, 3, 7, 1), random_batch(shape, 4, 12, 3, /*padded=*/true),
                                        random_batch(shape, 5, 30, 4), random_batch(shape, 2, 1, 2)};
    const auto mask = random_mask(here->sites(), 0.5, 7);
    const at::NoGradGuard no_gradients;
    const auto expect_equal = [&](const nn::Model& a, const nn::Model& b, const char* what) {
      EXPECT_TRUE(is_close(a.logits(batches).cpu(), b.logits(batches), {.relative = 1e-4, .absolute = 1e-4}))
          << width << ' ' << what;
    };
    expect_equal(*there, *here, "dense");
    expect_equal(*there->masked(mask), *here->masked(mask), "masked");
    expect_equal(*there->compacted(mask), *here->masked(mask), "compacted");
  }
}

TEST(GpuParity, OfSoundsAndSpeechInFloat32) {
  ESPALIER_NEEDS_A_GPU();
  for (const bool speech : {false, true}) {
    const TempDir folder;
    speech ? write_drawn_whisper(folder / "model", 128) : write_drawn_ast(folder / "model");
    const auto here = families::read_model(folder / "model"),
               there = families::read_model(folder / "model", "", gpu()->place);
    std::map<std::string, at::Tensor> inputs;
    auto generator = at::make_generator<at::CPUGeneratorImpl>(std::uint64_t{3});
    if (speech) {
      inputs["input_features"] = at::zeros({3, 8, 20}).normal_(0, 1, generator);
      inputs["decoder_input_ids"] = at::tensor({5, 3, 7, 5, 2, 2, 5, 30, 12}, at::kLong).view({3, 3});
    } else {
      inputs["input_values"] = at::zeros({3, 20, 8}).normal_(0, 1, generator);
    }
    const auto mask = random_mask(here->sites(), 0.6, 4);
    const at::NoGradGuard no_gradients;
    for (const bool pruned : {false, true}) {
      const auto first = (pruned ? there->compacted(mask) : there->masked(Mask(here->sites())))->outputs(inputs),
                 second = here->masked(pruned ? mask : Mask(here->sites()))->outputs(inputs);
      for (const auto& [output, values] : second)
        EXPECT_TRUE(is_close(first.at(output).cpu(), values, {.relative = 1e-4, .absolute = 1e-4})) << output;
    }
  }
}

// The largest difference of a product on the GPU from the CPU's in float64, as a share of its spread.
double error_of_product(bool convolution) {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(std::uint64_t{5});
  const auto random = [&](std::vector<std::int64_t> shape) { return at::zeros(shape).normal_(0, 1, generator); };
  const auto a = convolution ? random({8, 64, 256}) : random({512, 512});
  const auto b = convolution ? random({64, 64, 3}) : random({512, 512});
  const auto product = [&](const at::Tensor& x, const at::Tensor& y) {
    return convolution ? at::conv1d(x, y) : x.matmul(y);
  };
  const auto exact = product(a.to(at::kDouble), b.to(at::kDouble));
  const auto found = product(a.to(gpu()->place), b.to(gpu()->place)).cpu().to(at::kDouble);
  return ((found - exact).abs().max() / exact.std()).item<double>();
}

TEST(GpuArithmetic, IsFloat32UnlessTf32IsAskedFor) {
  ESPALIER_NEEDS_A_GPU();
  // Float32 stays below 1e-5; TF32 rounds factors to 10 bits, which shows as about 1e-3.
  constexpr double rounding = 1e-4;
  for (const bool convolution : {false, true}) {
    {
      const nn::ComputeGuard compute(ComputeType::Float32, gpu()->place);
      EXPECT_LT(error_of_product(convolution), rounding) << convolution;
    }
    {
      const nn::ComputeGuard compute(ComputeType::Tf32, gpu()->place);
      // cuDNN may choose an algorithm without TF32.
      if (!convolution) {
        EXPECT_GT(error_of_product(convolution), rounding) << "this card has no TF32, or it is off";
      }
      const nn::ComputeGuard inner(ComputeType::Float32, gpu()->place);
      EXPECT_LT(error_of_product(convolution), rounding) << convolution << ": proofs within such a cell";
    }
    const nn::ComputeGuard compute(ComputeType::Float32, gpu()->place);
    EXPECT_LT(error_of_product(convolution), rounding) << convolution << ": it was not put back";
  }
}

TEST(GpuArithmetic, OfHalfTypesStaysNearFloat32) {
  ESPALIER_NEEDS_A_GPU();
  for (const auto type : {ComputeType::Tf32, ComputeType::BFloat16, ComputeType::Float16}) {
    for (const auto& which : {DeviceCell{"fisher", cells::scorer("fisher")},
                              DeviceCell{"finetune", cells::recovery("finetune", cells::quick_training())},
                              DeviceCell{"whisper", cells::sounds("speech-recognition", cells::scorer("taylor"))},
                              DeviceCell{"ast", cells::sounds("audio-classification", cells::scorer("wanda"))}}) {
      CellOnDevices tiny(which);
      const auto exact = tiny.run(*gpu(), "exact");
      tiny.cell.compute = type;
      const auto result = tiny.run(*gpu(), "half");
      EXPECT_EQ(result.failure, "") << which.name;
      EXPECT_TRUE(result.points.at(1).proof_passed.value()) << which.name;
      const auto metric = result.points[0].metrics.at("cross_entropy"),
                 expected = exact.points[0].metrics.at("cross_entropy");
      EXPECT_NEAR(metric, expected, 0.05 * (1 + std::abs(expected))) << which.name << ' ' << to_string(type);
    }
  }
}

// --- memory and what is recorded

TEST(GpuRecord, NamesTheCardAndWhatItTook) {
  ESPALIER_NEEDS_A_GPU();
  const auto record = nn::record_of(*gpu());
  EXPECT_NE(record.name, "");
  EXPECT_NE(record.driver, "");
  EXPECT_NE(record.cuda, "");
  EXPECT_GT(record.memory_bytes, 0);
  const CellOnDevices tiny({"magnitude", cells::scorer("magnitude")});
  EXPECT_GT(tiny.run(*gpu()).timing.peak_device_bytes.value(), 0);
}

}  // namespace
}  // namespace espalier::test
