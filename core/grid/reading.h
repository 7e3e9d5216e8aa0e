// Reads the keys of one table and complains about what is unknown, of another type or out of range.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "cells/budgets.h"
#include "cells/fields.h"
#include "cells/vocabulary.h"
#include "document.h"

namespace espalier::grid {

// Each reads one value; false and a complaint where it is something else. `name` is what messages call it.
bool read_text(const Value& value, std::string_view name, std::string& target, Complaints& complaints);
bool read_bool(const Value& value, std::string_view name, bool& target, Complaints& complaints);
bool read_integer(const Value& value, std::string_view name, std::int64_t least, std::int64_t& target,
                  Complaints& complaints);
bool read_real(const Value& value, std::string_view name, const Range& range, double& target, Complaints& complaints);
// One of the known words; `kind` is what an unknown one is called: "unknown granularity 'haed'".
bool read_word(const Value& value, std::string_view kind, const std::vector<std::string>& known, std::string& target,
               Complaints& complaints);
template <Worded Enum>
bool read_word(const Value& value, std::string_view kind, Enum& target, Complaints& complaints) {
  std::string name;
  if (!read_word(value, kind, names<Enum>(), name, complaints)) return false;
  target = *find_name<Enum>(name);
  return true;
}
bool expect_table(const Value& value, std::string_view name, Complaints& complaints);

// Every key asked for is a known key; finish() refuses the rest.
class TableReader {
 public:
  TableReader(const Value& table, std::string title, Complaints& complaints);

  const Value* find(const std::string& key);
  // As find, with a complaint where the key is absent.
  const Value* need(const std::string& key);
  const Entry* find_entry(const std::string& key);

  void text(const std::string& key, std::string& target);
  void boolean(const std::string& key, bool& target);
  void integer(const std::string& key, std::int64_t least, std::int64_t& target);
  void real(const std::string& key, const Range& range, double& target);
  template <Worded Enum>
  void word(const std::string& key, Enum& target) {
    if (const auto* value = find(key)) read_word(*value, key, target, complaints_);
  }
  template <Worded Enum>
  void word(const std::string& key, std::optional<Enum>& target) {
    Enum given{};
    if (const auto* value = find(key); value != nullptr && read_word(*value, key, given, complaints_)) target = given;
  }
  // One whole number or a list of them.
  void integers(const std::string& key, std::int64_t least, std::vector<std::int64_t>& target);
  // Every field of these settings that the table has; read_path(value, key, target) reads those that name a place.
  template <typename Settings, typename ReadPath>
  void fields(Settings& settings, const ReadPath& read_path) {
    each_field(settings, [&](const auto& field, auto& target) {
      using Target = std::remove_cvref_t<decltype(target)>;
      const auto least = static_cast<std::int64_t>(field.range.least);
      if constexpr (std::is_same_v<Target, bool>) {
        boolean(field.name, target);
      } else if constexpr (std::is_same_v<Target, std::int64_t>) {
        integer(field.name, least, target);
      } else if constexpr (std::is_same_v<Target, std::vector<std::int64_t>>) {
        integers(field.name, least, target);
      } else if constexpr (std::is_same_v<Target, double>) {
        real(field.name, field.range, target);
      } else if constexpr (!std::is_same_v<Target, std::string>) {
        word(field.name, target);
      } else if (*field.path == '\0') {
        text(field.name, target);
      } else if (const auto* value = find(field.name)) {
        read_path(*value, field.name, target);
      }
    });
  }
  template <typename Settings>
  void fields(Settings& settings) {
    fields(settings, [](const Value&, const char*, std::string&) {});
  }
  void finish();

 private:
  const Value& table_;
  std::string title_;
  Complaints& complaints_;
  std::vector<std::string> known_;
};

}  // namespace espalier::grid
