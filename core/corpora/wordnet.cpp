#include "corpora/wordnet.h"

#include <espalier/error.h>

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "words/atomic_file.h"
#include "words/digest.h"
#include "words/utf8.h"

namespace espalier::corpora {
namespace {

namespace fs = std::filesystem;

// Lexicographer files 03 to 28 of WordNet (lexnames(5WN)).
constexpr int first_file = 3;
constexpr std::array<const char*, 26> file_names{
    "noun.Tops",       "noun.act",           "noun.animal",   "noun.artifact", "noun.attribute",  "noun.body",
    "noun.cognition",  "noun.communication", "noun.event",    "noun.feeling",  "noun.food",       "noun.group",
    "noun.location",   "noun.motive",        "noun.object",   "noun.person",   "noun.phenomenon", "noun.plant",
    "noun.possession", "noun.process",       "noun.quantity", "noun.relation", "noun.shape",      "noun.state",
    "noun.substance",  "noun.time"};

struct Synset {
  std::string hash, text;
  const char* label;
};

// A gloss is a definition and, after it, quoted examples; the definition is the text.
std::string definition(std::string_view gloss) {
  gloss = gloss.substr(0, gloss.find("; \""));
  std::string text(gloss);
  std::replace_if(
      text.begin(), text.end(), [](char byte) { return byte == '\t' || byte == '\r' || byte == '\n'; }, ' ');
  const auto begin = text.find_first_not_of(' ');
  if (begin == std::string::npos) return {};
  return text.substr(begin, text.find_last_not_of(' ') - begin + 1);
}

const char* label_of(std::string_view line) {
  const auto space = line.find(' ');
  if (space == std::string_view::npos || line.size() < space + 4 || line[space + 3] != ' ') return nullptr;
  const char tens = line[space + 1], ones = line[space + 2];
  if (tens < '0' || tens > '9' || ones < '0' || ones > '9') return nullptr;
  const int number = (tens - '0') * 10 + (ones - '0') - first_file;
  return number >= 0 && number < static_cast<int>(file_names.size()) ? file_names[static_cast<std::size_t>(number)]
                                                                     : nullptr;
}

std::vector<Synset> read_synsets(const fs::path& file) {
  std::error_code ignored;
  if (!fs::exists(file, ignored)) {
    throw InputError(file.string() +
                     ": is not there, expected data.noun of WordNet 3.0\n    apt-get install wordnet-base "
                     "puts it into /usr/share/wordnet");
  }
  const std::string content = read_file(file);
  std::vector<Synset> synsets;
  std::int64_t number = 0;
  for (std::size_t start = 0; start < content.size();) {
    const std::size_t end = std::min(content.find('\n', start), content.size());
    const std::string_view line = std::string_view(content).substr(start, end - start);
    start = end + 1;
    ++number;
    if (line.empty() || line.starts_with("  ")) continue;  // the licence at the top
    const auto bar = line.find(" | ");
    const char* const label = label_of(line);
    std::string text = bar == std::string_view::npos ? std::string() : definition(line.substr(bar + 3));
    if (label == nullptr || text.empty() || invalid_utf8(text)) {
      throw InputError(file.string() + ":" + std::to_string(number) +
                       ": is not a synset of data.noun\n    expected an "
                       "offset, a lexicographer file from 03 to 28, words and pointers, ' | ' and a gloss in UTF-8");
    }
    synsets.push_back({sha256_hex(text), std::move(text), label});
  }
  if (synsets.empty()) throw InputError(file.string() + ": holds no synsets, expected data.noun of WordNet 3.0");
  return synsets;
}

// Of ten parts of the hashes the last two are for validation and test.
enum class Split { Train, Validation, Test };
Split split_of(const std::string& hash) {
  const auto part = std::stoul(hash.substr(hash.size() - 8), nullptr, 16) % 10;
  return part == 9 ? Split::Test : part == 8 ? Split::Validation : Split::Train;
}

}  // namespace

WordnetCounts prepare_wordnet(const fs::path& data_noun, const fs::path& output) {
  std::vector<Synset> synsets = read_synsets(data_noun);
  std::stable_sort(synsets.begin(), synsets.end(), [](const auto& a, const auto& b) { return a.hash < b.hash; });

  std::error_code error;
  fs::create_directories(output, error);
  if (!fs::is_directory(output)) {
    throw InputError(output.string() + ": cannot be made a folder" + (error ? ": " + error.message() : ""));
  }
  std::array<std::string, 3> tables;
  std::array<std::int64_t, 3> rows{};
  tables.fill("text\tlabel\n");
  std::set<std::string_view> labels;
  for (const auto& synset : synsets) {
    const auto split = static_cast<std::size_t>(split_of(synset.hash));
    tables[split] += synset.text + "\t" + synset.label + "\n";
    ++rows[split];
    labels.insert(synset.label);
  }
  // All three are written before the first one gets its name.
  AtomicFile train(output / "train.tsv"), validation(output / "validation.tsv"), test(output / "test.tsv");
  train.write(tables[0]);
  validation.write(tables[1]);
  test.write(tables[2]);
  train.commit();
  validation.commit();
  test.commit();
  return {static_cast<std::int64_t>(synsets.size()), static_cast<std::int64_t>(labels.size()), rows[0], rows[1],
          rows[2]};
}

}  // namespace espalier::corpora
