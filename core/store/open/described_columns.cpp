#include "store/open/described_columns.h"

#include <espalier/error.h>

#include <algorithm>

#include "cells/metrics.h"

namespace espalier::store {
namespace {

using enum ColumnType;
using Columns = std::vector<DescribedColumn>;

Columns joined(std::initializer_list<Columns> parts) {
  Columns all;
  for (const auto& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

Columns of_cell() {
  return {
      {"experiment", Text, "", "The experiment's name"},
      {"position", Integer, "", "The cell's place in its experiment file, from 0"},
      {"key", Text, "", "SHA-256 of everything that the cell's numbers depend on"},
      {"state", Text, "", "waiting, running, done or failed"},
      {"model", Text, "", "The model, as the experiment calls it"},
      {"family", Text, "", "What the model is: bert, ast or whisper"},
      {"dataset", Text, "", "The dataset, as the experiment calls it"},
      {"format", Text, "", "What the dataset is, as in text-classification"},
      {"granularity", Text, "", "What is kept or pruned as one, as in head"},
      {"sites", Text, "", "Which attention sites are pruned; all: every one"},
      {"scorer", Text, "", "The scorer, as the experiment calls it"},
      {"scorer_plugin", Text, "", "The plugin behind the scorer"},
      {"searcher", Text, "", "The searcher, as the experiment calls it"},
      {"searcher_plugin", Text, "", "The plugin behind the searcher"},
      {"scope", Text, "", "global: all sites compete; local: each gives the same share"},
      {"budget", Text, "", "What may stay: sparsity, heads, macs, latency or loss_of_metric"},
      {"requested", Real, "", "How much of the budget was asked for"},
      {"sparsity", Real, "fraction", "The requested sparsity, where the budget is one"},
      {"schedule", Text, "", "Pruning in steps, as JSON; NULL: in one step"},
      {"recovery", Text, "", "What repairs the pruned model, as the experiment calls it"},
      {"recovery_plugin", Text, "", "The plugin behind the recovery"},
      {"rounding", Text, "", "How a share of units is rounded to a number of units"},
      {"softmax_scale", Text, "", "Whose width scales attention scores after pruning"},
      {"compute", Text, "", "The type that is computed with, as in float32"},
      {"seed", Integer, "", "Of scorer, searcher and recovery"},
      {"base_seed", Integer, "", "Of the base model's training"},
      {"attempts", Integer, "attempts", "How often the cell was tried"},
      {"message", Text, "", "Why the cell failed; empty: it did not"},
      {"worker", Text, "", "The worker that holds the cell now"},
      {"seconds", Real, "seconds", "How long the last attempt took"},
      {"finished", Text, "", "When the last attempt ended (UTC, ISO 8601)"},
  };
}

Columns of_metrics(bool first_ones) {
  static constexpr std::string_view first[] = {"accuracy", "macro_f1", "mcc", "cross_entropy", "map",
                                               "mauc",     "wer",      "cer", "bleu"};
  static const std::vector<std::pair<std::string_view, const char*>> meanings = {
      {"accuracy", "Share of examples that are answered right"},
      {"macro_f1", "F1 of each class, averaged over the classes"},
      {"mcc", "Matthews correlation coefficient"},
      {"cross_entropy", "Mean negative log-likelihood of the right answer"},
      {"map", "Mean average precision over the tags"},
      {"mauc", "Area under the ROC curve, averaged over the tags"},
      {"wer", "Word errors a word of the references"},
      {"cer", "Character errors a character of the references"},
      {"bleu", "BLEU of the transcripts"}};
  Columns columns;
  const auto add = [&](std::string_view name) {
    const auto known =
        std::find_if(meanings.begin(), meanings.end(), [&](const auto& entry) { return entry.first == name; });
    const auto* facts = find_metric(name);
    const bool is_share = facts != nullptr && facts->is_share;
    const std::string meaning = known == meanings.end() ? "A metric of the point" : known->second;
    columns.push_back({std::string(name), Real,
                       is_share                  ? "fraction"
                       : name == "cross_entropy" ? "nats"
                                                 : "",
                       meaning + "; NULL: not measured, or no number"});
  };
  if (first_ones) {
    for (const auto name : first) add(name);
    return columns;
  }
  for (const auto& metric : all_metrics()) {
    if (std::find(std::begin(first), std::end(first), metric.name) == std::end(first)) add(metric.name);
  }
  return columns;
}

const Columns current = {
    {"current", Flag, "", "1: the experiment file held the cell when it last ran; 0: an earlier state of it did"}};

Columns of_point() {
  return {
      {"step", Integer, "", "Of a schedule, from 0"},
      {"kind", Text, "", "dense, pruned, recovered or diverged"},
      {"last", Flag, "", "1: the cell's result"},
      {"requested_sparsity", Real, "fraction", "Asked for at this point"},
      {"achieved_sparsity", Real, "fraction",
       "Removed share of the Q, K, V, O weights and the Q, K, V biases of all sites, after closure"},
      {"parameters_dense", Integer, "parameters", "Of the attention sites before pruning"},
      {"parameters_masked", Integer, "parameters", "That the mask switches off"},
      {"parameters_removed", Integer, "parameters", "That compaction removes"},
      {"parameters_total", Integer, "parameters", "Of the whole model, after compaction"},
      {"multiply_adds_dense", Integer, "multiply-adds", "Of the evaluation, the plain way on the dense model"},
      {"multiply_adds_done", Integer, "multiply-adds", "Of the evaluation, as it was done"},
      {"proof_passed", Flag, "",
       "1: the smaller model was proven to compute what the masked one does; NULL: not asked"},
      {"mask_digest", Text, "", "Equal digests, equal masks; NULL: dense"},
      {"split", Text, "", "What the metrics were measured on"},
      {"examples", Integer, "examples", "How many examples the metrics are of"},
      {"predictions_digest", Text, "", "Equal digests, equal answers"},
  };
}

Columns after_metrics() {
  return joined({{{"not_numbers", Text, "", "Metrics that were measured and are no number, apart by spaces"}},
                 current,
                 {{"heads_kept", Integer, "heads", "Of which anything is left"},
                  {"evaluations", Integer, "masks", "That the search had evaluated"},
                  {"flops", Integer, "FLOP", "Of one example of typical length, of what is left of the whole model"},
                  {"multiply_adds", Integer, "multiply-adds",
                   "Of one example of typical length, of what is left of the whole model"}}});
}

Columns named(const Columns& from, std::initializer_list<std::string_view> names) {
  Columns columns;
  for (const auto name : names) {
    columns.push_back(*std::find_if(from.begin(), from.end(), [&](const auto& column) { return column.name == name; }));
  }
  return columns;
}

Columns of_latency() {
  const auto known = joined({of_cell(), of_point(), current});
  return joined(
      {named(known, {"experiment", "key", "model", "dataset", "granularity", "sites", "scorer", "searcher", "scope",
                     "requested", "step", "kind", "achieved_sparsity"}),
       {{"batch", Integer, "examples", "In one pass"},
        {"length", Integer, "tokens", "Of each example"},
        {"dense_milliseconds", Real, "milliseconds", "Of one pass of the dense model: the median"},
        {"pruned_milliseconds", Real, "milliseconds",
         "Of one pass of the pruned model: the dense time times the ratio"},
        {"ratio", Real, "", "Pruned over dense, the median of pairs measured in turns"},
        {"ratio_low", Real, "", "Lower end of the ratio's 99 % interval; of earlier versions 95 %"},
        {"ratio_high", Real, "", "Upper end of the ratio's 99 % interval; of earlier versions 95 %"},
        {"verdict", Text, "", "faster, slower, same or undecided"},
        {"repeats", Integer, "pairs", "That were measured"},
        {"threads", Integer, "threads", "That computed"},
        {"device", Text, "", "Where it was measured"}},
       named(known, {"sparsity", "requested_sparsity", "last", "state", "current"}),
       {{"dense_joules", Real, "joules", "Of one pass of the dense model; NULL: not measurable there"},
        {"pruned_joules", Real, "joules", "Of one pass of the pruned model; NULL: not measurable there"},
        {"energy_source", Text, "", "What counted the energy"},
        {"dense_peak_bytes", Integer, "bytes", "Most memory that one pass of the dense model took"},
        {"pruned_peak_bytes", Integer, "bytes", "Most memory that one pass of the pruned model took"},
        {"outliers", Integer, "pairs", "Whose ratio lies outside of Tukey's fences, and counts all the same"}}});
}

}  // namespace

const std::vector<DescribedView>& described_views() {
  static const auto views = [] {
    const auto points = joined({of_cell(), of_point(), of_metrics(true), after_metrics(), of_metrics(false)});
    const Columns asked_for = {{"requested_sparsity", Real, "fraction", "The same as sparsity"},
                               current.front(),
                               {"asked", Flag, "", "1: the last run, or one that is at work, was asked for the cell"}};
    return std::vector<DescribedView>{
        {"cells", "Cells", "One row for each cell of each experiment", joined({of_cell(), asked_for})},
        {"points", "Points", "Each measured state of each cell's last attempt, of failed cells too", points},
        {"ablation", "Results", "The last points of done cells: what tables are made of", points},
        {"latencies", "Latencies", "One row for each point and batch size whose time was measured", of_latency()}};
  }();
  return views;
}

const DescribedView& described_view(std::string_view name) {
  for (const auto& view : described_views()) {
    if (view.name == name) return view;
  }
  throw StoreError(std::string("no view is called '").append(name).append("'"));
}

}  // namespace espalier::store
