#include "cells/families.h"

#include <algorithm>

#include "words/names.h"

namespace espalier {
namespace {

AttentionFacts encoder_of(const char* layers, const char* width, const char* heads) {
  return {SiteKind::EncoderSelf, {layers, 12}, {width, 768}, {heads, 12}};
}

}  // namespace

const std::vector<FamilyFacts>& all_families() {
  static const std::vector<FamilyFacts> families = {
      {.family = Family::Bert,
       .title = "BERT",
       .model_type = "bert",
       .reads = {Format::TextClassification},
       .trains = true,
       .from_scratch = false,
       .attention = {encoder_of("num_hidden_layers", "hidden_size", "num_attention_heads")},
       .positions = ConfigNumber{"max_position_embeddings", 512},
       .activation = "hidden_act",
       .embedding = "embeddings.word_embeddings.weight",
       .extents = {"vocab_size", "hidden_size"},
       .head = "classifier.weight",
       .tokenizers = {{"tokenizer.json"}, {"vocab.txt"}}},
      {.family = Family::Ast,
       .title = "AST",
       .model_type = "audio-spectrogram-transformer",
       .reads = {Format::AudioClassification, Format::AudioTagging},
       .trains = true,
       .from_scratch = true,
       .attention = {encoder_of("num_hidden_layers", "hidden_size", "num_attention_heads")},
       .positions = std::nullopt,
       .activation = "hidden_act",
       .embedding = "embeddings.patch_embeddings.projection.weight",
       .extents = {},
       .head = "classifier.dense.weight",
       .tokenizers = {}},
      {.family = Family::Whisper,
       .title = "Whisper",
       .model_type = "whisper",
       .reads = {Format::SpeechRecognition},
       .trains = false,
       .from_scratch = false,
       .attention = {{SiteKind::EncoderSelf, {"encoder_layers", 4}, {"d_model", 384}, {"encoder_attention_heads", 6}},
                     {SiteKind::DecoderSelf, {"decoder_layers", 4}, {"d_model", 384}, {"decoder_attention_heads", 6}},
                     {SiteKind::DecoderCross, {"decoder_layers", 4}, {"d_model", 384}, {"decoder_attention_heads", 6}}},
       .positions = std::nullopt,
       .activation = "activation_function",
       .embedding = "decoder.embed_tokens.weight",
       .extents = {"vocab_size", "d_model"},
       .head = nullptr,
       .tokenizers = {{"tokenizer.json"}, {"vocab.json", "merges.txt"}}}};
  return families;
}

const FamilyFacts& facts_of(Family family) { return all_families().at(static_cast<std::size_t>(family)); }

bool FamilyFacts::can_read(Format format) const { return std::find(reads.begin(), reads.end(), format) != reads.end(); }

bool FamilyFacts::has_sites(SiteFilter filter) const {
  return std::any_of(attention.begin(), attention.end(), [&](const auto& site) { return chooses(filter, site.kind); });
}

std::vector<std::string> FamilyFacts::ways_to_hold_a_tokenizer() const {
  std::vector<std::string> ways;
  for (const auto& files : tokenizers) {
    const std::vector<std::string> set(files.begin(), files.end());
    ways.push_back(join(set, " and "));
  }
  return ways;
}

std::string families_that(bool FamilyFacts::*holds) {
  std::vector<std::string> found;
  for (const auto& facts : all_families()) {
    if (facts.*holds) found.emplace_back(to_string(facts.family));
  }
  return join(found, " and ");
}

std::string what_families_read() {
  std::vector<std::string> families;
  for (const auto& facts : all_families()) {
    std::vector<std::string> formats;
    for (const auto format : facts.reads) formats.emplace_back(to_string(format));
    families.push_back(std::string(to_string(facts.family)) + (families.empty() ? " reads " : " ") +
                       join(formats, " and "));
  }
  return join(families);
}

}  // namespace espalier
