#include "words/process_ending.h"

#include <sys/wait.h>

#include <csignal>
#include <cstring>

namespace espalier {

std::string ending_in_words(int wait_status) {
  if (!WIFSIGNALED(wait_status)) return "ended with exit code " + std::to_string(WEXITSTATUS(wait_status));
  const int signal = WTERMSIG(wait_status);
  std::string text = "died by signal " + std::to_string(signal) + " (" + ::strsignal(signal) + ")";
  if (signal == SIGKILL) text += " (the system does this when memory runs out)";
  return text;
}

}  // namespace espalier
