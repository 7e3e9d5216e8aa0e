// Boost.DLL has library_info for this, but in 1.74 it reads names from the wrong string table, sees nothing in a
// stripped file (.symtab is gone, .dynsym stays) and trusts every offset of a damaged one.
#include "abi_tag.h"

#include <elf.h>
#include <espalier/error.h>

#include <algorithm>
#include <cstring>
#include <fstream>

namespace espalier::loader {
namespace {

#if defined(__x86_64__)
constexpr Elf64_Half this_machine = EM_X86_64;
#elif defined(__aarch64__)
constexpr Elf64_Half this_machine = EM_AARCH64;
#else
#error "name this processor as elf.h does"
#endif

// A file of which nothing is believed before it is checked.
class ElfFile {
 public:
  explicit ElfFile(const std::filesystem::path& file) : name_(file.string()), file_(file, std::ios::binary) {
    file_.seekg(0, std::ios::end);
    size_ = file_ ? static_cast<std::uint64_t>(file_.tellg()) : 0;
    if (size_ < 4 || bytes(0, 4) != ELFMAG) {
      throw PluginError(name_ + ": is no shared library\n    expected an ELF file built with espalier_add_plugin");
    }
    const auto header = read<Elf64_Ehdr>(0, 1).front();
    const bool fits = header.e_ident[EI_CLASS] == ELFCLASS64 && header.e_ident[EI_DATA] == ELFDATA2LSB &&
                      header.e_machine == this_machine && header.e_shentsize == sizeof(Elf64_Shdr);
    if (!fits) {
      throw PluginError(name_ +
                        ": was built for another machine and cannot be loaded\n    expected a 64-bit little-endian ELF "
                        "file for this processor");
    }
    sections_ = read<Elf64_Shdr>(header.e_shoff, header.e_shnum);
    section_names_ = table(header.e_shstrndx);
  }

  std::vector<std::string> symbols_in(const std::string& section) const {
    std::vector<std::string> found;
    for (const auto& candidate : sections_) {
      if (candidate.sh_type != SHT_DYNSYM) continue;
      const auto names = table(candidate.sh_link);
      for (const auto& symbol : read<Elf64_Sym>(candidate.sh_offset, candidate.sh_size / sizeof(Elf64_Sym))) {
        if (symbol.st_shndx >= sections_.size()) continue;  // undefined, absolute
        if (text(section_names_, sections_[symbol.st_shndx].sh_name) == section)
          found.push_back(text(names, symbol.st_name));
      }
    }
    return found;
  }

  // The bytes of a section; empty where there is none of this name.
  std::string content_of(const std::string& section) const {
    constexpr std::uint64_t most_bytes = 65536;
    for (const auto& candidate : sections_) {
      if (text(section_names_, candidate.sh_name) != section || candidate.sh_type != SHT_PROGBITS) continue;
      if (candidate.sh_size > most_bytes) damaged();
      return bytes(candidate.sh_offset, candidate.sh_size);
    }
    return {};
  }

 private:
  [[noreturn]] void damaged() const {
    throw PluginError(name_ + ": cannot be read as a shared library; it is damaged or cut off");
  }

  std::string bytes(std::uint64_t begin, std::uint64_t count) const {
    if (count > size_ || begin > size_ - count) damaged();
    std::string read(count, '\0');
    file_.seekg(static_cast<std::streamoff>(begin));
    if (!file_.read(read.data(), static_cast<std::streamsize>(count))) damaged();
    return read;
  }

  template <typename Record>
  std::vector<Record> read(std::uint64_t begin, std::uint64_t count) const {
    if (count > size_ / sizeof(Record)) damaged();
    const auto raw = bytes(begin, count * sizeof(Record));
    std::vector<Record> records(count);
    if (count > 0) std::memcpy(records.data(), raw.data(), raw.size());
    return records;
  }

  std::string table(std::uint64_t section) const {
    if (section >= sections_.size() || sections_[section].sh_type != SHT_STRTAB) damaged();
    return bytes(sections_[section].sh_offset, sections_[section].sh_size);
  }

  std::string text(const std::string& table, std::uint64_t begin) const {
    if (begin >= table.size()) damaged();
    return table.substr(begin, table.find('\0', begin) - begin);
  }

  std::string name_;
  mutable std::ifstream file_;
  std::uint64_t size_ = 0;
  std::vector<Elf64_Shdr> sections_;
  std::string section_names_;
};

}  // namespace

std::vector<std::string> abi_tags(const std::filesystem::path& file) { return ElfFile(file).symbols_in("espalierabi"); }

std::map<std::string, std::string> identity_of(const std::filesystem::path& file) {
  const auto content = ElfFile(file).content_of("espalierid");
  return parts_of(content.substr(0, content.find('\0')));
}

std::map<std::string, std::string> parts_of(const std::string& text) {
  std::map<std::string, std::string> parts;
  for (std::size_t begin = 0; begin < text.size();) {
    const auto end = std::min(text.find(';', begin), text.size());
    const auto part = text.substr(begin, end - begin);
    const auto equals = part.find('=');
    if (equals != std::string::npos) parts[part.substr(0, equals)] = part.substr(equals + 1);
    begin = end + 1;
  }
  return parts;
}

}  // namespace espalier::loader
