// What a plugin says on its card: traits, and the settings that it declares; and the values that a cell gives those.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <type_traits>
#include <variant>

#include <espalier/export.h>

namespace espalier {

using SettingValue = std::variant<bool, std::int64_t, double, std::string>;

// One declared setting: name, default, one line of documentation, and for texts and numbers what is allowed: values joined
// by '|', or a range of numbers, "1.." or "0..1"; '<' leaves an end out, as in "0<.." and "0..<1" (empty: anything). Plain
// data, so that a plugin's card stays a constant.
struct Setting {
  enum class Type : std::int32_t { None, Bool, Integer, Real, Text };

  constexpr Setting() = default;
  constexpr Setting(const char* its_name, bool value, const char* its_doc)
      : name(its_name), type(Type::Bool), integer(value ? 1 : 0), doc(its_doc) {}
  template <typename Integer>
  requires(std::is_integral_v<Integer> &&
           !std::is_same_v<Integer, bool>) constexpr Setting(const char* its_name, Integer value, const char* its_doc,
                                                             const char* allowed = "")
      : name(its_name), type(Type::Integer), integer(value), doc(its_doc), choices(allowed) {}
  constexpr Setting(const char* its_name, double value, const char* its_doc, const char* allowed = "")
      : name(its_name), type(Type::Real), real(value), doc(its_doc), choices(allowed) {}
  constexpr Setting(const char* its_name, const char* value, const char* its_doc, const char* allowed = "")
      : name(its_name), type(Type::Text), text(value), doc(its_doc), choices(allowed) {}

  // With these values ('|' between) the answer depends on the batches, as it always does with the trait in_file_order.
  constexpr Setting in_file_order_if(const char* values) const {
    Setting changed = *this;
    changed.in_file_order = values;
    return changed;
  }

  const char* name = "";
  Type type = Type::None;
  std::int64_t integer = 0;
  double real = 0;
  const char* text = "";
  const char* doc = "";
  const char* choices = "";
  const char* in_file_order = "";
};

// Names of settings that the host carries out, wherever a plugin declares them.
namespace host {
inline constexpr const char* split = "split";      // which rows `batches` gives: "train" or "validation",
inline constexpr const char* samples = "samples";  // the first so many, 0: all,
inline constexpr const char* batch = "batch";      // so many at a time
inline constexpr const char* loss = "loss";        // what losses and gradients are of: "task", "bce", "distillation"
inline constexpr const char* teacher = "teacher";  // of a distillation: "dense", or a checkpoint folder
inline constexpr const char* temperature = "temperature";  // of a distillation
inline constexpr const char* metric = "metric";  // what a searcher's evaluate() measures; empty: the task's first
}  // namespace host

// What the host must know before it calls a plugin; combined with |.
enum PluginTraits : std::uint32_t {
  no_traits = 0,
  needs_data = 1,          // reads batches; has a setting `split`
  needs_scores = 2,        // ranks what a scorer gave
  uses_randomness = 4,     // its answer depends on the seed
  sums_over_channels = 8,  // a head's score is the sum of its channels' scores, so finer scores serve coarser units
  in_file_order = 16,  // its value depends on the batches: the first `samples` rows in file order, `batch` at a time
  // Of searchers. Budgets that are understood; with none of these bits, a budget is first refused by the search itself.
  budget_sparsity = 32,
  budget_heads = 64,
  budget_macs = 128,
  budget_latency = 256,
  budget_loss = 512,
  heads_only = 1024,  // of scorers and searchers: understands granularity head alone
  trains = 2048,      // calls train(): needs the train split
  evaluates = 4096,   // calls evaluate(): needs the validation split
};

// A new trait is a bit above and a row here; a budget's name is that of the experiment file.
struct PluginTrait {
  PluginTraits bit;
  const char* name;
  bool is_budget = false;
};
inline constexpr PluginTrait plugin_traits[] = {
    {needs_data, "needs_data"},
    {needs_scores, "needs_scores"},
    {uses_randomness, "uses_randomness"},
    {sums_over_channels, "sums_over_channels"},
    {in_file_order, "in_file_order"},
    {budget_sparsity, "sparsity", true},
    {budget_heads, "heads", true},
    {budget_macs, "macs", true},
    {budget_latency, "latency", true},
    {budget_loss, "loss_of_metric", true},
    {heads_only, "heads_only"},
    {trains, "trains"},
    {evaluates, "evaluates"},
};

// The bits that there are.
constexpr std::uint32_t known_traits() {
  std::uint32_t all = 0;
  for (const auto& trait : plugin_traits) all |= trait.bit;
  return all;
}

// The values of one plugin instance; every declared setting is filled in by the host before a plugin sees them.
class ESPALIER_WORDS_API Settings {
 public:
  Settings();
  explicit Settings(std::map<std::string, SettingValue> values);

  bool has(const std::string& name) const;
  // The value of a setting as bool, std::int64_t, double or std::string; an integer is also given as a double.
  // Throws SettingsError where the setting is absent or of another type.
  template <typename T>
  T get(const std::string& name) const;
  void set(const std::string& name, SettingValue value);
  const std::map<std::string, SettingValue>& values() const { return values_; }

  bool operator==(const Settings&) const = default;

 private:
  std::map<std::string, SettingValue> values_;
};

template <>
ESPALIER_WORDS_API bool Settings::get<bool>(const std::string& name) const;
template <>
ESPALIER_WORDS_API std::int64_t Settings::get<std::int64_t>(const std::string& name) const;
template <>
ESPALIER_WORDS_API double Settings::get<double>(const std::string& name) const;
template <>
ESPALIER_WORDS_API std::string Settings::get<std::string>(const std::string& name) const;

}  // namespace espalier
