// Hydrogen's drum kits: recorded drums, labelled by the name that a kit gives to its instrument.
#include <espalier/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/property_tree/ptree.hpp>
#include <boost/property_tree/xml_parser.hpp>
#include <cctype>
#include <map>
#include <set>
#include <string_view>
#include <system_error>

#include "corpus_makers.h"
#include "dataset_folder.h"
#include "sound_file.h"
#include "words/digest.h"

namespace espalier::corpora {
namespace {

namespace fs = std::filesystem;
using boost::property_tree::ptree;

// Kits of makers that no other split hears. Kits that are not named here are for training.
constexpr std::array<std::string_view, 4> validation_kits{"Audiophob", "ColomboAcousticDrumkit", "HardElectro1",
                                                          "VariBreaks"};
constexpr std::array<std::string_view, 3> test_kits{"The Black Pearl 1.0", "ElectricEmpireKit", "rumpf_kit_z01_h2"};

struct Rule {
  std::string_view part;   // of the instrument's name in lower case
  std::string_view label;  // empty: of no class
};
// The first that fits decides. A rim shot is no snare; one hit on a cymbal that is both crash and ride is of no class.
constexpr std::array<Rule, 32> rules{{{"sample:", ""},
                                      {"choke", ""},
                                      {"crash/ride", ""},
                                      {"ride-crash", ""},
                                      {"tambourine", ""},
                                      {"rim", "rim"},
                                      {"stick", "rim"},
                                      {"click", "rim"},
                                      {"snare", "snare"},
                                      {"kick", "kick"},
                                      {"bassdrum", "kick"},
                                      {"bass drum", "kick"},
                                      {"ride", "ride"},
                                      {"paiste bell", "ride"},
                                      {"crash", "crash"},
                                      {"splash", "crash"},
                                      {"china", "crash"},
                                      {"cymbal", "crash"},
                                      {"tom", "tom"},
                                      {"ohh", "open-hat"},
                                      {"open hh", "open-hat"},
                                      {"hat open", "open-hat"},
                                      {"hi-hat open", "open-hat"},
                                      {"hi hat open", "open-hat"},
                                      {"semi", "open-hat"},
                                      {"swish", "open-hat"},
                                      {"hi hat free", "open-hat"},
                                      {"hat op", "open-hat"},
                                      {" op", "open-hat"},
                                      {"hh", "closed-hat"},
                                      {"hat", "closed-hat"},
                                      {"", ""}}};

std::string_view label_of(std::string name) {
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char byte) { return std::tolower(byte); });
  return std::find_if(rules.begin(), rules.end(),
                      [&](const Rule& rule) { return name.find(rule.part) != std::string::npos; })
      ->label;
}

struct Sound {
  fs::path file;
  std::string kit;
  std::set<std::string> labels;  // of all instruments that play it
};

// Sounds of a kit that belong to a class and are installed; counts those that are not.
void add_kit(const fs::path& folder, std::map<std::string, Sound>& by_digest, std::int64_t& missing) {
  const auto file = folder / "drumkit.xml";
  ptree tree;
  try {
    boost::property_tree::read_xml(file.string(), tree, boost::property_tree::xml_parser::trim_whitespace);
  } catch (const boost::property_tree::xml_parser_error& error) {
    throw InputError(fmt::format("{}:{}: is not XML: {}", file.string(), error.line(), error.message()));
  }
  const auto instruments = tree.get_child_optional("drumkit_info.instrumentList");
  if (!instruments) throw InputError(file.string() + ": has no <instrumentList>, expected a drum kit of Hydrogen");
  for (const auto& [tag, instrument] : *instruments) {
    if (tag != "instrument") continue;
    const auto label = label_of(instrument.get("name", std::string()));
    if (label.empty()) continue;
    const auto add = [&](const std::string& name) {
      std::error_code ignored;
      if (name.empty()) return;
      if (!fs::is_regular_file(folder / name, ignored)) {
        ++missing;
        return;
      }
      auto& sound = by_digest[sha256_of_file(folder / name)];  // kits share recordings under several names
      if (sound.file.empty()) sound = {folder / name, folder.filename().string(), {}};
      sound.labels.insert(std::string(label));
    };
    add(instrument.get("filename", std::string()));
    for (const auto& [part, layer] : instrument) {
      if (part == "layer") add(layer.get("filename", std::string()));
    }
  }
}

std::size_t split_of_kit(const std::string& kit) {
  const auto among = [&](const auto& kits) { return std::find(kits.begin(), kits.end(), kit) != kits.end(); };
  return among(test_kits) ? 2 : among(validation_kits) ? 1 : 0;
}

}  // namespace

Prepared prepare_drums(const Corpus& corpus, const Preparation& preparation) {
  DatasetFolder folder(corpus, preparation.output, {{"source", preparation.source.string()}});
  if (folder.finished()) return *folder.finished();
  const auto kits = package_path(corpus, preparation, "hydrogen/data/drumkits");
  std::vector<fs::path> folders;
  for (const auto& entry : fs::directory_iterator(kits)) {
    if (fs::exists(entry.path() / "drumkit.xml")) folders.push_back(entry.path());
  }
  std::sort(folders.begin(), folders.end());
  std::map<std::string, Sound> by_digest;
  std::int64_t missing = 0;
  for (const auto& kit : folders) {
    if (preparation.stopped()) throw Stopped{};
    add_kit(kit, by_digest, missing);
  }
  const std::array<const char*, 3> names{"train", "validation", "test"};
  std::array<std::vector<Clip>, 3> clips;
  std::int64_t unreadable = 0, in_two_classes = 0;
  for (const auto& [digest, sound] : by_digest) {
    const auto seconds = seconds_of(sound.file);
    if (!seconds) ++unreadable;
    if (sound.labels.size() > 1) ++in_two_classes;
    if (!seconds || sound.labels.size() > 1) continue;
    clips[split_of_kit(sound.kit)].push_back({fs::absolute(sound.file).string(), *sound.labels.begin(), *seconds});
  }
  for (std::size_t split = 0; split < names.size(); ++split) {
    if (clips[split].empty()) {
      throw InputError(kits.string() + ": has no sounds for " + names[split] + "\n    apt-get install --reinstall " +
                       corpus.packages);
    }
    // The order of digests is a random one, so that the first rows are a sample.
    folder.table(names[split], clips[split], "label");
  }
  if (missing + unreadable + in_two_classes > 0) {
    folder.note(fmt::format("left out: {} sounds that are not in the package, {} unreadable, {} of two classes",
                            missing, unreadable, in_two_classes));
  }
  return folder.commit();
}

}  // namespace espalier::corpora
