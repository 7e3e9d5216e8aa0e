// The ABI tags of a file, read from its bytes: nothing of it is loaded and no code of it runs.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace espalier::loader {

// Names of the exported symbols in the section "espalierabi"; empty where there are none. Throws PluginError when the
// file is no ELF file of this machine's word size, or is damaged.
std::vector<std::string> abi_tags(const std::filesystem::path& file);

}  // namespace espalier::loader
