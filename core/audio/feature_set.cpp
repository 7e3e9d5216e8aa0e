#include "audio/feature_set.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/stack.h>
#include <espalier/error.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>

#include "audio/sound.h"
#include "words/cache/entry.h"
#include "words/cache/lock.h"
#include "words/digest.h"
#include "words/version.h"

namespace espalier::audio {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using Json = nlohmann::json;

constexpr std::size_t files_at_once = 64;
constexpr std::size_t most_named = 20;
constexpr char magic[] = "espalier features 2\n";
// Windows of one file that are kept in memory until they are written; longer files are written as they are read.
constexpr std::size_t windows_in_memory = 8;

// One window in the file.
struct Window {
  std::int64_t offset = 0;  // of its first number
  std::int64_t frames = 0;
  double fill = 0;
};

struct Example {
  std::int64_t row = 0;
  std::vector<Window> windows;
};

std::string too_long(const AudioRow& row, double seconds, const FeatureExtractor& extractor) {
  char text[160];
  std::snprintf(text, sizeof text, ": is %.1f s long, the model hears %.1f s", seconds, extractor.window_seconds());
  return row.path + text;
}

// What a file is besides its windows.
struct Heard {
  bool cut = false;      // only its beginning counts
  bool cancels = false;  // its channels cancel each other
  bool stopped = false;  // `take` wanted no more
};

// Hands the windows of a file to `take`, which may stop; the rest of a file that is cut is read for what is wrong
// with it.
Heard hear_windows(const AudioRow& row, const FeatureExtractor& extractor, const FeaturePolicy& policy,
                   const std::function<bool(Features)>& take) {
  SoundReader reader(row.path, extractor.sampling_rate());
  const auto most = static_cast<std::size_t>(extractor.window_samples());
  std::size_t count = 0;
  Heard heard;
  while (true) {
    const auto samples = reader.next(most);
    if (samples.empty() && count > 0) break;
    const bool first = count == 0;
    count += samples.size();
    if (first && static_cast<std::int64_t>(count) < extractor.shortest()) {
      throw InputError(row.path + ": is too short: " + std::to_string(count) + " samples at " +
                       std::to_string(extractor.sampling_rate()) + " Hz, one frame needs " +
                       std::to_string(extractor.shortest()));
    }
    if (!first && policy.long_audio != FeaturePolicy::LongAudio::Chunk) continue;
    if (!take(extractor.features(samples))) {
      heard.stopped = true;
      return heard;
    }
  }
  if (count > most && policy.long_audio == FeaturePolicy::LongAudio::Refuse)
    throw InputError(
        too_long(row, static_cast<double>(count) / static_cast<double>(extractor.sampling_rate()), extractor));
  heard.cut = count > most && policy.long_audio == FeaturePolicy::LongAudio::Cut;
  heard.cancels = reader.channels_cancel();
  return heard;
}

// Longer than a window and not to be: said from the header where that tells, before any work.
std::string problem_of(const AudioRow& row, const FeatureExtractor& extractor, const FeaturePolicy& policy) {
  try {
    const auto seconds = read_sound_header(row.path).seconds();
    const auto samples = seconds.value_or(0) * static_cast<double>(extractor.sampling_rate());
    if (policy.long_audio == FeaturePolicy::LongAudio::Refuse &&
        std::floor(samples) > static_cast<double>(extractor.window_samples()))
      return too_long(row, *seconds, extractor);
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

[[noreturn]] void refuse(const std::vector<std::string>& problems, std::size_t files, bool too_long) {
  std::string message = problems.size() == 1 ? problems[0]
                                             : std::to_string(problems.size()) + " of " + std::to_string(files) +
                                                   " sound files cannot be used";
  if (problems.size() > 1) {
    for (std::size_t i = 0; i < std::min(problems.size(), most_named); ++i)
      message += "\n    " + first_line(problems[i]);
    if (problems.size() > most_named) message += "\n    and " + std::to_string(problems.size() - most_named) + " more";
  }
  message += "\n    bad_files = \"skip\" (on the command line --bad-files skip) leaves them out and counts them";
  if (too_long) message += "; long_audio = \"cut\" or \"chunk\" takes long ones";
  throw InputError(message);
}

// Appends to a file that is renamed when it is whole. What cannot be written is only not kept.
class Writer {
 public:
  explicit Writer(const fs::path& target)
      : target_(target), part_(target.string() + ".part" + std::to_string(getpid())) {
    std::error_code ignored;
    fs::create_directories(target.parent_path(), ignored);
    file_ = std::fopen(part_.c_str(), "wb+");
    if (file_ != nullptr) write(magic, sizeof magic - 1);
  }
  ~Writer() {
    if (file_ == nullptr) return;
    std::fclose(file_);
    std::error_code ignored;
    fs::remove(part_, ignored);
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  bool works() const { return file_ != nullptr && !failed_; }
  std::int64_t place() const { return place_; }
  void write(const void* data, std::size_t bytes) {
    if (!works()) return;
    failed_ = std::fwrite(data, 1, bytes, file_) != bytes;
    digest_.update(data, bytes);
    place_ += static_cast<std::int64_t>(bytes);
  }
  // Index behind the numbers, its place at the very end. False: not kept.
  bool finish(const std::string& index, const Watch& watch) {
    const auto start = place_;
    write(index.data(), index.size());
    write(&start, sizeof start);
    if (!works() || std::fflush(file_) != 0 || fsync(fileno(file_)) != 0) return false;
    try {
      CachedEntry(target_).put_file(part_, digest_.hex(), watch);
    } catch (const InputError&) {
      return false;
    }
    std::fclose(file_);
    file_ = nullptr;
    return true;
  }

 private:
  fs::path target_, part_;
  std::FILE* file_ = nullptr;
  std::int64_t place_ = 0;
  Sha256 digest_;
  bool failed_ = false;
};

bool read_at(int descriptor, void* target, std::size_t bytes, std::int64_t offset) {
  auto* place = static_cast<char*>(target);
  while (bytes > 0) {
    const auto got = pread(descriptor, place, bytes, offset);
    if (got <= 0) return false;
    place += got;
    offset += got;
    bytes -= static_cast<std::size_t>(got);
  }
  return true;
}

}  // namespace

struct FeatureSet::State {
  FeatureExtractor extractor;
  FeaturePolicy policy;
  std::vector<AudioRow> rows;
  fs::path file;
  std::unique_ptr<PathLock> kept;  // held while it is read from; null: features are computed each time
  std::vector<Example> examples;
  std::vector<std::string> skipped;
  std::vector<std::int64_t> cancelling;  // examples
  std::int64_t cut = 0;

  std::string index() const {
    auto list = Json::array();
    for (const auto& example : examples) {
      auto windows = Json::array();
      for (const auto& window : example.windows) windows.push_back({window.offset, window.frames, window.fill});
      list.push_back({example.row, windows});
    }
    return Json{{"examples", list}, {"skipped", skipped}, {"cancelling", cancelling}, {"cut", cut}}.dump();
  }

  bool forget() {
    examples.clear();
    skipped.clear();
    cancelling.clear();
    return false;
  }

  // False where there is no whole file of this kind.
  bool load(const Watch& watch) {
    auto held = std::make_unique<PathLock>(file, PathLock::Kind::Shared);
    if (!CachedEntry(file).is_whole(watch) || !held->is_still(file)) return false;
    const int descriptor = held->descriptor();
    const auto size = lseek(descriptor, 0, SEEK_END);
    std::int64_t start = 0;
    char begin[sizeof magic - 1];
    const std::int64_t least = sizeof begin + sizeof start;
    if (size < least || !read_at(descriptor, begin, sizeof begin, 0) || std::memcmp(begin, magic, sizeof begin) != 0 ||
        !read_at(descriptor, &start, sizeof start, size - static_cast<std::int64_t>(sizeof start)) ||
        start < static_cast<std::int64_t>(sizeof begin) || start > size - static_cast<std::int64_t>(sizeof start)) {
      return false;
    }
    std::string text(static_cast<std::size_t>(size - static_cast<std::int64_t>(sizeof start) - start), '\0');
    if (!read_at(descriptor, text.data(), text.size(), start)) return false;
    try {
      const auto json = Json::parse(text);
      for (const auto& entry : json.at("examples")) {
        Example example;
        example.row = entry.at(0);
        for (const auto& window : entry.at(1)) example.windows.push_back({window.at(0), window.at(1), window.at(2)});
        for (const auto& window : example.windows) {
          const auto end = window.offset + window.frames * extractor.mel_bins() * 4;
          if (window.offset < 0 || window.frames < 0 || window.frames > extractor.frames() || end > start)
            return forget();
        }
        if (example.row < 0 || example.row >= static_cast<std::int64_t>(rows.size())) return forget();
        examples.push_back(std::move(example));
      }
      skipped = json.at("skipped").get<std::vector<std::string>>();
      cancelling = json.at("cancelling").get<std::vector<std::int64_t>>();
      for (const auto example : cancelling)
        if (example < 0 || example >= static_cast<std::int64_t>(examples.size())) return forget();
      cut = json.at("cut");
    } catch (const Json::exception&) {
      return forget();
    }
    kept = std::move(held);
    return true;
  }

  // What reading one file gave; no windows where they are too many to be held.
  struct Found {
    std::vector<Features> windows;
    Heard heard;
  };

  std::vector<std::string> problems_of_headers() const {
    std::vector<std::string> problems(rows.size());
    at::parallel_for(0, static_cast<std::int64_t>(rows.size()), 16, [&](std::int64_t begin, std::int64_t end) {
      for (auto i = begin; i < end; ++i) {
        const auto place = static_cast<std::size_t>(i);
        problems[place] = problem_of(rows[place], extractor, policy);
      }
    });
    return problems;
  }

  // Of so many files at once.
  std::vector<Found> read(std::size_t first, std::size_t count, std::vector<std::string>& problems) const {
    std::vector<Found> found(count);
    at::parallel_for(0, static_cast<std::int64_t>(count), 1, [&](std::int64_t begin, std::int64_t end) {
      for (auto i = begin; i < end; ++i) {
        const auto place = static_cast<std::size_t>(i);
        auto& windows = found[place].windows;
        if (!problems[first + place].empty()) continue;
        try {
          found[place].heard = hear_windows(rows[first + place], extractor, policy, [&](Features window) {
            windows.push_back(std::move(window));
            return windows.size() <= windows_in_memory;
          });
          if (found[place].heard.stopped) windows.clear();
        } catch (const std::exception& error) {
          problems[first + place] = error.what();
        }
      }
    });
    return found;
  }

  void keep(std::size_t row, const Found& found, Writer& writer) {
    Example example;
    example.row = static_cast<std::int64_t>(row);
    const auto write = [&](const Features& window) {
      const auto frames = window.frames.contiguous();
      example.windows.push_back({writer.place(), frames.size(0), window.fill});
      writer.write(frames.const_data_ptr<float>(), static_cast<std::size_t>(frames.numel()) * 4);
      return true;
    };
    auto heard = found.heard;
    if (heard.stopped) heard = hear_windows(rows[row], extractor, policy, write);
    for (const auto& window : found.windows) write(window);
    cut += heard.cut ? 1 : 0;
    if (heard.cancels) cancelling.push_back(static_cast<std::int64_t>(examples.size()));
    examples.push_back(std::move(example));
  }

  void compute(const std::function<void(const std::string&)>& say, const std::function<void()>& check) {
    auto problems = problems_of_headers();
    report(problems);
    Writer writer(file);
    const auto begun = Clock::now();
    auto said = begun;
    for (std::size_t first = 0; first < rows.size(); first += files_at_once) {
      if (check) check();
      const auto count = std::min(files_at_once, rows.size() - first);
      const auto found = read(first, count, problems);
      report(problems);
      for (std::size_t i = 0; i < count; ++i) {
        if (!problems[first + i].empty()) continue;
        try {
          keep(first + i, found[i], writer);
        } catch (const Error& error) {
          problems[first + i] = error.what();
        }
      }
      report(problems);
      if (say && Clock::now() - said > std::chrono::seconds(5)) {
        said = Clock::now();
        const double seconds = std::chrono::duration<double>(said - begun).count();
        const double rate = static_cast<double>(first + count) / seconds;
        char line[160];
        std::snprintf(line, sizeof line, "features: %zu of %zu files, %.0f files/s, %.0f s left", first + count,
                      rows.size(), rate, static_cast<double>(rows.size() - first - count) / rate);
        say(line);
      }
    }
    finish(problems, writer, say);
  }

  void finish(const std::vector<std::string>& problems, Writer& writer,
              const std::function<void(const std::string&)>& say) {
    for (const auto& problem : problems) {
      if (!problem.empty()) skipped.push_back(first_line(problem));
    }
    if (examples.empty()) {
      std::string message = "none of the " + std::to_string(rows.size()) + " sound files can be used";
      for (std::size_t i = 0; i < std::min(skipped.size(), most_named); ++i) message += "\n    " + skipped[i];
      if (skipped.size() > most_named) message += "\n    and " + std::to_string(skipped.size() - most_named) + " more";
      throw InputError(message);
    }
    if (writer.finish(index(), {say, {}})) {
      kept = std::make_unique<PathLock>(file, PathLock::Kind::Shared);
      if (!kept->is_open()) kept.reset();
    }
    if (!kept && say) say(file.string() + ": features cannot be kept here and are computed each time");
  }

  void report(const std::vector<std::string>& problems) const {
    if (policy.skip_bad_files) return;
    std::vector<std::string> found;
    bool too_long = false;
    for (const auto& problem : problems) {
      if (problem.empty()) continue;
      found.push_back(problem);
      too_long = too_long || problem.find(" s long, the model hears ") != std::string::npos;
    }
    if (!found.empty()) refuse(found, rows.size(), too_long);
  }

  Features window(std::int64_t number, std::int64_t window_number) const {
    const auto& example = examples.at(static_cast<std::size_t>(number));
    const auto& place = example.windows.at(static_cast<std::size_t>(window_number));
    if (kept) {
      auto frames = at::empty({place.frames, extractor.mel_bins()}, at::kFloat);
      if (read_at(kept->descriptor(), frames.mutable_data_ptr<float>(), static_cast<std::size_t>(frames.numel()) * 4,
                  place.offset))
        return {frames, place.fill};
      throw InputError(file.string() + ": cannot be read any more\n    remove it and run again");
    }
    std::optional<Features> found;
    std::int64_t number_now = 0;
    hear_windows(rows[static_cast<std::size_t>(example.row)], extractor, policy, [&](Features features) {
      if (number_now++ < window_number) return true;
      found = std::move(features);
      return false;
    });
    if (!found) throw InputError(rows[static_cast<std::size_t>(example.row)].path + ": is shorter than it was");
    return *found;
  }
};

FeatureSet FeatureSet::open(const std::vector<AudioRow>& rows, const FeatureExtractor& extractor,
                            const FeaturePolicy& policy, const fs::path& cache_folder, const std::string& digest,
                            const std::function<void(const std::string&)>& say, const std::function<void()>& check) {
  const Json made_from = {digest, extractor.digest(), policy.skip_bad_files, static_cast<int>(policy.long_audio),
                          results_version};
  auto state = std::make_unique<State>(State{extractor, policy, rows, {}, {}, {}, {}, {}, 0});
  state->file = cache_folder / "features" / (sha256_hex(made_from.dump()) + ".features");
  if (!state->load({say, {}})) state->compute(say, check);
  return FeatureSet(std::move(state));
}

FeatureSet::FeatureSet(std::unique_ptr<State> state) : state_(std::move(state)) {}
FeatureSet::~FeatureSet() = default;
FeatureSet::FeatureSet(FeatureSet&&) noexcept = default;

std::int64_t FeatureSet::size() const { return static_cast<std::int64_t>(state_->examples.size()); }
std::int64_t FeatureSet::row(std::int64_t example) const {
  return state_->examples.at(static_cast<std::size_t>(example)).row;
}
std::int64_t FeatureSet::windows(std::int64_t example) const {
  return static_cast<std::int64_t>(state_->examples.at(static_cast<std::size_t>(example)).windows.size());
}

at::Tensor FeatureSet::features(std::span<const std::int64_t> examples, std::int64_t window) const {
  std::vector<at::Tensor> all;
  for (const auto example : examples) all.push_back(state_->extractor.padded(state_->window(example, window)));
  return at::stack(all);  // [examples, ...]
}

const std::vector<std::string>& FeatureSet::skipped() const { return state_->skipped; }
const std::vector<std::int64_t>& FeatureSet::cancelling() const { return state_->cancelling; }
std::int64_t FeatureSet::cut() const { return state_->cut; }

}  // namespace espalier::audio
