// The arithmetic of a thread: which one a cell asks for, and how work shared by threads keeps to it.
#pragma once

#include <ATen/Parallel.h>
#include <ATen/ThreadLocalState.h>
#include <c10/core/Device.h>

#include <cstdint>
#include <memory>

#include "cells/vocabulary.h"
#include "nn/model.h"

namespace espalier::nn {

// What a cell asks for, for as long as the guard lives. Where gradients are taken, half types are autocast's: products of
// half factors on float32 weights. On a GPU inference computes with converted weights (for_inference) and needs no
// autocast. Throws SettingsError for tf32 on anything but a GPU.
class ComputeGuard {
 public:
  enum class Purpose { Inference, Gradients };
  explicit ComputeGuard(ComputeType type, const at::Device& device = at::kCPU, Purpose purpose = Purpose::Inference);
  ~ComputeGuard();
  ComputeGuard(const ComputeGuard&) = delete;
  ComputeGuard& operator=(const ComputeGuard&) = delete;

 private:
  at::DeviceType device_;
  bool autocasts_ = false, was_enabled_ = false, had_tf32_ = false;
  at::ScalarType had_type_ = at::kBFloat16;
};

// Autocast keeps the half copies of weights that require gradients until it ends: stale once a step has changed them, and
// one more set for each set of leaves. Called after every step and every batch of gradients; nothing without autocast.
void forget_cast_weights();

// float16 trains nothing: whatever takes gradients in such a cell takes them in float32.
ComputeType for_gradients(ComputeType type);

// A model as inference computes it: under a half type the same one with converted weights, made once, that gives the
// numbers that casts at each call would give; on a GPU activations between layers are half as well.
class ForInference {
 public:
  // Refers to the model where nothing is to be converted.
  ForInference(const Model& model, ComputeType type);
  ~ForInference();
  const Model& operator*() const { return *model_; }
  const Model* operator->() const { return model_; }

 private:
  std::unique_ptr<Model> converted_;
  const Model* model_;
};

// at::parallel_for for bodies that compute with tensors. What the calling thread has set for itself (autocast and its
// type, inference mode, whether gradients are recorded) holds in the body on every thread; at::parallel_for alone leaves
// it behind, and a body would compute in another arithmetic on one thread than on two.
template <typename Body>
void in_parallel(std::int64_t begin, std::int64_t end, std::int64_t grain, const Body& body) {
  const at::ThreadLocalState state;
  at::parallel_for(begin, end, grain, [&](std::int64_t first, std::int64_t last) {
    const at::ThreadLocalStateGuard as_outside(state);
    body(first, last);
  });
}

}  // namespace espalier::nn
