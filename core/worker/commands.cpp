// The options of every command.
#include "commands.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "input.h"
#include "words/names.h"

namespace espalier::worker {
namespace {

// A command's words live as long as what is to be done with them.
template <typename Words>
Deed deed(std::shared_ptr<Words> words, ExitCode (*command)(const Words&)) {
  return [words = std::move(words), command](const Given&) { return command(*words); };
}

template <typename Words>
Deed deed(std::shared_ptr<Words> words, ExitCode (*command)(const Words&, const nn::Device&)) {
  return [words = std::move(words), command](const Given& given) { return command(*words, *given.device); };
}

// --- commands that read a checkpoint and a dataset, and write another checkpoint, scores or metrics

void add_model(CLI::App& app, std::string& model) {
  app.add_option("--model", model, "A Hugging Face directory")->required()->type_name("DIR");
}

void add_plugins(CLI::App& app, PluginPaths& plugins) {
  app.add_option("--plugins", plugins.extra, "A plugin file, or a folder of them; may be repeated")->type_name("PATH");
}

}  // namespace

Deed add_train(CLI::App& app) {
  const auto words = std::make_shared<TrainWords>();
  add_model(app, words->model);
  add_data_options(app, words->data, true);
  app.add_option("--validation", words->validation, "Table that the best epoch is chosen on")->type_name("FILE");
  app.add_option("--set", words->set, "epochs, batch, learning_rate, weight_decay, warmup, clip_norm, seed")
      ->type_name("NAME=VALUE");
  app.add_option("--compute", words->compute, alternatives(names<ComputeType>()))->capture_default_str();
  app.add_option("--output", words->output, "Folder to write")->required()->type_name("DIR");
  app.add_flag("--overwrite", words->overwrite, "Replace another checkpoint that is there");
  return deed(words, train);
}

Deed add_score(CLI::App& app) {
  const auto words = std::make_shared<ScoreWords>();
  add_model(app, words->model);
  add_data_options(app, words->data, false);
  app.add_option("--scorer", words->scorer, "Name of a scorer plugin (espalier plugins lists them)")->required();
  app.add_option("--set", words->set, "A setting of the scorer")->type_name("NAME=VALUE");
  app.add_option("--granularity", words->granularity, "head, head-channel, same-channel, q-channel, ...")
      ->capture_default_str();
  app.add_option("--sites", words->sites, "all (attention sites), encoder-self, decoder-self or decoder-cross")
      ->capture_default_str();
  app.add_option("--compute", words->compute, alternatives(names<ComputeType>()))->capture_default_str();
  app.add_option("--seed", words->seed, "For scorers that draw random numbers")->check(CLI::NonNegativeNumber);
  app.add_option("--output", words->output, "Score file to write")->required()->type_name("FILE");
  add_plugins(app, words->plugins);
  return deed(words, score);
}

Deed add_prune(CLI::App& app) {
  const auto words = std::make_shared<PruneWords>();
  add_model(app, words->model);
  app.add_option("--scores", words->scores, "Score file")->type_name("FILE");
  app.add_option("--mask", words->mask, "Mask file, instead of scores and a budget")->type_name("FILE");
  app.add_option("--searcher", words->searcher, "Name of a searcher plugin")->capture_default_str();
  app.add_option("--set", words->set, "A setting of the searcher")->type_name("NAME=VALUE");
  app.add_option("--scope", words->scope, alternatives(names<Scope>()))->capture_default_str();
  app.add_option("--sites", words->sites, "all (attention sites), encoder-self, decoder-self or decoder-cross")
      ->capture_default_str();
  app.add_option("--sparsity", words->sparsity, "Share of the units to remove, 0 to 1");
  app.add_option("--heads", words->heads, "Heads to keep")->check(CLI::NonNegativeNumber);
  app.add_option("--rounding", words->rounding, alternatives(names<Rounding>()))->capture_default_str();
  app.add_option("--format", words->format, "masked: full size with zeros; compact: the smaller one")
      ->capture_default_str();
  app.add_option("--softmax-scale", words->softmax_scale, "original, pruned-width or a number (compact)")
      ->capture_default_str();
  app.add_option("--seed", words->seed, "For searchers that draw random numbers")->check(CLI::NonNegativeNumber);
  app.add_option("--output", words->output, "Folder to write")->required()->type_name("DIR");
  app.add_flag("--overwrite", words->overwrite, "Replace another checkpoint that is there");
  add_plugins(app, words->plugins);
  return deed(words, prune);
}

Deed add_evaluate(CLI::App& app) {
  const auto words = std::make_shared<EvaluateWords>();
  add_model(app, words->model);
  add_data_options(app, words->data, true);
  app.add_option("--mask", words->masks, "Mask file; may be repeated")->type_name("FILE");
  app.add_flag("--plain", words->plain, "Zero the weights instead of leaving pruned heads out");
  app.add_option("--compute", words->compute, alternatives(names<ComputeType>()))->capture_default_str();
  app.add_option("--predictions", words->predictions,
                 "Write one 1 (right) or 0 an example; of speech one transcript a line")
      ->type_name("FILE");
  app.add_flag("--per-class", words->per_class,
               "Precision, recall, F1 and support of each class; of tagging also average precision");
  app.add_flag("--confusion", words->confusion, "The confusion matrix: rows are labels, columns predictions");
  app.add_flag("--json", words->json, "For machines");
  return deed(words, evaluate);
}

// --- commands that answer: what a model makes of texts, sounds or tensors

namespace {

void add_asking(CLI::App& app, PredictWords& words) {
  add_model(app, words.model);
  app.add_option("--input", words.input,
                 "A .txt of one text a line; a sound file; a folder of sounds; a table (.tsv, .csv, .jsonl) with a "
                 "column text or path; or tensors (.safetensors) by Hugging Face name: input_ids, attention_mask, ...")
      ->type_name("PATH");
  app.add_option("--column", words.column, "Column of a table that is read; default text, or path of sounds")
      ->type_name("NAME");
  app.add_option("--output", words.output, "File to write, else standard output; tensors need it")->type_name("FILE");
  app.add_option("--format", words.format, "text, tsv or json")->capture_default_str();
  app.add_option("--mask", words.mask, "Mask file")->type_name("FILE");
  app.add_flag("--compact", words.compact, "Compute with the compacted model instead of zeroed weights");
  app.add_option("--bad-files", words.bad_files, "skip: sounds that cannot be used are named and left out; refuse")
      ->check(CLI::IsMember({"skip", "refuse"}))
      ->capture_default_str();
  app.add_option("--long-audio", words.long_audio,
                 "Longer than the model's window: refuse, cut (default of AST) or chunk (default of Whisper)")
      ->check(CLI::IsMember(names<LongAudio>()));
  app.add_option("--language", words.language, "Of a multilingual Whisper: a code or an English name; else detected");
  app.add_option("--task", words.task, "transcribe (default) or translate; of a multilingual Whisper")
      ->check(CLI::IsMember(names<SpeechTask>()));
  app.add_option("--max-new-tokens", words.max_new_tokens, "Transcripts are cut there; 0: the checkpoint's limit")
      ->check(CLI::NonNegativeNumber);
}

}  // namespace

Deed add_predict(CLI::App& app) {
  const auto words = std::make_shared<PredictWords>();
  add_asking(app, *words);
  app.add_option("--text", words->texts, "A text; may be repeated")->type_name("TEXT")->allow_extra_args(false);
  app.add_option("--pair", words->pair, "Column of a second text")->type_name("NAME");
  app.add_option("--top", words->top, "Classes that are named, the likeliest first; 0: all")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--probabilities", words->probabilities,
                 "softmax: one class applies; sigmoid: several may; auto: as config.json says")
      ->capture_default_str();
  app.add_option("--max-tokens", words->max_tokens, "Longer texts are cut")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  return deed(words, predict);
}

Deed add_transcribe(CLI::App& app) {
  const auto words = std::make_shared<PredictWords>();
  add_asking(app, *words);
  return deed(words, transcribe);
}

// --- commands that espalier itself calls, and those that bring files in

Deed add_cells(CLI::App& app) {
  const auto words = std::make_shared<CellsWords>();
  app.add_option("--db", words->database, "Database")->required();
  app.add_option("--experiment", words->experiment, "Name of the experiment")->required();
  app.add_option("--lease-seconds", words->lease_seconds, "A cell whose worker is silent so long is handed out again")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--cells-at-most", words->cells_at_most, "End after so many cells; 0: when none is left")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--cell-timeout", words->limits.timeout_seconds, "Seconds that an attempt may take; default no limit")
      ->check(CLI::PositiveNumber);
  app.add_option("--cell-memory", words->limits.memory_bytes, "Bytes that its process may take; default no limit")
      ->check(CLI::PositiveNumber);
  app.add_flag("--fail-fast", words->fail_fast, "End at the first cell that fails");
  app.add_option("--attempts", words->limits.attempts, "Made of a cell whose process dies")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--device-workers", words->device_workers, "Workers that share the device's memory")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  add_plugins(app, words->plugins);
  return [words](const Given& given) {
    words->threads = given.threads;
    words->device = given.device_choice;
    words->command_line = given.words;
    return run_cells(*words);
  };
}

Deed add_describe(CLI::App& app) {
  const auto words = std::make_shared<DescribeWords>();
  app.add_option("--file", words->files, "A plugin file; may be repeated")->required()->type_name("FILE");
  app.add_option("--seconds", words->seconds_a_file, "A file that takes longer is refused")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  return deed(words, describe);
}

Deed add_data(CLI::App& app) {
  app.require_subcommand(1);
  const auto words = std::make_shared<PrepareWords>();
  auto* sub = app.add_subcommand("prepare", "Write a dataset in the formats that experiments read");
  sub->footer("Datasets:\n" + dataset_lines() +
              "\nExample:\n  espalier data prepare keywords --output .deps/data/keywords");
  sub->add_option("name", words->name, "One of the datasets below")->required();
  sub->add_option("--output", words->output, "Folder to write")->required()->type_name("DIR");
  sub->add_option("--source", words->source, "Where the package's files are, if not where Debian puts them")
      ->type_name("PATH");
  const auto* list = app.add_subcommand("list", "Name the datasets that can be prepared");
  return [words, list](const Given&) {
    if (!list->parsed()) return prepare(*words);
    std::fputs(dataset_lines().c_str(), stdout);
    return ExitCode::Done;
  };
}

Deed add_import(CLI::App& app) {
  const auto words = std::make_shared<ImportWords>();
  app.add_option("source", words->source, "Folder with model.bin, config.json and tokenizer.json")
      ->required()
      ->type_name("DIR");
  app.add_option("--output", words->output, "Folder to write; not there yet, or empty")->required()->type_name("DIR");
  app.add_flag("--json", words->json, "For machines");
  return deed(words, import_model);
}

}  // namespace espalier::worker
