// Bytes as people write and read them.
#pragma once

#include <cstdint>
#include <string>

#include <espalier/export.h>

namespace espalier {

// "20GiB", "500 MB", "1.5TB" or plain bytes. `what` begins the message of the SettingsError: an option or a variable.
ESPALIER_WORDS_API std::uint64_t bytes_from(const std::string& text, const std::string& what);

// "999 bytes", "1.2 kB", "3.4 GB": in powers of ten, as disks are sold.
ESPALIER_WORDS_API std::string size_text(std::uint64_t bytes);

}  // namespace espalier
