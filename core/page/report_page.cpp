#include "page/report_page.h"

#include <string_view>

#include "base64.h"
#include "embedded.h"
#include "words/digest.h"

namespace espalier::page {
namespace {

// As a policy names a script: its SHA-256 in base64.
std::string policy_digest(std::string_view script) {
  const auto hex = sha256_hex(script);
  std::string bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2) bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return "'sha256-" + base64(bytes) + "'";
}

// Scripts are those of the page, by their digests. Charts set styles of their own elements, so styles are free.
std::string policy(bool opens_databases) {
  auto text = "default-src 'none'; script-src " + policy_digest(chart_libraries()) + " " + policy_digest(page_script());
  // WebAssembly alone: text never becomes a script.
  if (opens_databases) text.append(" ").append(policy_digest(database_library())).append(" 'wasm-unsafe-eval'");
  return text.append("; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'");
}

void append_database_reader(std::string& page) {
  page.append("<script type=\"application/octet-stream\" id=\"sqlite\">")
      .append(base64(database_module()))
      .append("</script>\n<script>")
      .append(database_library())
      .append("</script>\n");
}

}  // namespace

std::string report_page(const PageRequest& request) {
  const auto data = page_data(request);
  std::string page;
  page.reserve(data.size() + chart_libraries().size() + page_script().size() + 50000);
  auto rest = page_template();
  while (!rest.empty()) {
    const auto begin = rest.find("@@");
    page += rest.substr(0, begin);
    if (begin == std::string_view::npos) break;
    const auto end = rest.find("@@", begin + 2);
    const auto name = rest.substr(begin + 2, end - begin - 2);
    if (name == "policy") page += policy(request.opens_databases);
    if (name == "style") page += page_style();
    if (name == "libraries") page += chart_libraries();
    if (name == "script") page += page_script();
    if (name == "data") page += data;
    if (name == "sqlite" && request.opens_databases) append_database_reader(page);
    rest.remove_prefix(end + 2);
  }
  return page;
}

}  // namespace espalier::page
