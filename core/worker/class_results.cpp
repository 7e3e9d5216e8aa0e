#include "class_results.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "data/per_class.h"

namespace espalier::worker {
namespace {

constexpr std::size_t widest_name = 40;

std::string shown(const std::string& name) {
  return name.size() <= widest_name ? name : fmt::format("{}...", name.substr(0, widest_name - 3));
}

std::size_t width_of(const nlohmann::json& classes) {
  std::size_t width = 5;
  for (const auto& one : classes) width = std::max(width, shown(one["label"].get<std::string>()).size());
  return width;
}

std::string class_lines(const nlohmann::json& classes) {
  const auto width = width_of(classes);
  const bool tags = classes[0].contains("average_precision");
  std::string text =
      fmt::format("  {:<{}}  precision  recall      f1  support{}\n", "class", width, tags ? "      ap" : "");
  for (const auto& one : classes) {
    text += fmt::format("  {:<{}}  {:>9.4f}  {:>6.4f}  {:>6.4f}  {:>7}", shown(one["label"].get<std::string>()), width,
                        one["precision"].get<double>(), one["recall"].get<double>(), one["f1"].get<double>(),
                        one["support"].get<std::int64_t>());
    if (tags && one["average_precision"].is_null())
      text += "       -";
    else if (tags)
      text += fmt::format("  {:.4f}", one["average_precision"].get<double>());
    text += "\n";
  }
  return text;
}

// Columns are numbered: names would not fit.
std::string confusion_lines(const nlohmann::json& confusion) {
  const auto& rows = confusion["rows"];
  const auto& labels = confusion["labels"];
  const auto& columns = confusion["columns"];
  std::size_t width = 5, digits = 3;
  for (const auto& label : labels) width = std::max(width, shown(label.get<std::string>()).size() + 4);
  for (const auto& row : rows)
    for (const auto& count : row) digits = std::max(digits, std::to_string(count.get<std::int64_t>()).size() + 2);
  for (const auto& column : columns) digits = std::max(digits, column.get<std::string>().size() + 2);
  const bool numbered = columns.empty();
  width = std::max<std::size_t>(width, 17);
  std::string text = fmt::format("  {:<{}}", numbered ? "label \\ predicted" : "class", width);
  for (std::size_t column = 0; column < rows[0].size(); ++column)
    text += fmt::format("{:>{}}", numbered ? std::to_string(column) : columns[column].get<std::string>(), digits);
  text += "\n";
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const auto name = numbered ? fmt::format("{} {}", row, shown(labels[row].get<std::string>()))
                               : shown(labels[row].get<std::string>());
    text += fmt::format("  {:<{}}", name, width);
    for (const auto& count : rows[row]) text += fmt::format("{:>{}}", count.get<std::int64_t>(), digits);
    text += "\n";
  }
  return text;
}

}  // namespace

void add_class_results(nlohmann::json& answer, const EvaluateWords& words, const std::vector<std::string>& labels,
                       const tasks::Evaluation& evaluation, const tasks::Split& split) {
  if (!words.per_class && !words.confusion) return;
  const auto& logits = evaluation.outputs.at("logits");
  const bool tags = split.labels.dim() == 2;
  const auto found = tags ? data::per_tag(logits, split.labels) : data::per_class(logits, split.labels);
  if (words.per_class) {
    auto classes = nlohmann::json::array();
    for (std::size_t one = 0; one < found.classes.size(); ++one) {
      const auto& result = found.classes[one];
      nlohmann::json row = {{"label", labels.at(one)},
                            {"precision", result.precision},
                            {"recall", result.recall},
                            {"f1", result.f1},
                            {"support", result.support}};
      if (tags) row["average_precision"] = nullptr;
      if (result.average_precision) row["average_precision"] = *result.average_precision;
      classes.push_back(row);
    }
    answer["classes"] = classes;
  }
  if (words.confusion) {
    const std::vector<std::string> columns = {"true_negatives", "false_positives", "false_negatives", "true_positives"};
    answer["confusion"] = {
        {"labels", labels}, {"columns", tags ? columns : std::vector<std::string>()}, {"rows", found.confusion}};
  }
}

std::string class_results_text(const nlohmann::json& answer) {
  std::string text;
  if (answer.contains("classes")) text += class_lines(answer["classes"]);
  if (answer.contains("confusion")) text += confusion_lines(answer["confusion"]);
  return text;
}

}  // namespace espalier::worker
