// What a device has used up, where the machine counts it: RAPL of the processor, NVML of a GPU.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "nn/device.h"

namespace espalier::engine {

class EnergyMeter {
 public:
  virtual ~EnergyMeter() = default;
  // What counts, as in "RAPL package-0, dram".
  virtual std::string source() const = 0;
  // Used up since this meter was opened. Throws InputError where the counter cannot be read any more.
  virtual double joules() = 0;
  // So long work has to last at least for the counter's steps not to matter.
  virtual double least_seconds() const = 0;
};

// Of all processor packages and their memory below this folder, which the kernel fills; of the whole machine, whoever
// works on it. Null where there are none, or where this user may not read them.
std::unique_ptr<EnergyMeter> rapl_meter(const std::filesystem::path& folder = "/sys/class/powercap");

// Of one GPU, by its place on the PCI bus, from the driver's library; null where there is none or it does not count.
std::unique_ptr<EnergyMeter> nvml_meter(const std::string& pci_bus_id,
                                        const std::string& library = "libnvidia-ml.so.1");

// The meter of what models compute on; null: nothing counts its energy here.
std::unique_ptr<EnergyMeter> energy_meter(const nn::Device& device);

}  // namespace espalier::engine
