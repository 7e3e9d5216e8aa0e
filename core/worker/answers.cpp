#include "answers.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace espalier::worker {
namespace {

// On one line, in one field.
std::string flat(std::string text) {
  for (auto& c : text) c = c == '\n' || c == '\r' || c == '\t' ? ' ' : c;
  return text;
}

std::string lines(const Answers& answers) {
  std::string text;
  for (const auto& answer : answers.all) {
    std::string said = answers.are_transcripts ? flat(answer.text) : "";
    for (const auto& [label, probability] : answer.labels)
      said += fmt::format("{}{} {:.4f}", said.empty() ? "" : ", ", flat(label), probability);
    text += flat(answer.name) + (answer.language.empty() ? "" : " [" + answer.language + "]") + ": " + said + "\n";
  }
  return text;
}

std::string table(const Answers& answers) {
  if (answers.are_transcripts) {
    const bool languages =
        std::any_of(answers.all.begin(), answers.all.end(), [](const auto& one) { return !one.language.empty(); });
    std::string text = languages ? "path\tlanguage\ttext\n" : "path\ttext\n";
    for (const auto& answer : answers.all)
      text += flat(answer.name) + "\t" + (languages ? answer.language + "\t" : "") + flat(answer.text) + "\n";
    return text;
  }
  std::string text = "input\trank\tlabel\tprobability\n";
  for (const auto& answer : answers.all) {
    for (std::size_t rank = 0; rank < answer.labels.size(); ++rank) {
      const auto& [label, probability] = answer.labels[rank];
      text += fmt::format("{}\t{}\t{}\t{:.6g}\n", flat(answer.name), rank + 1, flat(label), probability);
    }
  }
  return text;
}

nlohmann::ordered_json json(const Answers& answers) {
  auto results = nlohmann::ordered_json::array(), left_out = nlohmann::ordered_json::array();
  for (const auto& answer : answers.all) {
    nlohmann::ordered_json one = {{"input", answer.name}};
    if (!answer.text.empty() || answers.are_transcripts) one["text"] = answer.text;
    if (answers.are_transcripts) {
      if (!answer.language.empty()) one["language"] = answer.language;
      one["cut"] = answer.cut;
    } else {
      auto labels = nlohmann::ordered_json::array();
      for (const auto& [label, probability] : answer.labels)
        labels.push_back({{"label", label}, {"probability", probability}});
      one["labels"] = labels;
    }
    results.push_back(one);
  }
  for (const auto& one : answers.left_out) left_out.push_back({{"input", one.name}, {"reason", one.reason}});
  return {{"model", answers.model}, {"results", results}, {"left_out", left_out}};
}

}  // namespace

std::string rendered(const Answers& answers, const std::string& format) {
  if (format == "json")
    return json(answers).dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  return format == "tsv" ? table(answers) : lines(answers);
}

}  // namespace espalier::worker
