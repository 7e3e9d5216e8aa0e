#include "measure/subject.h"

#include <espalier/error.h>

#include "families/families.h"
#include "input.h"

namespace espalier::worker {

Subject read_subject(const std::string& model, const nn::Device& device) {
  Subject subject;
  subject.digests = std::make_unique<DigestMemory>(cache_folder());
  subject.model = families::read_model(model, "", device.place);
  say_skipped(*subject.model, model);
  return subject;
}

void add_data(Subject& subject, const std::string& model, const DataWords& data, const nn::Device& device,
              const std::string& lack) {
  const auto dataset = dataset_from_words(data, data.split);
  tasks::require_format(model, subject.model->family(), dataset.format);
  if (subject.model->task_kind() == nn::TaskKind::None)
    throw InputError(model + ": has no classification head, so " + lack);
  tasks::require_head(model, subject.model->labels(), dataset.format);
  subject.task = tasks::make_task(dataset, model, subject.model->labels(), *subject.digests, cache_folder(), watch(),
                                  subject.model.get(), device);
  subject.split = &subject.task->split(data.split);
}

}  // namespace espalier::worker
