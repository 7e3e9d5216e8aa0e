// Operations of one forward pass of one example, in closed form, as "The silence of the weights" (2025) counts them for
// the Audio Spectrogram Transformer, and by the same rules for BERT and Whisper. Plain numbers in, plain numbers out.
//
//   multiply-adds   one each: linear layers, convolutions, query-key products, weighted sums of values
//   elementwise     softmax 2 an attention weight, the softmax scale 1 an attention weight, GELU 8 an element, layer norm 5
//                   an element, residual sums and position embeddings 1 an element, tanh 1 an element
//   not counted     biases, table look-ups, attention masks, the mean over an AST's two read tokens, reshaping
//
// Every layer is counted for all tokens, and causal attention for the whole square. Model::multiply_adds counts what
// Espalier computes, where the last layer of a classifier answers for the tokens that are read only: less than this.
#pragma once

#include <cstdint>

namespace espalier::nn {

struct Operations {
  std::int64_t multiply_adds = 0;
  std::int64_t elementwise = 0;

  std::int64_t flops() const { return multiply_adds + elementwise; }
  Operations& operator+=(const Operations& other);
  bool operator==(const Operations&) const = default;
};
Operations operator+(Operations a, const Operations& b);

// What is left of an attention site, or of several with the same tokens: the counts are linear in all three, so it does
// not matter how they are spread over layers.
struct AttentionTotals {
  std::int64_t qk_channels = 0;  // over all heads: of Q, and as many of K
  std::int64_t vo_channels = 0;  // over all heads: of V, and as many of O
  std::int64_t heads = 0;        // that attend, those without QK channels included
};
AttentionTotals dense_attention(std::int64_t sites, std::int64_t heads, std::int64_t head_dim);

// Tokens that ask, tokens that are asked, and the features of both. In self-attention the tokens are the same.
struct AttentionShape {
  std::int64_t model_width = 0;
  std::int64_t queries = 0;
  std::int64_t keys = 0;
};
// Q and O over the queries, K and V over the keys, products, softmax with its scale, weighted sums. The norm before and the
// residual sum after are the layer's.
Operations attention_flops(const AttentionShape& shape, const AttentionTotals& left);

// The layers that models share; `width` is the model's, attention apart.
struct EncoderShape {
  std::int64_t tokens = 0;
  std::int64_t width = 0;
  std::int64_t intermediate = 0;  // of the feed-forward block
  std::int64_t layers = 0;
};
// Attention (the same for layers of any width left), feed-forward blocks, two norms and two residual sums a layer.
Operations encoder_flops(const EncoderShape& shape, const AttentionTotals& left);

// Patches, position embeddings, layers, the last norm; with classes the norm and the linear layer of the head, which reads
// the mean of the first two tokens.
struct AstShape {
  EncoderShape encoder;             // its tokens are the patches and two more
  std::int64_t patch_pixels = 256;  // that the patch convolution multiplies
  std::int64_t classes = 0;         // 0: no head
};
Operations ast_flops(const AstShape& shape, const AttentionTotals& left);

// Two sums of embeddings (word, token type, position), their norm, layers; with classes the pooler (a linear layer and
// tanh on one token) and the classifier.
struct BertShape {
  EncoderShape encoder;
  std::int64_t classes = 0;  // 0: neither pooler nor classifier
};
Operations bert_flops(const BertShape& shape, const AttentionTotals& left);

// Two convolutions of width 3 with GELU over the frames, the second halving them, position embeddings, encoder layers and
// their norm; `tokens` that the decoder reads at once: position embeddings, decoder layers of self-attention,
// cross-attention and feed-forward with a norm and a residual sum each, the last norm, a logit for every word of the
// vocabulary (the output is tied to the embeddings: no weights of its own, the same operations).
struct WhisperShape {
  std::int64_t mel_bins = 0;
  std::int64_t source_positions = 0;  // half as many as frames
  std::int64_t tokens = 0;
  std::int64_t width = 0;
  std::int64_t encoder_layers = 0, encoder_intermediate = 0;
  std::int64_t decoder_layers = 0, decoder_intermediate = 0;
  std::int64_t vocabulary = 0;
};
struct WhisperTotals {
  AttentionTotals encoder_self, decoder_self, decoder_cross;
};
Operations whisper_encoder_flops(const WhisperShape& shape, const AttentionTotals& encoder_self);
Operations whisper_decoder_flops(const WhisperShape& shape, const WhisperTotals& left);
Operations whisper_flops(const WhisperShape& shape, const WhisperTotals& left);

}  // namespace espalier::nn
