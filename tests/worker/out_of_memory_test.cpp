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

TEST(OutOfMemory, OfTheMachineIsKnownByLibTorchsWords) {
  EXPECT_TRUE(
      is_out_of_memory_on_the_cpu("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes."));
  EXPECT_FALSE(is_out_of_memory_on_the_cpu("The size of tensor a (3) must match the size of tensor b (4)"));
}

TEST(FailureOfTheDevice, IsKnownByLibTorchsWords) {
  EXPECT_TRUE(is_failure_of_the_device("CUDA error: an illegal memory access was encountered"));
  EXPECT_TRUE(is_failure_of_the_device("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling cublasSgemm"));
  EXPECT_FALSE(is_failure_of_the_device("CUDA out of memory. Tried to allocate 2.00 GiB."));
  EXPECT_FALSE(is_failure_of_the_device("The size of tensor a (3) must match the size of tensor b (4)"));
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
