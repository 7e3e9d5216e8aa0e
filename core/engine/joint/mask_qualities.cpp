#include "mask_qualities.h"

#include <espalier/error.h>

#include "nn/arithmetic.h"

namespace espalier::engine {

std::vector<double> MaskQualities::of(std::span<const Mask> masks) {
  if (source_.task == nullptr || source_.split == nullptr)
    throw SettingsError("scorer '" + scorer_ + "' evaluates masks, and no data is given");
  const auto place = source_.model.device();
  const nn::ComputeGuard inference(type_, place);
  if (!series_)
    series_.emplace(source_.model, type_, SoftmaxScale{}, nn::prefix_bytes(place, source_.task->device().memory_bytes));
  std::vector<double> qualities;
  for (const auto& evaluation : source_.task->evaluate_each(*series_, masks, *source_.split))
    qualities.push_back(source_.task->quality(evaluation.metrics));
  return qualities;
}

}  // namespace espalier::engine
