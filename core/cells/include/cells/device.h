// Where cells are computed, as the command line names it. It is no part of a cell: a file runs on any machine.
#pragma once

#include <espalier/vocabulary.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace espalier {

enum class DeviceKind {
  Cpu,
  Cuda,
  Fake,  // of tests: a library that $ESPALIER_FAKE_DEVICE names, computing on the CPU with memory of its own
};
template <>
struct Vocabulary<DeviceKind> {
  static constexpr const char* kind = "device";
  static constexpr Word<DeviceKind> words[] = {
      {DeviceKind::Cpu, "cpu"}, {DeviceKind::Cuda, "cuda"}, {DeviceKind::Fake, "fake"}};
};

// What a worker exits with that leaves its device alone: attempts in a row failed there for reasons that are no cell's.
inline constexpr int exit_code_of_a_failing_device = 6;

// One place: "cpu", "cuda:1". "auto" is the first GPU that answers, else the CPU.
struct DeviceChoice {
  DeviceKind kind = DeviceKind::Cpu;
  std::int64_t index = 0;
  bool is_auto = false;

  bool operator==(const DeviceChoice&) const = default;
};

// "cpu", "cuda", "cuda:N" or "auto". Throws SettingsError; `option` names where it was said.
DeviceChoice device_from(std::string_view text, std::string_view option = "--device");
std::string to_string(const DeviceChoice& device);

// "cpu", "cuda:0,cuda:1", "auto", or "all": every GPU, which is said by an empty list. Throws SettingsError, also for
// one that is named twice and for the CPU beside GPUs.
std::vector<DeviceChoice> devices_from(std::string_view text, std::string_view option = "--devices");

}  // namespace espalier
