#include "nn/memory/batch_halvings.h"

#include <algorithm>

namespace espalier::nn {
namespace {
std::int64_t halvings_of_this_process = 0;
}

void set_batch_halvings(std::int64_t halvings) {
  halvings_of_this_process = std::clamp(halvings, std::int64_t{0}, std::int64_t{62});
}

std::int64_t halved(std::int64_t size) { return std::max(size >> halvings_of_this_process, std::int64_t{1}); }

}  // namespace espalier::nn
