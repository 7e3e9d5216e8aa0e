// The arithmetic a cell asks for, for as long as the guard lives: float32, or bfloat16 products on float32 weights.
#pragma once

#include <string>

namespace espalier::engine {

class ComputeType {
 public:
  // Throws SettingsError for a compute type that is not known.
  explicit ComputeType(const std::string& name);
  ~ComputeType();
  ComputeType(const ComputeType&) = delete;
  ComputeType& operator=(const ComputeType&) = delete;

 private:
  bool was_enabled_;
};

}  // namespace espalier::engine
