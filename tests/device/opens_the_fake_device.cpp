#include <gtest/gtest.h>

#include <cstdlib>

#include "fake_counts.h"

namespace espalier::test {

const nn::Device& fake_device() {
  static const nn::Device device = [] {
    ::setenv("ESPALIER_FAKE_DEVICE", ESPALIER_FAKE_DEVICE_LIBRARY, /*overwrite=*/0);
    return nn::open_device({DeviceKind::Fake});
  }();
  return device;
}

namespace {

struct Opens : testing::Environment {
  void SetUp() override { fake_device(); }
};
[[maybe_unused]] const auto* const opens = testing::AddGlobalTestEnvironment(new Opens);

}  // namespace
}  // namespace espalier::test
