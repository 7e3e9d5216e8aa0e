// One cell on its way through the engine: from the dense model, step by step of its schedule, to its last point.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "caches.h"
#include "cells/cell_settings.h"
#include "engine/engine.h"
#include "engine/searching.h"
#include "known_points.h"
#include "nn/device.h"
#include "steps.h"

namespace espalier::engine {

class CellRun {
 public:
  // All outlive this. `next`: as Engine::run has it.
  CellRun(Caches& caches, const CellSettings& cell, std::span<const CellSettings> next = {})
      : caches_(caches), cell_(cell), next_cells_(next) {}

  // As Engine::run; once.
  CellResult run();
  // The base model, once the cell has it; else null.
  const BaseModel* base() const { return base_; }

 private:
  class Stage;

  // The base model, and its point.
  void dense();
  // The plugins that take part, the steps, and what is kept of them.
  void plan();
  // Takes the points of an equal cell that was measured otherwise; false where there is none.
  bool take_known();
  // Goes on after the last step that a stopped run of this cell finished.
  void resume();
  // One step of the schedule; false: none follows.
  bool step();
  at::Tensor scores();
  Found search(const StepBudget& step, const at::Tensor& scores);
  // Proof, evaluation, counts and latency of a pruned model, as a point.
  void measure(const StepBudget& step, const Found& found, const Pruned& pruned);
  void take_times(Point& point, const nn::Model& pruned) const;  // where the cell asks for latency
  void prove(Point& point, const Pruned& pruned, const Mask& mask);
  void evaluate(Point& point, const Pruned& pruned, const Mask& mask);
  // The pruned model repaired, and measured as another point of the same step.
  std::unique_ptr<nn::Model> recover(const nn::Model& pruned, bool is_last);
  // Leaves the finished step on disk, and goes on with what was read back.
  void keep();

  // Found at the latest before anything of the cell is kept for good.
  void check_weights() const;
  // Why the cell ends here; the first reason counts.
  void fail(const std::string& reason);
  void go_on_with(std::unique_ptr<nn::Model> model);
  bool keeps_steps() const { return recovers_ || steps_.size() > 1; }
  bool trained() const { return recovers_ || trains_itself_; }
  std::int64_t step_number() const { return static_cast<std::int64_t>(next_) + 1; }
  std::vector<Point> points_of_steps() const;  // all but the dense one

  Caches& caches_;
  const CellSettings& cell_;
  const std::span<const CellSettings> next_cells_;
  CellResult result_;

  const std::int64_t shortages_ = nn::memory_shortages();  // of this process before the cell
  BaseModel* base_ = nullptr;

  bool ranks_ = false, recovers_ = false, trains_itself_ = false;
  std::optional<Units> units_;
  std::vector<StepBudget> steps_;
  std::string digest_;  // of all that decides what the steps leave; empty where nothing of them is kept
  std::optional<StepFolder> folder_;
  std::optional<KnownPoints> known_;

  // What the steps so far left: a model, which of the dense frame it holds, and what it was made from.
  std::size_t next_ = 0;
  std::unique_ptr<nn::Model> owned_;
  const nn::Model* model_ = nullptr;
  Mask kept_;
  std::string model_digest_;
};

}  // namespace espalier::engine
