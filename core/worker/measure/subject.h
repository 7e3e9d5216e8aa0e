// What a measurement is taken of: a checkpoint, and the labelled data that it answers for.
#pragma once

#include <memory>
#include <string>

#include "commands.h"
#include "nn/device.h"
#include "nn/model.h"
#include "tasks/task.h"
#include "words/digest.h"

namespace espalier::worker {

struct Subject {
  std::unique_ptr<DigestMemory> digests;
  std::unique_ptr<nn::Model> model;
  std::unique_ptr<tasks::Task> task;    // null: no data
  const tasks::Split* split = nullptr;  // of the task
};

// The checkpoint alone, its skipped tensors said.
Subject read_subject(const std::string& model, const nn::Device& device);
// Gives it its data. `lack`: what follows from having no head, for the message. Throws InputError where the model cannot
// answer for such data.
void add_data(Subject& subject, const std::string& model, const DataWords& data, const nn::Device& device,
              const std::string& lack);

}  // namespace espalier::worker
