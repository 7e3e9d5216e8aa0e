// espalier data prepare: real datasets from packages on the system, in the formats experiments read.
#include <fmt/format.h>

#include <cstdio>

#include "commands.h"
#include "corpora/corpora.h"
#include "corpora/wordnet.h"
#include "input.h"
#include "words/names.h"

namespace espalier::worker {
namespace {

ExitCode prepare_wordnet(const PrepareWords& words) {
  const auto source = words.source.empty() ? std::string("/usr/share/wordnet/data.noun") : words.source;
  const auto counts = corpora::prepare_wordnet(source, words.output);
  std::printf(
      "%s: WordNet 3.0 nouns, %lld glosses of %lld classes: train.tsv %lld, validation.tsv %lld, test.tsv %lld\n",
      words.output.c_str(), static_cast<long long>(counts.synsets), static_cast<long long>(counts.classes),
      static_cast<long long>(counts.train), static_cast<long long>(counts.validation),
      static_cast<long long>(counts.test));
  std::printf("licence: WordNet 3.0, Princeton University (permissive; /usr/share/doc/wordnet-base/copyright)\n");
  return ExitCode::Done;
}

std::string in_words(const std::string& output, const corpora::Corpus& corpus, const corpora::Prepared& prepared) {
  std::vector<std::string> splits;
  for (const auto& split : prepared.splits) {
    splits.push_back(fmt::format("{}.tsv {} ({}{:.0f} s)", split.name, split.rows,
                                 split.words > 0 ? fmt::format("{} words, ", split.words) : "", split.seconds));
  }
  std::string text = fmt::format("{}: {}{}: {}{}\n", output, corpus.name,
                                 prepared.classes > 0 ? fmt::format(", {} classes", prepared.classes) : "",
                                 join(splits), prepared.already_there ? " (there already)" : "");
  for (const auto& note : prepared.notes) text += "    " + note + "\n";
  return text + "licence: " + corpus.licence + "\n";
}

std::vector<std::string> dataset_names() {
  std::vector<std::string> names{"wordnet"};
  for (const auto& corpus : corpora::known_corpora()) names.push_back(corpus.name);
  return names;
}

}  // namespace

std::string dataset_lines() {
  const auto line = [](const std::string& name, const std::string& summary, const std::string& packages) {
    return fmt::format("  {:<14}{}\n  {:<14}from {}\n", name, summary, "", packages);
  };
  std::string text = line("wordnet", "noun glosses, 26 classes; text-classification", "wordnet-base");
  for (const auto& corpus : corpora::known_corpora()) text += line(corpus.name, corpus.summary, corpus.packages);
  return text;
}

ExitCode prepare(const PrepareWords& words) {
  if (words.name == "wordnet") return prepare_wordnet(words);
  for (const auto& corpus : corpora::known_corpora()) {
    if (corpus.name != words.name) continue;
    corpora::Preparation preparation;
    preparation.output = words.output;
    preparation.source = words.source;
    preparation.say = say;
    preparation.stopped = interrupted;
    try {
      const auto text = in_words(words.output, corpus, corpora::prepare(words.name, preparation));
      std::fputs(text.c_str(), stdout);
      return ExitCode::Done;
    } catch (const corpora::Stopped&) {
      say("interrupted");
      return ExitCode::Interrupted;
    }
  }
  throw SettingsError(unknown_name("dataset", words.name, dataset_names()));
}

}  // namespace espalier::worker
