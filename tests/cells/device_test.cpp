#include "cells/device.h"

#include <espalier/error.h>
#include <gtest/gtest.h>

#include "support/message_of.h"

namespace espalier::test {
namespace {

using Devices = std::vector<DeviceChoice>;

std::string refused(const std::string& text) {
  return message_of<SettingsError>([&] { device_from(text); });
}
std::string refused_list(const std::string& text) {
  return message_of<SettingsError>([&] { devices_from(text); });
}

std::string unknown(const std::string& text, const std::string& hint) {
  return "--device '" + text + "': no such device" + hint +
         "\n    expected cpu, cuda, cuda:N (the GPU of that number) or auto (a GPU where one answers)";
}

TEST(DeviceChoices, AreReadAsTheyAreWritten) {
  for (const auto* text : {"cpu", "cuda:0", "cuda:7", "auto"}) EXPECT_EQ(to_string(device_from(text)), text);
  EXPECT_EQ(to_string(device_from("cuda")), "cuda:0");
  EXPECT_EQ(device_from("cpu"), DeviceChoice{});
}

TEST(DeviceChoices, AnUnknownOneIsRefusedWithTheNearest) {
  EXPECT_EQ(refused("gpu"), unknown("gpu", "\n    did you mean 'cuda'?"));
  EXPECT_EQ(refused("GPU:1"), unknown("GPU:1", "\n    did you mean 'cuda:1'?"));
  EXPECT_EQ(refused("cude"), unknown("cude", "\n    did you mean 'cuda'?"));
  EXPECT_EQ(refused("tpu7777777"), unknown("tpu7777777", ""));
  EXPECT_EQ(refused("auto:1"), unknown("auto:1", ""));
  for (const auto* text : {"", "cpu:0", "cuda:", "cuda:-1", "cuda:64", "cuda:1x", "cuda:0,cuda:1"})
    EXPECT_EQ(refused(text), unknown(text, "")) << text;
}

TEST(DeviceChoices, OfAListAreOfOneKind) {
  EXPECT_EQ(devices_from("cpu"), Devices{{}});
  EXPECT_EQ(devices_from("cuda:0,cuda:3"), (Devices{{DeviceKind::Cuda, 0}, {DeviceKind::Cuda, 3}}));
  EXPECT_TRUE(devices_from("auto").at(0).is_auto);
  EXPECT_TRUE(devices_from("all").empty());
  EXPECT_EQ(refused_list("cuda:0,cuda"), "--devices: cuda:0 is named twice");
  const std::string mixed =
      ": computes on one kind of device\n    expected cpu, auto, all, or GPUs such as cuda:0,cuda:1";
  EXPECT_EQ(refused_list("cpu,cuda:0"), "--devices cpu,cuda:0" + mixed);
  EXPECT_EQ(refused_list("auto,cuda:1"), "--devices auto,cuda:1" + mixed);
  EXPECT_TRUE(refused_list("cuda:0,").starts_with("--devices '': no such device"));
}

}  // namespace
}  // namespace espalier::test
