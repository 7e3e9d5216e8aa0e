// The page's own files and the libraries that it draws with, as they were when the program was built.
#pragma once

#include <string_view>

namespace espalier::page {

std::string_view page_template();
std::string_view page_style();
std::string_view page_script();       // the modules of web/, one after the other
std::string_view chart_libraries();   // d3 and Observable Plot, with their licences as comments
std::string_view database_library();  // sql.js, with its licence as a comment
std::string_view database_module();   // SQLite as WebAssembly, which it runs

}  // namespace espalier::page
