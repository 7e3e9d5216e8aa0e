// What a pass takes beside its time: energy by counters that are made up, memory by tensors of known sizes.
#include <ATen/ATen.h>
#include <espalier/error.h>
#include <gtest/gtest.h>

#include "support/message_of.h"
#include "support/temp_dir.h"
#include "timing/energy.h"
#include "timing/pass_memory.h"

namespace espalier::test {
namespace {

// A folder as the kernel's: zones side by side, each with its name, its counter and where that begins anew.
struct Counters {
  void set(const std::string& zone, std::uint64_t microjoules) {
    folder.write(zone + "/energy_uj", std::to_string(microjoules) + "\n");
  }
  void add(const std::string& zone, const std::string& name, std::uint64_t microjoules, std::uint64_t range) {
    folder.write(zone + "/name", name + "\n");
    folder.write(zone + "/max_energy_range_uj", std::to_string(range) + "\n");
    set(zone, microjoules);
  }
  TempDir folder;
};

TEST(Energy, IsThatOfPackagesAndMemory) {
  Counters counters;
  counters.add("intel-rapl:0", "package-0", 5'000'000, 100'000'000);
  counters.add("intel-rapl:0:0", "core", 1'000'000, 100'000'000);  // part of its package
  counters.add("intel-rapl:0:1", "dram", 2'000'000, 100'000'000);
  counters.add("intel-rapl:1", "package-1", 0, 100'000'000);
  counters.add("intel-rapl:2", "psys", 9'000'000, 100'000'000);            // packages, and more
  counters.add("intel-rapl-mmio:0", "package-0", 5'000'000, 100'000'000);  // the same counter again
  const auto meter = engine::rapl_meter(counters.folder.path());
  ASSERT_NE(meter, nullptr);
  EXPECT_EQ(meter->source(), "RAPL dram, package-0, package-1");
  EXPECT_EQ(meter->joules(), 0);

  counters.set("intel-rapl:0", 8'000'000);
  counters.set("intel-rapl:0:0", 50'000'000);
  counters.set("intel-rapl:0:1", 2'500'000);
  counters.set("intel-rapl:1", 1'000'000);
  counters.set("intel-rapl:2", 50'000'000);
  EXPECT_NEAR(meter->joules(), 3 + 0.5 + 1, 1e-9);
}

// Ranges are those of 32 bits in units of some microjoules: about an hour, and a counter begins anew.
TEST(Energy, GoesOnWhereACounterBeginsAnew) {
  Counters counters;
  counters.add("intel-rapl:0", "package-0", 90'000'000, 100'000'000);
  const auto meter = engine::rapl_meter(counters.folder.path());
  ASSERT_NE(meter, nullptr);
  counters.set("intel-rapl:0", 4'000'000);
  EXPECT_NEAR(meter->joules(), 14, 1e-9);
  counters.set("intel-rapl:0", 3'000'000);
  EXPECT_NEAR(meter->joules(), 14 + 99, 1e-9);
}

TEST(Energy, IsNotMeasurableWithoutCounters) {
  Counters counters;
  EXPECT_EQ(engine::rapl_meter(counters.folder.path()), nullptr);
  EXPECT_EQ(engine::rapl_meter(counters.folder / "absent"), nullptr);
  counters.add("intel-rapl:0", "package-0", 1, 100);
  std::filesystem::remove(counters.folder / "intel-rapl:0/energy_uj");
  EXPECT_EQ(engine::rapl_meter(counters.folder.path()), nullptr);
  EXPECT_EQ(engine::nvml_meter("", "libnvidia-ml.so.1"), nullptr);
  EXPECT_EQ(engine::nvml_meter("0000:00:00.0", "libno-such-library.so"), nullptr);
}

TEST(Energy, OfACounterThatGoesAwayIsRefused) {
  Counters counters;
  counters.add("intel-rapl:0", "package-0", 1, 100);
  const auto meter = engine::rapl_meter(counters.folder.path());
  const auto file = counters.folder / "intel-rapl:0/energy_uj";
  std::filesystem::remove(file);
  EXPECT_EQ(message_of<InputError>([&] { meter->joules(); }),
            file.string() + ": the energy counter cannot be read any more");
}

TEST(Energy, OfAGpuIsWhatItsDriverCounts) {
  const auto meter = engine::nvml_meter("0000:01:00.0", FAKE_NVML);
  ASSERT_NE(meter, nullptr);
  EXPECT_EQ(meter->source(), "NVML");
  EXPECT_NEAR(meter->joules(), 2.5, 1e-9);
  EXPECT_NEAR(meter->joules(), 5, 1e-9);
  EXPECT_EQ(engine::nvml_meter("0000:02:00.0", FAKE_NVML), nullptr);
}

// Of three tensors of a megabyte two at most are alive at one time.
TEST(PassMemory, IsWhatIsAliveAtOneTime) {
  constexpr std::int64_t megabyte = 1 << 20;
  const auto tensor = [] { return at::ones({megabyte / 4}, at::kFloat); };
  const auto before = tensor();
  const auto bytes = engine::peak_bytes_of(at::kCPU, [&] {
    {
      const auto first = tensor();
      const auto second = tensor();
    }
    const auto third = tensor();
  });
  EXPECT_GE(bytes, 2 * megabyte);
  EXPECT_LT(bytes, 2 * megabyte + 4096);
  EXPECT_EQ(engine::peak_bytes_of(at::kCPU, [] {}), 0);
}

}  // namespace
}  // namespace espalier::test
