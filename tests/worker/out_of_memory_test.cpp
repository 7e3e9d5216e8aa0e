// What is said when the memory of a device does not suffice for one example.
#include <c10/util/Exception.h>
#include <gtest/gtest.h>

#include "device/devices.h"
#include "support/message_of.h"

namespace espalier::worker {
namespace {

TEST(OutOfMemory, NamesTheDeviceAndTheWaysOut) {
  const nn::Device fake{at::Device(at::kPrivateUse1, 0), "a card", 1000};
  const auto said = test::message_of<InputError>([&] {
    within_its_memory(fake, [] { throw c10::OutOfMemoryError({__func__, __FILE__, 1}, "CUDA out of memory."); });
  });

  EXPECT_EQ(
      said,
      "the memory of fake (a card) does not suffice for one example\n    free it (nvidia-smi says who has it), or use "
      "--device cpu");
  EXPECT_EQ(InputError("").exit_code(), ExitCode::Input);
}

TEST(OutOfMemory, OtherMistakesStayWhatTheyAre) {
  EXPECT_THROW(within_its_memory({}, [] { throw c10::Error({__func__, __FILE__, 1}, "shapes"); }), c10::Error);
  EXPECT_EQ(within_its_memory({}, [] { return 3; }), 3);
}

TEST(DeviceOfWords, IsTheOneGivenElseThatOfTheEnvironment) {
  ::unsetenv("ESPALIER_DEVICE");
  EXPECT_EQ(device_of_words(""), DeviceChoice{});
  ::setenv("ESPALIER_DEVICE", "cuda:2", 1);
  EXPECT_EQ(device_of_words(""), (DeviceChoice{DeviceKind::Cuda, 2}));
  EXPECT_EQ(device_of_words("cpu"), DeviceChoice{});
  ::unsetenv("ESPALIER_DEVICE");
}

}  // namespace
}  // namespace espalier::worker
