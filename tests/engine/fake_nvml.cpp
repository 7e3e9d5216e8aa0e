// A library that answers as NVIDIA's does, for one card at 0000:01:00.0 whose counter grows by 2.5 J each time it is asked.
#include <cstring>

extern "C" {

int nvmlInit_v2() { return 0; }

int nvmlDeviceGetHandleByPciBusId_v2(const char* pci_bus_id, void** device) {
  static int card = 0;
  *device = &card;
  return std::strcmp(pci_bus_id, "0000:01:00.0") == 0 ? 0 : 6;  // not found
}

int nvmlDeviceGetTotalEnergyConsumption(void*, unsigned long long* millijoules) {
  static unsigned long long used = 1'000'000;
  *millijoules = used;
  used += 2500;
  return 0;
}
}
