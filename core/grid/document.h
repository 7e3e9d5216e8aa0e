// An experiment file as a tree of values that know where they stand, so that every complaint can name its place.
// toml++ ends here: the rest of the room sees only this tree.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace espalier::grid {

struct Place {
  std::shared_ptr<const std::string> source;  // a file as the user wrote it, or a command-line option with its value
  std::uint32_t line = 0;                     // 0: the source says it all
  std::uint32_t column = 0;

  std::string text() const;
};

// Everything that is wrong, so that a user hears of all of it at once.
class Complaints {
 public:
  void add(const Place& place, const std::string& message);
  bool none() const { return found_.empty(); }
  // Throws SettingsError with the first twenty, in the order of the file.
  void throw_if_any() const;

 private:
  std::vector<std::pair<Place, std::string>> found_;
};

struct Entry;

struct Value {
  enum class Kind { Bool, Integer, Real, Text, List, Table, Date };

  Kind kind = Kind::Table;
  Place place;
  bool boolean = false;
  std::int64_t integer = 0;
  double real = 0;
  std::string text;
  bool from_working_directory = false;  // the text began with ${ESPALIER_DATA}, which is the shell's, not the file's
  std::vector<Value> items;             // of a list
  std::vector<Entry> entries;           // of a table, in the order written

  Entry* find(std::string_view key);
  const Entry* find(std::string_view key) const;
};

struct Entry {
  std::string key;
  Place place;  // of the key
  Value value;
};

// "the text 'many'", "the integer 3", "a list": what was found, for messages.
std::string describe(const Value& value);

// The tree of a TOML text; nothing and one complaint where it is not TOML.
std::optional<Value> parse_document(std::string_view text, const std::string& source, Complaints& complaints);

// Replaces ${NAME} and ${NAME:-text} in every text of the tree. As in a shell, the text after :- also stands in for an
// empty value.
void expand_variables(Value& root, const std::function<std::optional<std::string>(const std::string&)>& environment,
                      Complaints& complaints);

}  // namespace espalier::grid
