// SHA-256 of texts and files: what cells, checkpoints, data, masks and cached results are known by.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include <espalier/export.h>

namespace espalier {

// Grows by update(); hex() ends it.
class ESPALIER_WORDS_API Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  void update(const void* data, std::size_t size);
  void update(std::string_view text) { update(text.data(), text.size()); }
  std::string hex();  // 64 lower-case characters

 private:
  struct State;
  std::unique_ptr<State> state_;
};

ESPALIER_WORDS_API std::string sha256_hex(std::string_view text);
// Digest of a file's bytes. Throws InputError when it cannot be read.
ESPALIER_WORDS_API std::string sha256_of_file(const std::filesystem::path& path);

// What stands for a file's content where reading it would take too long: its size, inode and path, the time of its
// content and that of its last change of any kind, in nanoseconds. cp -p, rsync, tar and pip put the first time back;
// nothing ordinary does so with the second. Files of one identity hold the same bytes. Empty where there is no file.
ESPALIER_WORDS_API std::string file_identity(const std::filesystem::path& path);

// Remembers file digests by identity in a text file below the cache folder, so that large checkpoints are read once. A
// memory that cannot be written is not an error.
class ESPALIER_WORDS_API DigestMemory {
 public:
  explicit DigestMemory(const std::filesystem::path& cache_folder);
  ~DigestMemory();
  std::string of_file(const std::filesystem::path& path);
  // Digest of a checkpoint directory: config, weights, tokenizer, preprocessor and generation files, by name and content.
  std::string of_checkpoint(const std::filesystem::path& folder);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Where base models, scores, dense results and digests are kept: $ESPALIER_CACHE, else results/cache.
ESPALIER_WORDS_API std::filesystem::path cache_folder();
// Where is kept what belongs to no experiment, the descriptions of plugins: $ESPALIER_CACHE, else
// $XDG_CACHE_HOME/espalier, else ~/.cache/espalier.
ESPALIER_WORDS_API std::filesystem::path user_cache_folder();

}  // namespace espalier
