// How a process ended, in words.
#pragma once

#include <string>

#include <espalier/export.h>

namespace espalier {

// Of what waitpid() gives: "ended with exit code 3", "died by signal 11 (Segmentation fault)".
ESPALIER_WORDS_API std::string ending_in_words(int wait_status);

}  // namespace espalier
