// A task of a thousand texts of many lengths on a device, and a six-layer model of random weights.
#pragma once

#include <memory>
#include <random>
#include <string>

#include "fake_counts.h"
#include "tasks/task.h"
#include "tiny_models.h"

namespace espalier::test {

struct ManyTexts {
  explicit ManyTexts(const nn::Device& its_device, std::int64_t texts = 1000) : device(its_device) {
    TinyBert shape{.heads = 4, .head_dim = 8, .layers = 6, .intermediate = 48, .vocabulary = 30, .positions = 48};
    shape.write(folder / "model");
    without_dropout(folder / "model");
    write_vocabulary(folder / "model", shape.vocabulary);
    std::mt19937_64 random(5);
    std::string table = "text\tlabel\n";
    for (std::int64_t row = 0; row < texts; ++row) {
      for (auto words = 1 + random() % 40; words > 0; --words) table += 'w' + std::to_string(5 + random() % 25) + ' ';
      table += "\tclass " + std::to_string(random() % 4) + '\n';
    }
    DatasetSettings dataset;
    dataset.name = "texts";
    dataset.max_tokens = 48;
    dataset.split = {{"test", folder.write("test.tsv", table).string()}};
    open(dataset, folder / "model");
  }
  // Of a checkpoint and a dataset that are there.
  ManyTexts(const nn::Device& its_device, const DatasetSettings& dataset, const std::filesystem::path& checkpoint,
            const std::vector<std::string>& labels)
      : device(its_device) {
    model = families::read_model(checkpoint, "", device.place)->with_head(labels, 1);
    task = tasks::make_task(dataset, checkpoint.string(), labels, digests, folder / "cache", {}, model.get(), device);
  }

  tasks::Evaluation evaluate(const nn::Model& one) { return task->evaluate(one, task->split("test")); }
  Mask half_of_the_heads(std::uint64_t seed) const {
    const Units units(model->sites(), Granularity::Head);
    auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
    return units.mask(at::zeros({units.count()}).uniform_(0, 1, generator).lt(0.5));
  }

  TempDir folder;
  nn::Device device;
  DigestMemory digests{folder / "digests"};
  std::unique_ptr<nn::Model> model;
  std::unique_ptr<tasks::Task> task;

 private:
  void open(const DatasetSettings& dataset, const std::filesystem::path& checkpoint) {
    model = families::read_model(checkpoint, "", device.place);
    task = tasks::make_task(dataset, checkpoint.string(), model->labels(), digests, folder / "cache", {}, model.get(),
                            device);
  }
};

}  // namespace espalier::test
