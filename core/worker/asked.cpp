#include "asked.h"

#include <espalier/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <set>

#include "audio/sound.h"
#include "cells/families.h"
#include "tables/text_table.h"
#include "words/atomic_file.h"
#include "words/utf8.h"
#include "words/watch.h"

namespace espalier::worker {
namespace {

namespace fs = std::filesystem;

const std::set<std::string> sound_extensions = {".wav",  ".flac", ".ogg", ".oga", ".opus", ".mp3",
                                                ".aiff", ".aif",  ".au",  ".w64", ".caf",  ".rf64"};

std::string extension_of(const fs::path& path) {
  auto extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return extension;
}

bool is_table(const std::string& extension) {
  return extension == ".tsv" || extension == ".csv" || extension == ".jsonl";
}

const char* what_it_reads(bool texts) {
  return texts
             ? "expected --text \"...\", a .txt file of one text a line, a table (.tsv, .csv, .jsonl) with a column "
               "text, or tensors (.safetensors)"
             : "expected a sound file (wav, flac, ogg, mp3, aiff), a folder of them, a table (.tsv, .csv, .jsonl) with "
               "a column path, or tensors (.safetensors)";
}

// The header of safetensors is JSON behind eight bytes of its length, whatever the file is called.
bool is_tensors(const fs::path& path, const std::string& extension) {
  if (extension == ".safetensors") return true;
  std::ifstream file(path, std::ios::binary);
  std::array<char, 9> head{};
  file.read(head.data(), head.size());
  return file.gcount() == 9 && head[8] == '{' && head[7] == 0 && head[6] == 0;
}

std::vector<Asked::One> lines_of(const fs::path& path) {
  const auto content = read_file(path);
  if (const auto bad = invalid_utf8(content)) {
    const auto line = 1 + std::count(content.begin(), content.begin() + static_cast<std::ptrdiff_t>(*bad), '\n');
    throw InputError(
        fmt::format("{}:{}: is not UTF-8 at byte {} of the file\n    convert it: iconv -f LATIN1 -t UTF-8, "
                    "where LATIN1 is what it is written in",
                    path.string(), line, *bad));
  }
  std::vector<Asked::One> texts;
  std::int64_t line = 0;
  for (std::size_t begin = content.starts_with("\xEF\xBB\xBF") ? 3 : 0; begin < content.size();) {
    const auto end = std::min(content.find('\n', begin), content.size());
    auto text = content.substr(begin, end - begin);
    if (text.ends_with('\r')) text.pop_back();
    begin = end + 1;
    ++line;
    if (text.find_first_not_of(" \t") == std::string::npos) continue;
    texts.push_back({fmt::format("{}:{}", path.string(), line), std::move(text), "", ""});
  }
  return texts;
}

std::vector<Asked::One> rows_of(const fs::path& path, const PredictWords& words, bool texts) {
  const TextColumns columns{words.column.empty() ? (texts ? "text" : "path") : words.column, texts ? words.pair : "",
                            "", "--column NAME names the column that is read"};
  std::vector<Asked::One> found;
  for (const auto& row : read_text_table(path, columns)) {
    auto name = fmt::format("{}:{}", path.string(), row.line);
    if (texts) {
      found.push_back({std::move(name), row.text, row.pair, ""});
    } else {
      const fs::path given(row.text);
      found.push_back({row.text, "", "", (given.is_absolute() ? given : path.parent_path() / given).string()});
    }
  }
  return found;
}

std::vector<Asked::One> sounds_in(const fs::path& folder) {
  std::vector<std::string> paths;
  std::error_code failed;
  for (fs::recursive_directory_iterator entry(folder, failed), end; !failed && entry != end; entry.increment(failed)) {
    std::error_code ignored;
    if (entry->is_regular_file(ignored) && sound_extensions.contains(extension_of(entry->path())))
      paths.push_back(entry->path().string());
  }
  if (failed) throw InputError(folder.string() + ": cannot be read: " + failed.message());
  if (paths.empty()) {
    throw InputError(folder.string() + ": holds no sound files\n    expected some of wav, flac, ogg, mp3, aiff in it");
  }
  std::sort(paths.begin(), paths.end());
  std::vector<Asked::One> sounds;
  for (const auto& path : paths) sounds.push_back({path, "", "", path});
  return sounds;
}

// Why it cannot be heard, or nothing.
std::string problem_of(const std::string& path, std::int64_t rate, std::int64_t least, std::int64_t most) {
  constexpr std::size_t samples_at_once = 1 << 20;
  const auto without_path = [&](std::string what) {
    return what.starts_with(path + ": ") ? what.substr(path.size() + 2) : what;
  };
  try {
    if (invalid_utf8(path)) return "its name is not UTF-8\n    rename it";
    audio::SoundReader reader(path, rate);
    std::int64_t count = 0;
    while (true) {
      const auto samples = reader.next(samples_at_once);
      if (samples.empty()) break;
      count += static_cast<std::int64_t>(samples.size());
    }
    const auto seconds = [&](std::int64_t samples) { return static_cast<double>(samples) / static_cast<double>(rate); };
    if (count < least)
      return fmt::format("is too short: {:.3f} s, the model needs {:.3f} s", seconds(count), seconds(least));
    if (most > 0 && count > most) {
      return fmt::format("is {:.1f} s long, the model hears {:.1f} s\n    --long-audio takes long ones", seconds(count),
                         seconds(most));
    }
    return "";
  } catch (const Error& error) {
    return without_path(error.what());
  }
}

}  // namespace

Asked what_is_asked(const PredictWords& words, const std::string& family) {
  const bool texts = facts_of(from_name<Family>(family)).can_read(Format::TextClassification);
  if (!words.texts.empty()) {
    if (!texts) {
      throw SettingsError(words.model + ": is of family " + family + ", which reads sounds\n    " +
                          what_it_reads(false));
    }
    if (!words.input.empty()) throw SettingsError("--text and --input are two ways to say what is read\n    give one");
    Asked asked;
    for (const auto& text : words.texts) asked.all.push_back({text, text, "", ""});
    return asked;
  }
  if (words.input.empty())
    throw SettingsError(std::string("nothing is given to predict of\n    ") + what_it_reads(texts));
  const fs::path path(words.input);
  std::error_code ignored;
  if (!fs::exists(path, ignored)) throw InputError(words.input + ": there is no such file or folder");
  const auto extension = extension_of(path);
  if (is_tensors(path, extension)) return {Asked::Kind::Tensors, {}};
  Asked asked{texts ? Asked::Kind::Texts : Asked::Kind::Sounds, {}};
  const bool folder = fs::is_directory(path, ignored), readable = folder || is_table(extension) || extension == ".txt";
  if (texts && (folder || !readable)) {
    throw InputError(words.input + ": is no text that can be read (" + words.model + " is of family bert)\n    " +
                     what_it_reads(true));
  }
  if (!texts && extension == ".txt") {
    throw InputError(words.input + ": is no sound (" + words.model + " is of family " + family + ")\n    " +
                     what_it_reads(false));
  }
  if (folder) {
    asked.all = sounds_in(path);
  } else if (is_table(extension)) {
    asked.all = rows_of(path, words, texts);
  } else if (texts) {
    asked.all = lines_of(path);
  } else {
    asked.all.push_back({words.input, "", "", words.input});
  }
  if (asked.all.empty()) throw InputError(words.input + ": holds no texts\n    expected one a line");
  return asked;
}

std::vector<LeftOut> take_out_bad_sounds(Asked& asked, std::int64_t rate, std::int64_t least, std::int64_t most) {
  std::vector<LeftOut> left_out;
  std::vector<Asked::One> good;
  for (auto& one : asked.all) {
    if (interrupted()) throw Interrupted{};
    auto problem = problem_of(one.path, rate, least, most);
    if (problem.empty()) {
      good.push_back(std::move(one));
    } else {
      left_out.push_back({one.name, std::move(problem)});
    }
  }
  asked.all = std::move(good);
  return left_out;
}

}  // namespace espalier::worker
