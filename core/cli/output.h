// What is printed: results on stdout, all else on stderr.
#pragma once

#include <cstdio>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace espalier::cli {

bool is_terminal(std::FILE* stream);

void print(const std::string& text);  // a result, on stdout
void print_json(const nlohmann::json& document);
void say(const std::string& text);  // a sentence, on stderr

// Asks at the terminal. Throws SettingsError where nobody can be asked.
bool is_answered_yes(const std::string& question);

// Everything printed reaches its place, or throws StoreError. A reader that has gone away is no error: false.
bool finish_printing();

}  // namespace espalier::cli
