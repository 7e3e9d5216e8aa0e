#include "nn/model.h"

#include <espalier/error.h>

#include "bert.h"
#include "bert_config.h"
#include "nn/conversion.h"
#include "text.h"

namespace espalier::nn {

Model::~Model() = default;

std::unique_ptr<Model> read_model(const std::filesystem::path& folder, const std::string& family) {
  const auto path = folder / "config.json";
  auto config = read_config(path);
  const auto type = model_type(config);
  const std::string supported = "\n    supported families: bert";
  if (!family.empty() && family != "bert") throw InputError("unknown model family " + in_quotes(family) + supported);
  if (type.empty() && family.empty())
    throw InputError(path.string() + ": model_type is missing, expected 'bert'" + supported);
  if (!type.empty() && type != "bert")
    throw InputError(path.string() + ": model_type is " + in_quotes(type) + ", expected 'bert'" + supported);
  return read_bert(folder, std::move(config));
}

std::vector<std::string> skipped_tensors(const Model& model) {
  const auto* bert = dynamic_cast<const Bert*>(&model);
  return bert == nullptr ? std::vector<std::string>{} : bert->skipped();
}

std::unique_ptr<Model> converted(const Model& model, at::ScalarType type, at::Device device) {
  return dynamic_cast<const Bert&>(model).converted(type, device);
}

}  // namespace espalier::nn
