// Settings of a plugin: which ones it declares, and the values a cell gives it.
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

  const char* name = "";
  Type type = Type::None;
  std::int64_t integer = 0;
  double real = 0;
  const char* text = "";
  const char* doc = "";
  const char* choices = "";
};

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
