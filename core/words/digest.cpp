#include "words/digest.h"

#include <espalier/error.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <time.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <sstream>
#include <thread>
#include <vector>

#include "words/atomic_file.h"

namespace espalier {
namespace {

constexpr const char* checkpoint_files[] = {"added_tokens.json",
                                            "config.json",
                                            "generation_config.json",
                                            "merges.txt",
                                            "model.safetensors",
                                            "normalizer.json",
                                            "preprocessor_config.json",
                                            "special_tokens_map.json",
                                            "tokenizer.json",
                                            "tokenizer_config.json",
                                            "vocab.json",
                                            "vocab.txt"};

constexpr const char* memory_format = "espalier digests 2";

// Clocks of file systems tick this often at the least: two changes within one tick have one time.
constexpr std::int64_t tick_nanoseconds = 20'000'000;

std::int64_t nanoseconds(const timespec& time) { return std::int64_t{1'000'000'000} * time.tv_sec + time.tv_nsec; }

// Sleeps while a change of now could still have the time of the last one.
void wait_for_next_tick(const timespec& changed) {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  const auto since = nanoseconds(now) - nanoseconds(changed);
  if (since < 0 || since >= tick_nanoseconds) return;
  std::this_thread::sleep_for(std::chrono::nanoseconds(tick_nanoseconds - since));
}

}  // namespace

std::string file_identity(const std::filesystem::path& path) {
  struct stat status {};
  std::error_code ignored;
  const auto absolute = std::filesystem::absolute(path, ignored).lexically_normal().string();
  if (stat(absolute.c_str(), &status) != 0 || absolute.find('\n') != std::string::npos) return {};
  wait_for_next_tick(status.st_ctim);
  std::ostringstream line;
  line << status.st_size << ' ' << nanoseconds(status.st_mtim) << ' ' << nanoseconds(status.st_ctim) << ' '
       << status.st_ino << ' ' << absolute;
  return line.str();
}

struct Sha256::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ~State() { EVP_MD_CTX_free(context); }
};

Sha256::Sha256() : state_(std::make_unique<State>()) { EVP_DigestInit_ex(state_->context, EVP_sha256(), nullptr); }
Sha256::~Sha256() = default;

void Sha256::update(const void* data, std::size_t size) { EVP_DigestUpdate(state_->context, data, size); }

std::string Sha256::hex() {
  unsigned char bytes[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_DigestFinal_ex(state_->context, bytes, &size);
  constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (unsigned int i = 0; i < size; ++i) {
    text += digits[bytes[i] >> 4];
    text += digits[bytes[i] & 15];
  }
  return text;
}

std::string sha256_hex(std::string_view text) {
  Sha256 digest;
  digest.update(text);
  return digest.hex();
}

std::string sha256_of_file(const std::filesystem::path& path) {
  std::FILE* file = std::fopen(path.c_str(), "rb");
  if (file == nullptr) throw InputError(path.string() + ": cannot be read: " + std::strerror(errno));
  Sha256 digest;
  std::vector<char> buffer(1 << 20);
  for (std::size_t got = 0; (got = std::fread(buffer.data(), 1, buffer.size(), file)) > 0;) {
    digest.update(buffer.data(), got);
  }
  const bool failed = std::ferror(file) != 0;
  std::fclose(file);
  if (failed) throw InputError(path.string() + ": cannot be read: " + std::strerror(errno));
  return digest.hex();
}

struct DigestMemory::State {
  std::filesystem::path file;
  std::map<std::string, std::string> known;  // by file_identity()
  bool changed = false;
};

DigestMemory::DigestMemory(const std::filesystem::path& cache_folder) : state_(std::make_unique<State>()) {
  state_->file = cache_folder / "digests.txt";
  std::error_code ignored;
  if (!std::filesystem::exists(state_->file, ignored)) return;
  try {
    std::istringstream lines(read_file(state_->file));
    std::string format;
    // What an earlier version remembered says too little of a file: it is hashed again.
    if (!std::getline(lines, format) || format != memory_format) return;
    for (std::string line; std::getline(lines, line);) {
      if (line.size() > 65 && line[64] == ' ') state_->known[line.substr(65)] = line.substr(0, 64);
    }
  } catch (const Error&) {
    state_->known.clear();  // a memory that cannot be read is an empty memory
  }
}

DigestMemory::~DigestMemory() {
  if (!state_->changed) return;
  try {
    std::filesystem::create_directories(state_->file.parent_path());
    std::string text = std::string(memory_format) + '\n';
    for (const auto& [identity, digest] : state_->known) text += digest + ' ' + identity + '\n';
    write_file(state_->file, text);
  } catch (const std::exception&) {  // only speed is lost
  }
}

std::string DigestMemory::of_file(const std::filesystem::path& path) {
  const auto line = file_identity(path);
  if (line.empty()) return sha256_of_file(path);
  const auto found = state_->known.find(line);
  if (found != state_->known.end()) return found->second;
  const auto digest = sha256_of_file(path);
  if (file_identity(path) != line) return digest;  // it changed meanwhile
  state_->known[line] = digest;
  state_->changed = true;
  return digest;
}

std::string DigestMemory::of_checkpoint(const std::filesystem::path& folder) {
  Sha256 digest;
  std::error_code ignored;
  for (const char* name : checkpoint_files) {
    if (!std::filesystem::is_regular_file(folder / name, ignored)) continue;
    digest.update(std::string(name) + ' ' + of_file(folder / name) + '\n');
  }
  return digest.hex();
}

std::filesystem::path user_cache_folder() {
  const auto given = [](const char* name) {
    const char* value = std::getenv(name);
    return std::filesystem::path(value == nullptr ? "" : value);
  };
  if (const auto cache = given("ESPALIER_CACHE"); !cache.empty()) return cache;
  if (const auto cache = given("XDG_CACHE_HOME"); cache.is_absolute()) return cache / "espalier";
  if (const auto home = given("HOME"); home.is_absolute()) return home / ".cache" / "espalier";
  return cache_folder();
}

std::filesystem::path cache_folder() {
  const char* given = std::getenv("ESPALIER_CACHE");
  return given != nullptr && *given != '\0' ? std::filesystem::path(given) : std::filesystem::path("results/cache");
}

}  // namespace espalier
