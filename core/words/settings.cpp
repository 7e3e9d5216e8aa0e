#include <espalier/error.h>
#include <espalier/settings.h>

#include "words/names.h"
#include "words/plugin_description.h"

namespace espalier {
namespace {

const SettingValue& value_of(const std::map<std::string, SettingValue>& values, const std::string& name) {
  const auto found = values.find(name);
  if (found != values.end()) return found->second;
  std::vector<std::string> known;
  known.reserve(values.size());
  for (const auto& [key, value] : values) known.push_back(key);
  throw SettingsError(unknown_name("setting", name, known));
}

template <typename T>
T exactly(const std::map<std::string, SettingValue>& values, const std::string& name, const char* wanted) {
  const auto& value = value_of(values, name);
  if (const auto* exact = std::get_if<T>(&value)) return *exact;
  throw SettingsError("setting '" + name + "' is " + type_name(value) + ", expected " + wanted);
}

}  // namespace

Settings::Settings() = default;
Settings::Settings(std::map<std::string, SettingValue> values) : values_(std::move(values)) {}

bool Settings::has(const std::string& name) const { return values_.contains(name); }
void Settings::set(const std::string& name, SettingValue value) { values_[name] = std::move(value); }

template <>
bool Settings::get<bool>(const std::string& name) const {
  return exactly<bool>(values_, name, "true or false");
}

template <>
std::int64_t Settings::get<std::int64_t>(const std::string& name) const {
  return exactly<std::int64_t>(values_, name, "an integer");
}

template <>
double Settings::get<double>(const std::string& name) const {
  if (const auto* integer = std::get_if<std::int64_t>(&value_of(values_, name))) return static_cast<double>(*integer);
  return exactly<double>(values_, name, "a number");
}

template <>
std::string Settings::get<std::string>(const std::string& name) const {
  return exactly<std::string>(values_, name, "a text");
}

}  // namespace espalier
