#include "crate/appendix.h"

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>
#include <variant>

#include "words/cache/byte_count.h"
#include "words/printable.h"
#include "words/texts/durations.h"
#include "words/texts/shell_word.h"
#include "words/version.h"

namespace espalier::bundle {
namespace {

constexpr std::size_t most_environments = 8, most_missing = 20;

struct Heading {
  std::string text;
};
struct Paragraph {
  std::string text;
};
struct Commands {
  std::vector<std::string> lines;
};
struct Listing {
  std::vector<std::vector<std::string>> rows;  // the first has the columns' names
};
using Block = std::variant<Heading, Paragraph, Commands, Listing>;

std::string word_of(const nlohmann::json& environment, const char* name) {
  const auto found = environment.find(name);
  if (found == environment.end() || found->is_null()) return "-";
  return found->is_string() ? found->get<std::string>() : found->dump();
}

Listing experiments(const BundleContents& contents) {
  Listing listing{
      {{"experiment", "question", "cells", "done", "failed", "attempts", "time of all attempts", "from", "to"}}};
  for (const auto& one : contents.summary.experiments) {
    listing.rows.push_back({one.name, one.question, std::to_string(one.cells), std::to_string(one.done),
                            std::to_string(one.failed), std::to_string(one.attempts), duration_text(one.seconds),
                            one.started.empty() ? "-" : one.started, one.ended.empty() ? "-" : one.ended});
  }
  return listing;
}

Listing hardware(const BundleContents& contents) {
  Listing listing{{{"attempts", "processor", "device", "threads", "system", "Espalier", "LibTorch", "compiler"}}};
  for (const auto& one : contents.summary.environments) {
    if (listing.rows.size() > most_environments) break;
    const auto& said = one.environment;
    listing.rows.push_back({std::to_string(one.attempts), word_of(said, "processor"), word_of(said, "device"),
                            word_of(said, "threads"), word_of(said, "system"),
                            fmt::format("{} ({})", word_of(said, "espalier"), word_of(said, "commit")),
                            word_of(said, "torch"), word_of(said, "build")});
  }
  return listing;
}

Listing disk(const std::vector<PackedFile>& files) {
  std::map<std::string, std::pair<std::size_t, std::uint64_t>> folders;
  for (const auto& file : files) {
    const auto end = file.name.rfind('/');
    auto& sum = folders[end == std::string::npos ? file.name : file.name.substr(0, end) + "/"];
    ++sum.first;
    sum.second += file.bytes;
  }
  Listing listing{{{"in the archive", "files", "unpacked"}}};
  for (const auto& [name, sum] : folders)
    listing.rows.push_back({name, std::to_string(sum.first), size_text(sum.second)});
  return listing;
}

Listing missing(const BundleContents& contents) {
  Listing listing{{{"what", "name", "why"}}};
  for (const auto& one : contents.missing) {
    if (listing.rows.size() > most_missing) {
      listing.rows.push_back({"...", fmt::format("{} in all", contents.missing.size()), "bundle.json lists them"});
      break;
    }
    listing.rows.push_back({one.kind, one.name, one.why});
  }
  return listing;
}

Commands commands(const BundleContents& contents) {
  Commands lines{{"bash cmake/quickstart.sh build", "espalier check-bundle BUNDLE.zip --rerun 3 --time-limit 10min"}};
  for (const auto& experiment : contents.experiments) {
    if (experiment.file) lines.lines.push_back("espalier run " + shell_path(*experiment.file));
  }
  return lines;
}

std::vector<Block> blocks(const BundleContents& contents, const std::vector<PackedFile>& files) {
  std::vector<Block> all = {
      Heading{"Results of " + contents.title},
      Paragraph{fmt::format("Written by Espalier {}. Licence of the results: {}.", version(),
                            contents.license.empty() ? "not stated" : contents.license)},
      Heading{"What was asked, and what it took"},
      experiments(contents),
      Paragraph{"Times are those of workers, added up: with several at once a run took less."},
      Heading{"Where it was computed"},
      hardware(contents),
      Heading{"How to repeat it"},
      Paragraph{
          "With Espalier's sources, and with checkpoints and data where the cells' settings name them: build; look at "
          "this archive again and compute some of its cells once more; compute everything."},
      commands(contents),
      Heading{"What is here"},
      Paragraph{"The tables are in tables/, every cell's settings in cells.jsonl, checksums in manifest-sha256.txt "
                "(sha256sum "
                "-c), and ro-crate-metadata.json describes all of it for programs."},
      disk(files),
      Heading{"What is not here"}};
  if (contents.missing.empty())
    all.push_back(Paragraph{"Nothing of what the database names is missing, but base models, checkpoints and data."});
  else
    all.push_back(missing(contents));
  return all;
}

std::string escaped_markdown(const std::string& text) {
  std::string out;
  for (const char c : printable_line(text, 400)) {
    if (std::string_view("\\`*_{}[]<>()#+!|&~$").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

std::string escaped_html(const std::string& text) {
  std::string out;
  for (const char c : printable_line(text, 400)) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default: out += c;
    }
  }
  return out;
}

struct MarkdownOf {
  bool& first;

  std::string operator()(const Heading& heading) const {
    const auto mark = first ? "# " : "## ";
    first = false;
    return mark + escaped_markdown(heading.text) + "\n\n";
  }
  std::string operator()(const Paragraph& paragraph) const { return escaped_markdown(paragraph.text) + "\n\n"; }
  std::string operator()(const Commands& commands) const {
    std::string out;
    for (const auto& line : commands.lines) out += "    " + printable_line(line, 400) + "\n";
    return out + "\n";
  }
  std::string operator()(const Listing& listing) const {
    std::string out;
    for (std::size_t i = 0; i < listing.rows.size(); ++i) {
      for (const auto& field : listing.rows[i]) out += "| " + escaped_markdown(field) + " ";
      out += "|\n";
      if (i > 0) continue;
      for (std::size_t column = 0; column < listing.rows[i].size(); ++column) out += "| --- ";
      out += "|\n";
    }
    return out + "\n";
  }
};

struct HtmlOf {
  bool& first;

  std::string operator()(const Heading& heading) const {
    const std::string tag = first ? "h1" : "h2";
    first = false;
    return "<" + tag + ">" + escaped_html(heading.text) + "</" + tag + ">\n";
  }
  std::string operator()(const Paragraph& paragraph) const { return "<p>" + escaped_html(paragraph.text) + "</p>\n"; }
  std::string operator()(const Commands& commands) const {
    std::string out = "<pre>";
    for (const auto& line : commands.lines) out += escaped_html(line) + "\n";
    return out + "</pre>\n";
  }
  std::string operator()(const Listing& listing) const {
    std::string out = "<table>\n";
    for (std::size_t i = 0; i < listing.rows.size(); ++i) {
      out += "<tr>";
      for (const auto& field : listing.rows[i])
        out += (i == 0 ? "<th scope=\"col\">" : "<td>") + escaped_html(field) + (i == 0 ? "</th>" : "</td>");
      out += "</tr>\n";
    }
    return out + "</table>\n";
  }
};

}  // namespace

std::string appendix_markdown(const BundleContents& contents, const std::vector<PackedFile>& files) {
  bool first = true;
  std::string out;
  for (const auto& block : blocks(contents, files)) out += std::visit(MarkdownOf{first}, block);
  return out;
}

std::string appendix_html(const BundleContents& contents, const std::vector<PackedFile>& files) {
  bool first = true;
  std::string out =
      "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta http-equiv=\"Content-Security-Policy\" "
      "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n<title>" +
      escaped_html("Results of " + contents.title) +
      "</title>\n<style>body{font:15px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}"
      "table{border-collapse:collapse;font-size:13px}th,td{border:1px solid #999;padding:.2em .5em;text-align:left;"
      "vertical-align:top}pre{background:#eee;color:#000;padding:.7em}</style>\n";
  for (const auto& block : blocks(contents, files)) out += std::visit(HtmlOf{first}, block);
  return out + "</html>\n";
}

}  // namespace espalier::bundle
