#include "ctranslate2_weights.h"

#include <espalier/error.h>
#include <words/names.h>

#include <algorithm>
#include <set>
#include <vector>

#include "checkpoint_reading.h"
#include "nn/text.h"

namespace espalier::families {
namespace {

constexpr std::size_t most_problems = 10;
constexpr std::int64_t known_revision = 3;
constexpr std::int64_t exact_gelu = 3;    // CTranslate2's number of the activation
constexpr std::int64_t kernel_width = 3;  // of both convolutions

class Conversion {
 public:
  Conversion(CTranslate2File& file, std::string path, ImportedWhisper& sizes)
      : file_(file), path_(std::move(path)), sizes_(sizes) {}

  TensorFile run() {
    check_specification();
    find_sizes();
    encoder();
    decoder();
    output_matrix();
    numbers();
    for (const auto& [name, tensor] : file_.tensors) problem(in_quotes(name) + " is nothing that Whisper has");
    if (!problems_.empty()) refuse();
    return std::move(written_);
  }

 private:
  void problem(const std::string& what) { problems_.push_back(what); }

  [[noreturn]] void refuse() const {
    std::string message = path_ + ": is not a Whisper model that can be imported";
    for (std::size_t i = 0; i < std::min(problems_.size(), most_problems); ++i) message += "\n    " + problems_[i];
    if (problems_.size() > most_problems) {
      message += "\n    and " + std::to_string(problems_.size() - most_problems) + " more";
    }
    throw InputError(message);
  }

  void check_specification() const {
    if (file_.specification != "WhisperSpec") {
      throw InputError(path_ + ": holds a model of " + in_quotes(file_.specification) +
                       ", expected 'WhisperSpec'\n    only Whisper can be imported from CTranslate2");
    }
    if (file_.revision != known_revision) {
      throw InputError(path_ + ": is revision " + std::to_string(file_.revision) +
                       " of WhisperSpec, expected 3\n    convert the model again: ct2-transformers-converter "
                       "--quantization float16");
    }
  }

  // --- sizes

  std::int64_t extent(const std::string& name, std::int64_t rank, std::int64_t axis) {
    const auto found = file_.tensors.find(name);
    if (found == file_.tensors.end()) {
      problem(in_quotes(name) + " is missing");
      return 0;
    }
    if (found->second.dim() != rank || found->second.numel() == 0) {
      problem(in_quotes(name) + " has shape " + shape_text(found->second.sizes()) + ", expected " +
              std::to_string(rank) + " axes, none empty");
      return 0;
    }
    return found->second.size(axis);
  }

  std::int64_t layers(const std::string& stack) const {
    std::int64_t count = 0;
    const auto has_layer = [&](std::int64_t layer) {
      const auto prefix = stack + "/layer_" + std::to_string(layer) + "/";
      const auto first = file_.tensors.lower_bound(prefix);
      return first != file_.tensors.end() && first->first.starts_with(prefix);
    };
    while (has_layer(count)) ++count;
    return count;
  }

  std::int64_t number(const std::string& name, std::int64_t absent) {
    const auto found = file_.numbers.find(name);
    return found == file_.numbers.end() ? absent : found->second;
  }

  std::int64_t heads(const std::string& stack) {
    const auto count = number(stack + "/num_heads", 0);
    if (count < 1 || sizes_.width % count != 0) {
      problem(in_quotes(stack + "/num_heads") + " is " + std::to_string(count) + ", expected a divisor of the width " +
              std::to_string(sizes_.width));
    }
    return count;
  }

  void find_sizes() {
    sizes_.width = extent("encoder/conv1/weight", 3, 0);
    sizes_.mel_bins = extent("encoder/conv1/weight", 3, 1);
    sizes_.vocabulary = extent("decoder/embeddings/weight", 2, 0);
    sizes_.source_positions = extent("encoder/position_encodings/encodings", 2, 0);
    sizes_.target_positions = extent("decoder/position_encodings/encodings", 2, 0);
    sizes_.encoder_layers = layers("encoder");
    sizes_.decoder_layers = layers("decoder");
    for (const char* stack : {"encoder", "decoder"}) {
      if (layers(stack) == 0) problem(std::string("it has no layers '") + stack + "/layer_0/...'");
    }
    if (!problems_.empty()) refuse();
    encoder_inner_ = extent("encoder/layer_0/ffn/linear_0/weight", 2, 0);
    decoder_inner_ = extent("decoder/layer_0/ffn/linear_0/weight", 2, 0);
    sizes_.feed_forward = decoder_inner_;
    if (encoder_inner_ != decoder_inner_) {
      problem("feed-forward widths of encoder and decoder differ: " + std::to_string(encoder_inner_) + " and " +
              std::to_string(decoder_inner_));
    }
    sizes_.encoder_heads = heads("encoder");
    sizes_.decoder_heads = heads("decoder");
  }

  // --- tensors

  at::Tensor take(const std::string& name, std::vector<std::int64_t> shape) {
    const auto found = file_.tensors.find(name);
    if (found == file_.tensors.end()) {
      problem(in_quotes(name) + " is missing");
      return {};
    }
    auto tensor = std::move(found->second);
    file_.tensors.erase(found);
    if (tensor.sizes() != at::IntArrayRef(shape)) {
      problem(in_quotes(name) + " has shape " + shape_text(tensor.sizes()) + ", expected " + shape_text(shape));
      return {};
    }
    if (const auto found_there = not_finite(tensor); !found_there.empty())
      problem(in_quotes(name) + " holds " + found_there + ", expected finite weights");
    return tensor;
  }

  void put(const std::string& name, const at::Tensor& tensor) {
    if (tensor.defined()) written_.tensors["model." + name] = tensor;
  }

  void norm(const std::string& from, const std::string& to) {
    put(to + ".weight", take(from + "/gamma", {sizes_.width}));
    put(to + ".bias", take(from + "/beta", {sizes_.width}));
  }

  void linear(const std::string& from, const std::string& to, std::int64_t out, std::int64_t in) {
    put(to + ".weight", take(from + "/weight", {out, in}));
    put(to + ".bias", take(from + "/bias", {out}));
  }

  // Projections that CTranslate2 stacks row upon row: q, k, v or k, v. Whisper's k has no bias: its part is zero.
  void stacked(const std::string& from, const std::string& to, const std::vector<std::string>& parts) {
    const auto count = static_cast<std::int64_t>(parts.size());
    const auto weight = take(from + "/weight", {count * sizes_.width, sizes_.width});
    const auto bias = take(from + "/bias", {count * sizes_.width});
    for (std::int64_t part = 0; part < count; ++part) {
      const auto begin = part * sizes_.width, end = begin + sizes_.width;
      const auto name = to + "." + parts[static_cast<std::size_t>(part)];
      if (weight.defined()) put(name + ".weight", weight.slice(0, begin, end));
      if (!bias.defined()) continue;
      const auto own = bias.slice(0, begin, end);
      if (parts[static_cast<std::size_t>(part)] != "k_proj") {
        put(name + ".bias", own);
      } else if (const auto others = own.count_nonzero().item<std::int64_t>(); others > 0) {
        problem(in_quotes(from + "/bias") + " has " + std::to_string(others) +
                " values other than 0 for the keys, which have no bias in Whisper");
      }
    }
  }

  void encoder() {
    const auto width = sizes_.width;
    for (const auto& [conv, in] : {std::pair<std::string, std::int64_t>{"conv1", sizes_.mel_bins}, {"conv2", width}}) {
      put("encoder." + conv + ".weight", take("encoder/" + conv + "/weight", {width, in, kernel_width}));
      put("encoder." + conv + ".bias", take("encoder/" + conv + "/bias", {width}));
    }
    put("encoder.embed_positions.weight",
        take("encoder/position_encodings/encodings", {sizes_.source_positions, width}));
    for (std::int64_t layer = 0; layer < sizes_.encoder_layers; ++layer) both("encoder", layer, encoder_inner_);
    norm("encoder/layer_norm", "encoder.layer_norm");
  }

  void decoder() {
    const auto width = sizes_.width;
    put("decoder.embed_tokens.weight", take("decoder/embeddings/weight", {sizes_.vocabulary, width}));
    put("decoder.embed_positions.weight",
        take("decoder/position_encodings/encodings", {sizes_.target_positions, width}));
    for (std::int64_t layer = 0; layer < sizes_.decoder_layers; ++layer) {
      both("decoder", layer, decoder_inner_);
      const auto from = "decoder/layer_" + std::to_string(layer) + "/attention";
      const auto to = "decoder.layers." + std::to_string(layer) + ".encoder_attn";
      norm(from + "/layer_norm", to + "_layer_norm");
      linear(from + "/linear_0", to + ".q_proj", width, width);
      stacked(from + "/linear_1", to, {"k_proj", "v_proj"});
      linear(from + "/linear_2", to + ".out_proj", width, width);
    }
    norm("decoder/layer_norm", "decoder.layer_norm");
  }

  // What a layer has in either stack.
  void both(const std::string& stack, std::int64_t layer, std::int64_t inner) {
    const auto from = stack + "/layer_" + std::to_string(layer);
    const auto to = stack + ".layers." + std::to_string(layer);
    norm(from + "/self_attention/layer_norm", to + ".self_attn_layer_norm");
    stacked(from + "/self_attention/linear_0", to + ".self_attn", {"q_proj", "k_proj", "v_proj"});
    linear(from + "/self_attention/linear_1", to + ".self_attn.out_proj", sizes_.width, sizes_.width);
    norm(from + "/ffn/layer_norm", to + ".final_layer_norm");
    linear(from + "/ffn/linear_0", to + ".fc1", inner, sizes_.width);
    linear(from + "/ffn/linear_1", to + ".fc2", sizes_.width, inner);
  }

  // The output matrix is the embeddings again, by name or by value; it is not written a second time.
  void output_matrix() {
    const std::string name = "decoder/projection/weight";
    const auto alias = file_.aliases.find(name);
    if (alias != file_.aliases.end() && alias->second == "decoder/embeddings/weight") return;
    if (alias == file_.aliases.end() && !file_.tensors.contains(name)) {
      problem(in_quotes(name) + " is missing");
      return;
    }
    const auto embeddings = written_.tensors.find("model.decoder.embed_tokens.weight");
    const auto output = alias == file_.aliases.end() ? take(name, {sizes_.vocabulary, sizes_.width}) : at::Tensor();
    if (!output.defined() || embeddings == written_.tensors.end() || !output.equal(embeddings->second)) {
      problem(in_quotes(name) + " differs from 'decoder/embeddings/weight', which are one matrix in Whisper");
    }
  }

  // Numbers that say how the model computes; what Whisper does not do is refused.
  void numbers() {
    const auto expect = [&](const std::string& name, std::int64_t absent, std::int64_t expected, const char* why) {
      if (const auto found = number(name, absent); found != expected) {
        problem(in_quotes(name) + " is " + std::to_string(found) + ", expected " + std::to_string(expected) + ": " +
                why);
      }
    };
    expect("decoder/activation", 0, exact_gelu, "Whisper computes the exact gelu");
    expect("decoder/pre_norm", 1, 1, "Whisper normalises before each block");
    expect("decoder/scale_embeddings", 0, 0, "Whisper does not scale embeddings");
    expect("decoder/alibi", 0, 0, "Whisper has position embeddings");
    expect("decoder/start_from_zero_embedding", 0, 0, "Whisper starts from its first token");
  }

  CTranslate2File& file_;
  std::string path_;
  ImportedWhisper& sizes_;
  std::int64_t encoder_inner_ = 0, decoder_inner_ = 0;
  TensorFile written_;
  std::vector<std::string> problems_;
};

}  // namespace

TensorFile whisper_weights(CTranslate2File& file, const std::filesystem::path& path, ImportedWhisper& sizes) {
  sizes.variables = static_cast<std::int64_t>(file.tensors.size() + file.numbers.size());
  sizes.precision = file.precision;
  auto written = Conversion(file, path.string(), sizes).run();
  sizes.tensors = static_cast<std::int64_t>(written.tensors.size());
  for (const auto& [name, tensor] : written.tensors) sizes.parameters += tensor.numel();
  written.metadata["format"] = "pt";
  return written;
}

}  // namespace espalier::families
