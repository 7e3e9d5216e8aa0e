// Asterisk's English prompts: real speech with transcripts, one speaker, telephone band.
#include <espalier/error.h>
#include <zlib.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <set>
#include <sstream>

#include "corpus_makers.h"
#include "dataset_folder.h"
#include "sound_file.h"
#include "words/names.h"

namespace espalier::corpora {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t largest_text = 16 << 20;
constexpr double longest_prompt_seconds = 28;                                     // Whisper hears 30
constexpr std::int64_t fewest_words_of_test = 4, fewest_words_of_validation = 2;  // between spaces

struct Prompt {
  std::string key, text;
};

// A file as text, unpacked where it is compressed.
std::string read_unpacked(const fs::path& path) {
  struct Close {
    void operator()(gzFile_s* file) const { gzclose(file); }
  };
  const std::unique_ptr<gzFile_s, Close> file(gzopen(path.c_str(), "rb"));
  if (!file) throw InputError(path.string() + ": cannot be read");
  std::string text;
  char buffer[1 << 15];
  int got = 0;
  while ((got = gzread(file.get(), buffer, sizeof buffer)) > 0) {
    text.append(buffer, static_cast<std::size_t>(got));
    if (text.size() > largest_text) throw InputError(path.string() + ": is larger than 16 MiB, expected transcripts");
  }
  int error = Z_OK;
  gzerror(file.get(), &error);
  if (got < 0 || error != Z_OK) throw InputError(path.string() + ": is damaged, it cannot be unpacked");
  return text;
}

std::string trimmed(const std::string& text) {
  const auto begin = text.find_first_not_of(" \t\r");
  return begin == std::string::npos ? std::string() : text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

// Lines "key: text"; a line that starts with ';' is a comment.
std::vector<Prompt> read_prompts(const fs::path& path) {
  const auto content = read_unpacked(path);
  std::vector<Prompt> prompts;
  std::int64_t number = 0;
  for (std::size_t start = 0; start < content.size();) {
    const auto end = std::min(content.find('\n', start), content.size());
    const auto line = trimmed(content.substr(start, end - start));
    start = end + 1;
    ++number;
    if (line.empty() || line[0] == ';') continue;
    const auto colon = line.find(':');
    if (colon == std::string::npos || colon == 0) {
      throw InputError(path.string() + ":" + std::to_string(number) +
                       ": is no transcript, expected 'key: text' or a comment that starts with ';'");
    }
    prompts.push_back({line.substr(0, colon), trimmed(line.substr(colon + 1))});
  }
  return prompts;
}

bool has_any(const std::string& text, const char* bytes) { return text.find_first_of(bytes) != std::string::npos; }

std::int64_t count_stretches(const std::string& text) {
  std::istringstream words(text);
  return std::distance(std::istream_iterator<std::string>(words), {});
}

}  // namespace

Prepared prepare_asterisk(const Corpus& corpus, const Preparation& preparation) {
  DatasetFolder folder(corpus, preparation.output, {{"source", preparation.source.string()}});
  if (folder.finished()) return *folder.finished();
  const auto transcripts = package_path(corpus, preparation, "doc/asterisk-core-sounds-en/core-sounds-en.txt.gz");
  const auto sounds = package_path(corpus, preparation, "asterisk/sounds/en_US_f_Allison");
  std::vector<Clip> test, validation;
  std::vector<std::string> without_sound;
  std::set<std::string> test_texts;
  for (const auto& prompt : read_prompts(transcripts)) {
    const auto file = sounds / (prompt.key + ".wav");
    const auto seconds = seconds_of(file);
    if (!seconds) {
      without_sound.push_back(prompt.key);
      continue;
    }
    // In brackets stands what is heard without being said.
    if (has_any(prompt.text, "[]()<>{}") || *seconds > longest_prompt_seconds) continue;
    const Clip clip{fs::absolute(file).string(), prompt.text, *seconds};
    const auto words = count_stretches(prompt.text);
    if (words >= fewest_words_of_test && !has_any(prompt.text, "0123456789")) {
      test.push_back(clip);
      test_texts.insert(prompt.text);
    } else if (words >= fewest_words_of_validation) {
      validation.push_back(clip);
    }
    if (preparation.stopped()) throw Stopped{};
  }
  std::erase_if(validation, [&](const Clip& clip) { return test_texts.contains(clip.value); });
  if (test.empty() || validation.empty()) {
    throw InputError(sounds.string() + ": has no usable prompts\n    apt-get install --reinstall " + corpus.packages);
  }
  folder.table("validation", validation, "text");
  folder.table("test", test, "text");
  folder.note("test: prompts of at least 4 words without digits; validation: the other prompts of at least 2 words");
  if (!without_sound.empty()) {
    folder.note("transcripts without a sound file: " + join(without_sound));
  }
  return folder.commit();
}

}  // namespace espalier::corpora
