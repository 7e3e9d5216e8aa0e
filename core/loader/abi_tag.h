// What a plugin file says of itself in sections of its own, read from its bytes: nothing of it is loaded and no code of it
// runs.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace espalier::loader {

// Names of the exported symbols in the section "espalierabi"; empty where there are none. Throws PluginError when the
// file is no ELF file of this machine's word size, or is damaged.
std::vector<std::string> abi_tags(const std::filesystem::path& file);

// The parts of the text in the section "espalierid": role, name, version, and how it was built (compiler, torch, cxx11abi,
// containers, sanitizer). Empty where there is none.
std::map<std::string, std::string> identity_of(const std::filesystem::path& file);

// "a=b;c=d" as parts.
std::map<std::string, std::string> parts_of(const std::string& text);

}  // namespace espalier::loader
