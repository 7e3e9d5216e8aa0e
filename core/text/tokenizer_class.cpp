#include "tokenizer_class.h"

#include <espalier/error.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "words/atomic_file.h"
#include "words/names.h"

namespace espalier::text {
namespace {

namespace fs = std::filesystem;

struct Named {
  fs::path file;
  std::string name;
};

// A file that cannot be read is named by whoever needs it.
std::optional<Named> named_in(const fs::path& file) {
  std::error_code ignored;
  if (!fs::is_regular_file(file, ignored)) return std::nullopt;
  const auto json = nlohmann::json::parse(read_file(file), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("tokenizer_class") || !json["tokenizer_class"].is_string())
    return std::nullopt;
  return Named{file, json["tokenizer_class"].get<std::string>()};
}

std::optional<Named> named_by(const fs::path& checkpoint) {
  auto named = named_in(checkpoint / "tokenizer_config.json");
  return named ? named : named_in(checkpoint / "config.json");
}

std::string without_fast(std::string name) {
  if (name.ends_with("Fast")) name.resize(name.size() - 4);
  return name;
}

}  // namespace

std::string tokenizer_class(const fs::path& checkpoint, const std::string& otherwise) {
  const auto named = named_by(checkpoint);
  return named ? without_fast(named->name) : otherwise;
}

void require_tokenizer_class(const fs::path& checkpoint, const std::vector<std::string>& known) {
  const auto named = named_by(checkpoint);
  if (!named || std::find(known.begin(), known.end(), without_fast(named->name)) != known.end()) return;
  constexpr std::size_t longest = 80;
  throw InputError(named->file.string() + ": tokenizer_class is '" + named->name.substr(0, longest) +
                   "', which is not implemented: its texts would become other tokens\n    expected " + join(known) +
                   " (or Fast)");
}

}  // namespace espalier::text
