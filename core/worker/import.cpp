// espalier import: a CTranslate2 Whisper directory as a Hugging Face one, which every other command reads.
#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "families/ctranslate2.h"
#include "words/atomic_folder.h"

namespace espalier::worker {
namespace {

nlohmann::ordered_json described(const families::ImportedWhisper& model, const ImportWords& words,
                                 std::uintmax_t bytes) {
  return {{"source", words.source},
          {"output", words.output},
          {"precision", model.precision},
          {"variables", model.variables},
          {"tensors", model.tensors},
          {"parameters", model.parameters},
          {"bytes", bytes},
          {"width", model.width},
          {"feed_forward", model.feed_forward},
          {"encoder_layers", model.encoder_layers},
          {"encoder_heads", model.encoder_heads},
          {"decoder_layers", model.decoder_layers},
          {"decoder_heads", model.decoder_heads},
          {"mel_bins", model.mel_bins},
          {"source_positions", model.source_positions},
          {"target_positions", model.target_positions},
          {"vocabulary", model.vocabulary},
          {"multilingual", model.multilingual}};
}

std::string in_words(const families::ImportedWhisper& model, const ImportWords& words, std::uintmax_t bytes) {
  return fmt::format(
      "{}: Whisper, {}, {} + {} layers, {} heads, width {}, feed-forward {}, {} mel bins, vocabulary {}\n"
      "    {} tensors, {} parameters, {:.1f} MB of float32 from {} ({} variables of {})\n",
      words.output, model.multilingual ? "multilingual" : "English-only", model.encoder_layers, model.decoder_layers,
      model.encoder_heads == model.decoder_heads ? fmt::format("{}", model.encoder_heads)
                                                 : fmt::format("{} + {}", model.encoder_heads, model.decoder_heads),
      model.width, model.feed_forward, model.mel_bins, model.vocabulary, model.tensors, model.parameters,
      static_cast<double>(bytes) / 1e6, words.source, model.variables, model.precision);
}

}  // namespace

ExitCode import_model(const ImportWords& words) {
  AtomicFolder folder(words.output);
  const auto model = families::import_ctranslate2_whisper(words.source, folder.path());
  const auto bytes = std::filesystem::file_size(folder.path() / "model.safetensors");
  folder.commit();
  const auto text = words.json ? described(model, words, bytes).dump(2) + "\n" : in_words(model, words, bytes);
  std::fputs(text.c_str(), stdout);
  return ExitCode::Done;
}

}  // namespace espalier::worker
