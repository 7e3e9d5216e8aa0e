// The program espeak-ng as a source of spoken words. It is started, not linked: it is under the GPL, Espalier is not.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace espalier::corpora {

struct Utterance {
  std::string text, accent, variant;                        // variant may be empty: the accent's own voice
  int pitch = 50, words_per_minute = 175, amplitude = 100;  // espeak-ng's own defaults
};

class Speaking {
 public:
  // `program` is a path or a name to be found in PATH; sound files go to `folder` for a moment. Throws InputError with
  // the apt-get line where the program cannot be started.
  Speaking(std::string program, std::filesystem::path folder);

  const std::string& version() const { return version_; }  // "1.51"
  // Names of voice variants, sorted; those with a space cannot be asked for and are left out.
  std::vector<std::string> variants() const;

  // Speaks all, two processes at a time, and gives each one's samples (16 kHz, empty where nothing is heard) in order.
  // Ends early where `next` answers false.
  void speak(const std::vector<Utterance>& utterances,
             const std::function<bool(std::size_t, const std::vector<std::int16_t>&)>& next) const;

 private:
  std::string answer_to(const std::string& option) const;

  std::string program_;
  std::filesystem::path folder_;
  std::string version_;
};

}  // namespace espalier::corpora
