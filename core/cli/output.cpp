#include "output.h"

#include <espalier/error.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <iostream>
#include <nlohmann/json.hpp>
#include <system_error>

#include "store/open/files.h"
#include "words/printable.h"

namespace espalier::cli {

bool is_terminal(std::FILE* stream) { return ::isatty(::fileno(stream)) == 1; }

void print(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

void print_json(const nlohmann::json& document) {
  // Names from files may hold bytes that are no UTF-8.
  print(document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

void say(const std::string& text) { std::fputs((text + "\n").c_str(), stderr); }

bool is_answered_yes(const std::string& question) {
  if (::isatty(STDIN_FILENO) != 1) throw SettingsError(question + "\n    nobody can be asked here: give --yes");
  std::cerr << question << " [y/N] " << std::flush;
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

void refuse_to_write_over(const std::string& option, const std::filesystem::path& output,
                          const std::vector<std::filesystem::path>& read) {
  if (output.empty() || output == "-") return;
  const auto is_same = [&](const std::filesystem::path& one) {
    std::error_code absent;
    return std::filesystem::equivalent(output, one, absent) || output.lexically_normal() == one.lexically_normal();
  };
  for (const auto& file : read) {
    if (file.empty()) continue;
    for (const auto& companion : store::files_of(file)) {
      if (is_same(companion))
        throw SettingsError(
            fmt::format("{} {}: this command reads that file, and would write over it\n    choose another name", option,
                        printable_line(output.string())));
    }
  }
}

bool finish_printing() {
  errno = 0;
  const bool failed_before = std::ferror(stdout) != 0;
  if (std::fflush(stdout) == 0 && !failed_before) return true;
  if (errno == EPIPE) return false;
  throw StoreError("the output cannot be written: " +
                   std::error_code(errno != 0 ? errno : EIO, std::generic_category()).message());
}

}  // namespace espalier::cli
