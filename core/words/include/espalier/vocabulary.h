// The closed lists of words that plugins and files use too: an enum each, and one table of its names. A new word is one
// line of its table.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <espalier/export.h>

namespace espalier {

template <typename Enum>
struct Word {
  Enum value;
  const char* name;
};

// Of an enum: what messages call one of its words, and the words in the order in which they are listed.
template <typename Enum>
struct Vocabulary;

template <typename Enum>
concept Worded = requires {
  Vocabulary<Enum>::words;
};

// Throws SettingsError: "unknown KIND 'NAME'", the nearest known name, and the known names.
[[noreturn]] ESPALIER_WORDS_API void refuse_name(std::string_view kind, std::string_view name,
                                                 const std::vector<std::string>& known);

template <Worded Enum>
constexpr const char* to_string(Enum value) {
  for (const auto& word : Vocabulary<Enum>::words) {
    if (word.value == value) return word.name;
  }
  return "";
}

template <Worded Enum>
constexpr std::optional<Enum> find_name(std::string_view name) {
  for (const auto& word : Vocabulary<Enum>::words) {
    if (name == word.name) return word.value;
  }
  return std::nullopt;
}

template <Worded Enum>
std::vector<std::string> names() {
  std::vector<std::string> all;
  for (const auto& word : Vocabulary<Enum>::words) all.emplace_back(word.name);
  return all;
}

// Throws SettingsError with the nearest known name; `kind` is what an unknown one is called.
template <Worded Enum>
Enum from_name(std::string_view name, std::string_view kind = Vocabulary<Enum>::kind) {
  if (const auto found = find_name<Enum>(name)) return *found;
  refuse_name(kind, name, names<Enum>());
}

enum class Granularity {
  Head,         // all four projections of a head
  HeadChannel,  // a QK pair or a VO pair of one head
  SameChannel,  // one channel index in all heads of a site
  QChannel,
  KChannel,
  VChannel,
  OChannel,
  ProjectionChannel,  // Q, K, V and O channels, independent of each other
};
template <>
struct Vocabulary<Granularity> {
  static constexpr const char* kind = "granularity";
  static constexpr Word<Granularity> words[] = {{Granularity::Head, "head"},
                                                {Granularity::HeadChannel, "head-channel"},
                                                {Granularity::SameChannel, "same-channel"},
                                                {Granularity::QChannel, "q-channel"},
                                                {Granularity::KChannel, "k-channel"},
                                                {Granularity::VChannel, "v-channel"},
                                                {Granularity::OChannel, "o-channel"},
                                                {Granularity::ProjectionChannel, "projection-channel"}};
};

// What a unit takes with it.
enum class UnitKind { Head, QK, VO, Q, K, V, O };
template <>
struct Vocabulary<UnitKind> {
  static constexpr const char* kind = "kind of unit";
  static constexpr Word<UnitKind> words[] = {{UnitKind::Head, "head"}, {UnitKind::QK, "qk"}, {UnitKind::VO, "vo"},
                                             {UnitKind::Q, "q"},       {UnitKind::K, "k"},   {UnitKind::V, "v"},
                                             {UnitKind::O, "o"}};
};

enum class SiteKind { EncoderSelf, DecoderSelf, DecoderCross };
template <>
struct Vocabulary<SiteKind> {
  static constexpr const char* kind = "kind of site";
  static constexpr Word<SiteKind> words[] = {{SiteKind::EncoderSelf, "encoder-self"},
                                             {SiteKind::DecoderSelf, "decoder-self"},
                                             {SiteKind::DecoderCross, "decoder-cross"}};
};

// Which attention sites of a model are pruned. Self: of encoder and decoder.
enum class SiteFilter { All, Self, EncoderSelf, DecoderSelf, DecoderCross };
template <>
struct Vocabulary<SiteFilter> {
  static constexpr const char* kind = "site filter";
  static constexpr Word<SiteFilter> words[] = {{SiteFilter::All, "all"},
                                               {SiteFilter::Self, "self"},
                                               {SiteFilter::EncoderSelf, "encoder-self"},
                                               {SiteFilter::DecoderSelf, "decoder-self"},
                                               {SiteFilter::DecoderCross, "decoder-cross"}};
};
constexpr bool chooses(SiteFilter filter, SiteKind kind) {
  switch (filter) {
    case SiteFilter::All: return true;
    case SiteFilter::Self: return kind != SiteKind::DecoderCross;
    case SiteFilter::EncoderSelf: return kind == SiteKind::EncoderSelf;
    case SiteFilter::DecoderSelf: return kind == SiteKind::DecoderSelf;
    case SiteFilter::DecoderCross: return kind == SiteKind::DecoderCross;
  }
  return false;
}

enum class Projection { Q, K, V, O };
template <>
struct Vocabulary<Projection> {
  static constexpr const char* kind = "projection";
  static constexpr Word<Projection> words[] = {
      {Projection::Q, "q"}, {Projection::K, "k"}, {Projection::V, "v"}, {Projection::O, "o"}};
};

enum class Scope {
  Global,  // all sites compete
  Local,   // each site gives the same share
};
template <>
struct Vocabulary<Scope> {
  static constexpr const char* kind = "scope";
  static constexpr Word<Scope> words[] = {{Scope::Global, "global"}, {Scope::Local, "local"}};
};

enum class Rounding { Nearest /* halves down */, Floor, Ceil };
template <>
struct Vocabulary<Rounding> {
  static constexpr const char* kind = "rounding";
  static constexpr Word<Rounding> words[] = {
      {Rounding::Nearest, "nearest"}, {Rounding::Floor, "floor"}, {Rounding::Ceil, "ceil"}};
};

// What is asked for: a share of units that goes, heads that stay, a share of the dense model's multiply-adds or time that
// may stay, how much of a metric may be lost.
enum class BudgetKind { Sparsity, Heads, Macs, Latency, LossOfMetric };
template <>
struct Vocabulary<BudgetKind> {
  static constexpr const char* kind = "budget";
  static constexpr Word<BudgetKind> words[] = {{BudgetKind::Sparsity, "sparsity"},
                                               {BudgetKind::Heads, "heads"},
                                               {BudgetKind::Macs, "macs"},
                                               {BudgetKind::Latency, "latency"},
                                               {BudgetKind::LossOfMetric, "loss_of_metric"}};
};

// What a sparsity is a share of: all units (those gone before count as removed), or those that remain.
enum class BudgetShare { All, Remaining };
template <>
struct Vocabulary<BudgetShare> {
  static constexpr const char* kind = "of";
  static constexpr Word<BudgetShare> words[] = {{BudgetShare::Remaining, "remaining"}, {BudgetShare::All, "all"}};
};

}  // namespace espalier
