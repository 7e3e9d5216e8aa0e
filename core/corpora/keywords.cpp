// Spoken keywords: 20 words by every voice variant of espeak-ng, in several accents, pitches, speeds and amplitudes.
#include <espalier/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <random>
#include <set>

#include "corpus_makers.h"
#include "dataset_folder.h"
#include "sound_file.h"
#include "speaking.h"
#include "words/atomic_file.h"
#include "words/digest.h"
#include "words/names.h"

namespace espalier::corpora {
namespace {

namespace fs = std::filesystem;

constexpr std::array<const char*, 20> keywords{"yes",  "no",   "up",  "down",  "left",  "right", "on",
                                               "off",  "stop", "go",  "zero",  "one",   "two",   "three",
                                               "four", "five", "six", "seven", "eight", "nine"};
// en-us-nyc is left out: with many variants it sounds exactly like en-us.
constexpr std::array<const char*, 7> accents{"en-gb",      "en-us",          "en-gb-scotland", "en-gb-x-gbclan",
                                             "en-gb-x-rp", "en-gb-x-gbcwmd", "en-029"};
constexpr const char* probing_accent = "en-us";
constexpr const char* probing_word = "seven";
constexpr std::size_t longest_clip = clip_rate, shortest_clip = clip_rate / 10;
constexpr int most_attempts = 20;  // of a clip, each with another voice

struct Range {
  int lowest, highest;
};
constexpr Range pitches{20, 80}, speeds{120, 220}, amplitudes{50, 150};

struct Split {
  std::string name;
  std::int64_t clips = 0;
  std::vector<std::string> variants;
};

// A variant's place is decided by its name alone, so that it is the same with every set of variants: of a hundred parts
// of the hashes 20 are for test and 10 for validation.
std::size_t split_of_variant(const std::string& variant) {
  const auto part = std::stoul(sha256_hex("keywords " + variant).substr(0, 8), nullptr, 16) % 100;
  return part < 20 ? 2 : part < 30 ? 1 : 0;
}

std::string digest_of(const std::vector<std::int16_t>& samples) {
  return sha256_hex({reinterpret_cast<const char*>(samples.data()), samples.size() * sizeof samples[0]});
}

// Counts clips and says now and then how many there are, how fast they come and how long it will take.
class Progress {
 public:
  Progress(const Preparation& preparation, std::int64_t total) : preparation_(preparation), total_(total) {}
  void one_more() {
    ++done_;
    const auto now = std::chrono::steady_clock::now();
    if (now - said_ < std::chrono::seconds(5)) return;
    said_ = now;
    const double seconds = std::chrono::duration<double>(now - start_).count();
    const double rate = static_cast<double>(done_) / std::max(seconds, 1e-3);
    preparation_.say(fmt::format("keywords: {} of {} clips, {:.0f} a second, {:.0f} s left", done_, total_, rate,
                                 static_cast<double>(total_ - done_) / rate));
  }
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

 private:
  const Preparation& preparation_;
  std::int64_t total_, done_ = 0;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now(), said_ = start_;
};

// Variants that speak: not silent, not the accent's own voice under another name, no two the same.
std::vector<std::string> speaking_variants(const Speaking& espeak, const Preparation& preparation,
                                           std::vector<std::string>& dropped) {
  const auto variants = espeak.variants();
  std::vector<Utterance> probes{{.text = probing_word, .accent = probing_accent, .variant = ""}};
  for (const auto& variant : variants) {
    probes.push_back({.text = probing_word, .accent = probing_accent, .variant = variant});
  }
  std::vector<std::string> good;
  std::set<std::string> heard;
  espeak.speak(probes, [&](std::size_t number, const std::vector<std::int16_t>& samples) {
    if (preparation.stopped()) throw Stopped{};
    const bool usable = samples.size() >= shortest_clip && heard.insert(digest_of(samples)).second;
    if (number > 0) (usable ? good : dropped).push_back(variants[number - 1]);
    return true;
  });
  return good;
}

std::vector<std::string> installed_accents(const Speaking& espeak) {
  std::vector<Utterance> probes;
  for (const char* accent : accents) probes.push_back({.text = probing_word, .accent = accent, .variant = ""});
  std::vector<std::string> good;
  espeak.speak(probes, [&](std::size_t number, const std::vector<std::int16_t>& samples) {
    if (!samples.empty()) good.emplace_back(accents[number]);
    return true;
  });
  return good;
}

// One draw of a clip; the same numbers give the same voice everywhere.
Utterance drawn(const Split& split, std::size_t split_number, std::int64_t clip, int attempt,
                const std::vector<std::string>& accents_here) {
  std::seed_seq seed{static_cast<std::uint32_t>(split_number), static_cast<std::uint32_t>(clip),
                     static_cast<std::uint32_t>(attempt)};
  std::mt19937_64 random(seed);
  const auto one_of = [&](const auto& choices) { return choices[random() % choices.size()]; };
  const auto within = [&](Range range) {
    return range.lowest + static_cast<int>(random() % static_cast<std::uint64_t>(range.highest - range.lowest + 1));
  };
  Utterance utterance;
  utterance.text = keywords[static_cast<std::size_t>(clip) % keywords.size()];
  utterance.variant = one_of(split.variants);
  utterance.accent = one_of(accents_here);
  utterance.pitch = within(pitches);
  utterance.words_per_minute = within(speeds);
  utterance.amplitude = within(amplitudes);
  return utterance;
}

class Recording {
 public:
  Recording(const Speaking& espeak, const Preparation& preparation, std::vector<std::string> accents_here,
            const fs::path& folder, std::int64_t total)
      : espeak_(espeak),
        preparation_(preparation),
        accents_(std::move(accents_here)),
        folder_(folder),
        progress_(preparation, total) {}

  // Clips that turn out silent, too long or spoken before are drawn again until all are there.
  std::vector<Clip> record(const Split& split, std::size_t split_number) {
    for (const char* word : keywords) fs::create_directories(folder_ / split.name / word);
    std::vector<std::int64_t> open(static_cast<std::size_t>(split.clips));
    for (std::size_t clip = 0; clip < open.size(); ++clip) open[clip] = static_cast<std::int64_t>(clip);
    std::vector<Clip> clips(open.size());
    for (int attempt = 0; !open.empty(); ++attempt) {
      if (attempt == most_attempts) {
        throw InputError(
            fmt::format("espeak-ng {}: {} of {} clips of {} are silent, longer than 1 s or spoken before, "
                        "after {} attempts each\n    try another version of espeak-ng",
                        espeak_.version(), open.size(), split.clips, split.name, most_attempts));
      }
      open = attempt_all(split, split_number, open, attempt, clips);
    }
    return clips;
  }

  const std::string& voices() const { return voices_; }
  double seconds() const { return progress_.seconds(); }

 private:
  std::vector<std::int64_t> attempt_all(const Split& split, std::size_t split_number,
                                        const std::vector<std::int64_t>& open, int attempt, std::vector<Clip>& clips) {
    std::vector<Utterance> utterances;
    for (const auto clip : open) utterances.push_back(drawn(split, split_number, clip, attempt, accents_));
    std::vector<std::int64_t> again;
    espeak_.speak(utterances, [&](std::size_t number, const std::vector<std::int16_t>& samples) {
      if (preparation_.stopped()) throw Stopped{};
      const bool usable =
          samples.size() >= shortest_clip && samples.size() <= longest_clip && heard_.insert(digest_of(samples)).second;
      if (usable) {
        clips[static_cast<std::size_t>(open[number])] = keep(split, open[number], utterances[number], samples);
      } else {
        again.push_back(open[number]);
      }
      return true;
    });
    return again;
  }

  Clip keep(const Split& split, std::int64_t clip, const Utterance& utterance,
            const std::vector<std::int16_t>& samples) {
    const auto path = fmt::format("{}/{}/{:05}.wav", split.name, utterance.text, clip);
    write_clip(folder_ / path, samples);
    voices_ += fmt::format("{}\t{}\t{}\t{}\t{}\t{}\t{}\n", path, utterance.text, utterance.accent, utterance.variant,
                           utterance.pitch, utterance.words_per_minute, utterance.amplitude);
    progress_.one_more();
    return {path, utterance.text, static_cast<double>(samples.size()) / clip_rate};
  }

  const Speaking& espeak_;
  const Preparation& preparation_;
  std::vector<std::string> accents_;
  fs::path folder_;
  Progress progress_;
  std::set<std::string> heard_;  // digests of all splits, so that no two clips are the same
  std::string voices_ = "path\tlabel\taccent\tvariant\tpitch\twords_per_minute\tamplitude\n";
};

}  // namespace

Prepared prepare_keywords(const Corpus& corpus, const Preparation& preparation) {
  const auto program = preparation.source.empty() ? std::string("espeak-ng") : preparation.source.string();
  const auto& counts = preparation.clips;
  DatasetFolder folder(
      corpus, preparation.output,
      {{"program", program}, {"train", counts.train}, {"validation", counts.validation}, {"test", counts.test}});
  if (folder.finished()) return *folder.finished();
  const Speaking espeak(program, folder.path());
  std::vector<Split> splits{
      {"train", counts.train, {}}, {"validation", counts.validation, {}}, {"test", counts.test, {}}};
  std::vector<std::string> dropped;
  const auto good = speaking_variants(espeak, preparation, dropped);
  for (const auto& variant : good) splits[split_of_variant(variant)].variants.push_back(variant);
  const auto accents_here = installed_accents(espeak);
  for (const auto& split : splits) {
    if (split.variants.empty() || accents_here.empty()) {
      throw InputError(
          program + ": has " + std::to_string(good.size()) + " voice variants and " +
          std::to_string(accents_here.size()) +
          " English accents that speak, too few for three splits\n    apt-get install espeak-ng espeak-ng-data "
          "brings about 100 and 7");
    }
  }
  Recording recording(espeak, preparation, accents_here, folder.path(), counts.train + counts.validation + counts.test);
  for (std::size_t number = 0; number < splits.size(); ++number) {
    folder.table(splits[number].name, recording.record(splits[number], number), "label");
  }
  write_file(folder.path() / "voices.tsv", recording.voices());
  folder.note(fmt::format("espeak-ng {}, {} accents; variants: {} train, {} validation, {} test", espeak.version(),
                          accents_here.size(), splits[0].variants.size(), splits[1].variants.size(),
                          splits[2].variants.size()));
  if (!dropped.empty()) {
    folder.note("variants left out, silent or the same as another: " + join(dropped));
  }
  return folder.commit();
}

}  // namespace espalier::corpora
