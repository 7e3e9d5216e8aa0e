// One HTML file that shows a database to whoever has a browser: everything is in it, and nothing is fetched.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace espalier::page {

// A text and where it is from, for messages.
struct NamedText {
  std::string name, text;
};

struct PageRequest {
  std::filesystem::path database;
  std::string experiment;              // empty: all that the database holds
  std::optional<NamedText> verdicts;   // JSON, as `verify --json` prints it
  std::vector<NamedText> comparisons;  // JSON, each as a comparison of the levels of an axis prints it
  bool opens_databases = true;         // with SQLite for the browser, a megabyte: drop a database, and ask in SQL
};

// The data of the page: compact JSON in columns, each text once, without '<'. Throws StoreError as reading does, and
// InputError for verdicts or comparisons that are no JSON objects.
std::string page_data(const PageRequest& request);

// The whole page. Its policy lets no address be opened and no script run but those that are in it.
std::string report_page(const PageRequest& request);

}  // namespace espalier::page
