#include "page/report_page.h"

#include <espalier/error.h>

#include <array>
#include <string_view>

#include "embedded.h"
#include "words/digest.h"

namespace espalier::page {
namespace {

int digit_of(char letter) { return letter <= '9' ? letter - '0' : letter - 'a' + 10; }

// As a policy names a script: its SHA-256 in base64.
std::string policy_digest(std::string_view script) {
  constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const auto hex = sha256_hex(script);
  std::array<unsigned, 33> bytes = {};  // 32, and one that fills the last group
  for (std::size_t i = 0; i < 32; ++i)
    bytes.at(i) = static_cast<unsigned>(digit_of(hex.at(2 * i)) * 16 + digit_of(hex.at(2 * i + 1)));
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const unsigned group = bytes.at(i) << 16 | bytes.at(i + 1) << 8 | bytes.at(i + 2);
    for (const unsigned shift : {18U, 12U, 6U, 0U}) text += letters.at(group >> shift & 63U);
  }
  text.back() = '=';
  return "'sha256-" + text + "'";
}

}  // namespace

std::string report_page(const PageRequest& request) {
  const auto data = page_data(request);
  // Charts set styles of their own elements, so styles are free; scripts are those of the page, by their digests.
  const auto policy = "default-src 'none'; script-src " + policy_digest(chart_libraries()) + " " +
                      policy_digest(page_script()) +
                      "; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";
  std::string page;
  page.reserve(data.size() + chart_libraries().size() + page_script().size() + 50000);
  auto rest = page_template();
  while (!rest.empty()) {
    const auto begin = rest.find("@@");
    page += rest.substr(0, begin);
    if (begin == std::string_view::npos) break;
    const auto end = rest.find("@@", begin + 2);
    const auto name = rest.substr(begin + 2, end - begin - 2);
    if (name == "policy") page += policy;
    if (name == "style") page += page_style();
    if (name == "libraries") page += chart_libraries();
    if (name == "script") page += page_script();
    if (name == "data") page += data;
    rest.remove_prefix(end + 2);
  }
  return page;
}

}  // namespace espalier::page
