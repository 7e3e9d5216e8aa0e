#include "processors.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>

namespace espalier::runner {

int processor_count() {
  int count = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  // A container sees every processor of its host but may use only its share; as many threads as the host has
  // processors would then mostly wait for each other.
  std::ifstream share("/sys/fs/cgroup/cpu.max");
  std::string quota;
  double period = 0;
  if (share >> quota >> period && quota != "max" && period > 0) {
    const double processors = std::atof(quota.c_str()) / period;
    if (processors > 0) count = std::clamp(static_cast<int>(std::ceil(processors)), 1, count);
  }
  return count;
}

}  // namespace espalier::runner
