// The test data of PocketSphinx: sentences of a novel and names of cards, read aloud.
#include <espalier/error.h>

#include <algorithm>
#include <sstream>

#include "corpus_makers.h"
#include "dataset_folder.h"
#include "sound_file.h"
#include "words/atomic_file.h"

namespace espalier::corpora {
namespace {

namespace fs = std::filesystem;

// Lines "<s> words </s> (name)", where name.wav lies beside the file.
void add_sentences(const fs::path& transcripts, std::vector<Clip>& clips) {
  std::istringstream lines(read_file(transcripts));
  std::string line;
  for (std::int64_t number = 1; std::getline(lines, line); ++number) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    const auto where = transcripts.string() + ":" + std::to_string(number);
    const auto end = line.find("</s>"), open = line.rfind('('), close = line.rfind(')');
    if (!line.starts_with("<s>") || end == std::string::npos || open == std::string::npos || open < end ||
        close == std::string::npos || close < open) {
      throw InputError(where + ": is no transcript, expected '<s> words </s> (name)'");
    }
    std::istringstream words(line.substr(3, end - 3));
    std::string text;
    for (std::string word; words >> word;) text += (text.empty() ? "" : " ") + word;
    const auto sound = transcripts.parent_path() / (line.substr(open + 1, close - open - 1) + ".wav");
    const auto seconds = seconds_of(sound);
    if (!seconds) throw InputError(where + ": its sound " + sound.string() + " is missing or cannot be read");
    clips.push_back({fs::absolute(sound).string(), text, *seconds});
  }
}

}  // namespace

Prepared prepare_pocketsphinx(const Corpus& corpus, const Preparation& preparation) {
  DatasetFolder folder(corpus, preparation.output, {{"source", preparation.source.string()}});
  if (folder.finished()) return *folder.finished();
  std::vector<Clip> clips;
  for (const char* transcripts : {"librivox/transcription", "cards/cards.transcription"}) {
    add_sentences(package_path(corpus, preparation, std::string("pocketsphinx/test/data/") + transcripts), clips);
  }
  folder.table("test", clips, "text");
  return folder.commit();
}

}  // namespace espalier::corpora
