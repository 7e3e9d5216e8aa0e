#include "nn/model.h"

namespace espalier::nn {

Model::~Model() = default;

}  // namespace espalier::nn
