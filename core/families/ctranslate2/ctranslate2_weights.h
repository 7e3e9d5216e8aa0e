// A Whisper's weights under Hugging Face's names.
#pragma once

#include "ctranslate2_file.h"
#include "families/ctranslate2.h"
#include "nn/safetensors.h"

namespace espalier::families {

// Takes the tensors out of `file`, names them and splits what CTranslate2 fuses; fills in the sizes. Throws InputError
// naming everything that is missing, of another shape or unknown.
TensorFile whisper_weights(CTranslate2File& file, const std::filesystem::path& path, ImportedWhisper& sizes);

}  // namespace espalier::families
