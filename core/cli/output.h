// What is printed: results on stdout, all else on stderr.
#pragma once

#include <cstdio>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace espalier::cli {

bool is_terminal(std::FILE* stream);

void print(const std::string& text);  // a result, on stdout
void print_json(const nlohmann::json& document);
void say(const std::string& text);  // a sentence, on stderr

// Asks at the terminal. Throws SettingsError where nobody can be asked.
bool is_answered_yes(const std::string& question);

// Throws SettingsError where what is to be written would take the place of what the command reads, the database's companions
// included. `option`: as the user gave it, "-o".
void refuse_to_write_over(const std::string& option, const std::filesystem::path& output,
                          const std::vector<std::filesystem::path>& read);

// Everything printed reaches its place, or throws StoreError. A reader that has gone away is no error: false.
bool finish_printing();

}  // namespace espalier::cli
