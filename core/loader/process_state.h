// What belongs to the whole process and not to a plugin: as it was found before a plugin's visit, and put back after it.
#pragma once

#include <fenv.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/types.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace espalier::loader {

class ProcessState {
 public:
  ProcessState();  // as it is now
  ~ProcessState();
  ProcessState(const ProcessState&) = delete;
  ProcessState& operator=(const ProcessState&) = delete;

  // Working folder, umask, standard streams, signal handling, timers, limits, rounding, locale and environment as they
  // were. Empty: all of it is; else what cannot be put back: "closed or replaced file descriptors that are not its own
  // (3, 4)".
  std::string put_back();
  // The working folder and the umask alone: while the plugin is still in work, and the host writes a file.
  void put_folder_back() const;

 private:
  using File = std::pair<dev_t, ino_t>;
  static std::map<int, File> open_files();
  bool restore_stream(int stream) const;

  std::string folder_;
  mode_t mask_;
  std::map<int, File> files_;  // by descriptor
  int kept_streams_[3];        // standard streams once more, where nobody looks for them
  std::map<int, struct sigaction> handlers_;
  sigset_t blocked_;
  std::vector<rlimit> limits_;
  fenv_t arithmetic_;
  std::string locale_;
  std::vector<std::string> environment_;
};

}  // namespace espalier::loader
