// espalier-worker: the program that loads LibTorch. People call it through espalier.
#include <ATen/Parallel.h>
#include <CLI/CLI.hpp>

#include <csignal>
#include <cstdio>
#include <utility>

#include "apart.h"
#include "commands.h"
#include "words/option_mistakes.h"
#include "words/version.h"

namespace espalier::worker {
namespace {

volatile std::sig_atomic_t stop_requested = 0;

void request_stop(int) { stop_requested = stop_requested + 1; }

void add_plugins(CLI::App& command, PluginPaths& plugins) {
  command.add_option("--plugins", plugins.extra, "A plugin file, or a folder of them; may be repeated")
      ->type_name("PATH");
}

void add_data(CLI::App& command, DataWords& data, bool required) {
  command
      .add_option("--data", data.file, "Table (.tsv or .csv with a header, or .jsonl), or the Speech Commands folder")
      ->required(required)
      ->type_name("FILE");
  command
      .add_option("--format", data.format,
                  "text-classification, audio-classification, audio-tagging or speech-recognition")
      ->capture_default_str();
  command.add_option("--split", data.split, "Which split of a folder with official lists")
      ->check(CLI::IsMember({"train", "validation", "test"}))
      ->capture_default_str();
  command.add_option("--text", data.text, "Column of the text")->capture_default_str();
  command.add_option("--pair", data.pair, "Column of a second text");
  command.add_option("--label", data.label, "Column of the label")->capture_default_str();
  command.add_option("--limit", data.limit, "First so many rows; 0: all")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command.add_option("--max-tokens", data.max_tokens, "Longer texts are cut")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command.add_option("--audio", data.audio_folder, "Folder of the files of an AudioSet table")->type_name("DIR");
  command.add_option("--classes", data.classes, "Names of AudioSet's classes (class_labels_indices.csv)")
      ->type_name("FILE");
  command.add_option("--bad-files", data.bad_files, "Sound files that cannot be used: refuse, or skip and count")
      ->capture_default_str();
  command.add_option("--long-audio", data.long_audio,
                     "Longer than the model's window: refuse, cut or chunk (default: Whisper refuses, AST cuts)");
  command.add_option("--normalizer", data.normalizer,
                     "whisper-english, whisper-basic or ascii (default: by the checkpoint)");
  command.add_option("--language", data.language, "Language of a multilingual Whisper: a code or an English name");
  command.add_option("--task", data.task, "transcribe (default) or translate; of a multilingual Whisper");
  command.add_option("--max-new-tokens", data.max_new_tokens, "Transcripts are cut there; 0: the checkpoint's limit")
      ->check(CLI::NonNegativeNumber);
}

// The words of every command; a command's callback stores what is to be done.
struct CommandLine {
  CLI::App app{"Computes for espalier: cells, scores, masks, predictions", "espalier"};
  std::function<ExitCode()> chosen;
  CellsWords cells;
  DescribeWords describing;
  TrainWords train;
  ScoreWords score;
  PruneWords prune;
  PredictWords predict;
  EvaluateWords evaluate;
  PrepareWords prepare;
  ImportWords importing;
  std::int64_t threads = 0;

  CLI::App* command(const char* name, const char* description, const char* example) {
    auto* sub = app.add_subcommand(name, description);
    sub->footer(std::string("Example:\n  ") + example);
    sub->add_option("--threads", threads, "Threads to compute with; 0: as many as there are cores")
        ->check(CLI::NonNegativeNumber);
    return sub;
  }

  // With the threads that were asked for.
  std::function<ExitCode()> here(std::function<ExitCode()> command) {
    return [this, command = std::move(command)] {
      if (threads > 0) at::set_num_threads(static_cast<int>(threads));
      return command();
    };
  }
  // Where plugins run. A process that has computed must not be split in two, so the threads are the child's.
  std::function<ExitCode()> apart(std::function<ExitCode()> command) {
    return [command = here(std::move(command))] { return carry_out_apart(command); };
  }

  CommandLine() {
    app.require_subcommand(1);
    app.set_version_flag("--version", version());
    add_cells();
    add_training();
    add_scoring();
    add_pruning();
    add_measuring();
    add_preparing();
    add_importing();
  }

  void add_cells() {
    auto* sub =
        command("cells", "Claim cells of an experiment and run them until none is left (espalier run starts this)",
                "espalier-worker cells --db results/demo.db --experiment demo");
    sub->add_option("--db", cells.database, "Database")->required();
    sub->add_option("--experiment", cells.experiment, "Name of the experiment")->required();
    sub->add_option("--lease-seconds", cells.lease_seconds, "A cell whose worker is silent so long is handed out again")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    sub->add_option("--cells-at-most", cells.cells_at_most, "End after so many cells; 0: when none is left")
        ->check(CLI::NonNegativeNumber);
    add_plugins(*sub, cells.plugins);
    sub->callback([this] {
      chosen = [this] {
        cells.threads = threads;
        return run_cells(cells);
      };
    });

    auto* list = command(
        "describe", "Describe plugin files as JSON, each opened in a process of its own (espalier keeps the answers)",
        "espalier-worker describe --file build/plugins/fisher.so");
    list->add_option("--file", describing.files, "A plugin file; may be repeated")->required()->type_name("FILE");
    list->add_option("--seconds", describing.seconds_a_file, "A file that takes longer is refused")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    list->callback([this] { chosen = [this] { return describe(describing); }; });
  }

  void add_training() {
    auto* sub = command("train", "Fine-tune a checkpoint on a labelled table; writes an ordinary checkpoint",
                        "espalier train --model .deps/data/minilm --data train.tsv --validation validation.tsv\n"
                        "      --format text-classification --set epochs=2 --output results/minilm-wordnet");
    sub->add_option("--model", train.model, "A Hugging Face directory")->required()->type_name("DIR");
    add_data(*sub, train.data, true);
    sub->add_option("--validation", train.validation, "Table that the best epoch is chosen on")->type_name("FILE");
    sub->add_option("--set", train.set, "epochs, batch, learning_rate, weight_decay, warmup, clip_norm, seed")
        ->type_name("NAME=VALUE");
    sub->add_option("--output", train.output, "Folder to write")->required()->type_name("DIR");
    sub->add_flag("--overwrite", train.overwrite, "Replace another checkpoint that is there");
    sub->callback([this] { chosen = here([this] { return worker::train(train); }); });
  }

  void add_scoring() {
    auto* sub =
        command("score", "Score the units of a checkpoint; writes a score file",
                "espalier score --model DIR --data validation.tsv --format text-classification --scorer fisher\n"
                "      --set squares=per-sample --granularity head --output scores.safetensors");
    sub->add_option("--model", score.model, "A Hugging Face directory")->required()->type_name("DIR");
    add_data(*sub, score.data, false);
    sub->add_option("--scorer", score.scorer, "Name of a scorer plugin (espalier plugins lists them)")->required();
    sub->add_option("--set", score.set, "A setting of the scorer")->type_name("NAME=VALUE");
    sub->add_option("--granularity", score.granularity, "head, head-channel, same-channel, q-channel, ...")
        ->capture_default_str();
    sub->add_option("--sites", score.sites, "all, encoder-self, decoder-self or decoder-cross")->capture_default_str();
    sub->add_option("--compute", score.compute, "float32 or bfloat16")->capture_default_str();
    sub->add_option("--seed", score.seed, "For scorers that draw random numbers")->check(CLI::NonNegativeNumber);
    sub->add_option("--output", score.output, "Score file to write")->required()->type_name("FILE");
    add_plugins(*sub, score.plugins);
    sub->callback([this] { chosen = apart([this] { return worker::score(score); }); });
  }

  void add_pruning() {
    auto* sub = command("prune", "Prune a checkpoint by scores and a budget, or by a mask; writes a checkpoint",
                        "espalier prune --model DIR --scores scores.safetensors --searcher ranking --scope global\n"
                        "      --sparsity 0.5 --output DIR --format compact");
    sub->add_option("--model", prune.model, "A Hugging Face directory")->required()->type_name("DIR");
    sub->add_option("--scores", prune.scores, "Score file")->type_name("FILE");
    sub->add_option("--mask", prune.mask, "Mask file, instead of scores and a budget")->type_name("FILE");
    sub->add_option("--searcher", prune.searcher, "Name of a searcher plugin")->capture_default_str();
    sub->add_option("--set", prune.set, "A setting of the searcher")->type_name("NAME=VALUE");
    sub->add_option("--scope", prune.scope, "global or local")->capture_default_str();
    sub->add_option("--sites", prune.sites, "all, encoder-self, decoder-self or decoder-cross")->capture_default_str();
    sub->add_option("--sparsity", prune.sparsity, "Share of the units to remove, 0 to 1");
    sub->add_option("--heads", prune.heads, "Heads to keep")->check(CLI::NonNegativeNumber);
    sub->add_option("--rounding", prune.rounding, "nearest, floor or ceil")->capture_default_str();
    sub->add_option("--format", prune.format, "masked: full size with zeros; compact: the smaller one")
        ->capture_default_str();
    sub->add_option("--softmax-scale", prune.softmax_scale, "original, pruned-width or a number (compact)")
        ->capture_default_str();
    sub->add_option("--seed", prune.seed, "For searchers that draw random numbers")->check(CLI::NonNegativeNumber);
    sub->add_option("--output", prune.output, "Folder to write")->required()->type_name("DIR");
    sub->add_flag("--overwrite", prune.overwrite, "Replace another checkpoint that is there");
    add_plugins(*sub, prune.plugins);
    sub->callback([this] { chosen = apart([this] { return worker::prune(prune); }); });
  }

  void add_asking(CLI::App& sub) {
    sub.add_option("--model", predict.model, "A Hugging Face directory")->required()->type_name("DIR");
    sub.add_option(
           "--input", predict.input,
           "A .txt of one text a line; a sound file; a folder of sounds; a table (.tsv, .csv, .jsonl) with a "
           "column text or path; or tensors (.safetensors) by Hugging Face name: input_ids, attention_mask, ...")
        ->type_name("PATH");
    sub.add_option("--column", predict.column, "Column of a table that is read; default text, or path of sounds")
        ->type_name("NAME");
    sub.add_option("--output", predict.output, "File to write, else standard output; tensors need it")
        ->type_name("FILE");
    sub.add_option("--format", predict.format, "text, tsv or json")->capture_default_str();
    sub.add_option("--mask", predict.mask, "Mask file")->type_name("FILE");
    sub.add_flag("--compact", predict.compact, "Compute with the compacted model instead of zeroed weights");
    sub.add_option("--bad-files", predict.bad_files, "skip: sounds that cannot be used are named and left out; refuse")
        ->check(CLI::IsMember({"skip", "refuse"}))
        ->capture_default_str();
    sub.add_option("--long-audio", predict.long_audio,
                   "Longer than the model's window: refuse, cut (default of AST) or chunk (default of Whisper)")
        ->check(CLI::IsMember({"refuse", "cut", "chunk"}));
    sub.add_option("--language", predict.language,
                   "Of a multilingual Whisper: a code or an English name; else detected");
    sub.add_option("--task", predict.task, "transcribe (default) or translate; of a multilingual Whisper")
        ->check(CLI::IsMember({"transcribe", "translate"}));
    sub.add_option("--max-new-tokens", predict.max_new_tokens, "Transcripts are cut there; 0: the checkpoint's limit")
        ->check(CLI::NonNegativeNumber);
  }

  void add_measuring() {
    auto* sub = command("predict", "What a model makes of texts, sounds or tensors",
                        "espalier predict --model DIR --text \"as it was told\" --top 3\n"
                        "  espalier predict --model DIR --input texts.tsv --format tsv --output labels.tsv\n"
                        "  espalier predict --model AST_DIR --input folder_of_sounds --format json\n"
                        "  espalier predict --model DIR --input in.safetensors --output out.safetensors --mask "
                        "mask.safetensors --compact");
    add_asking(*sub);
    sub->add_option("--text", predict.texts, "A text; may be repeated")->type_name("TEXT")->allow_extra_args(false);
    sub->add_option("--pair", predict.pair, "Column of a second text")->type_name("NAME");
    sub->add_option("--top", predict.top, "Classes that are named, the likeliest first; 0: all")
        ->check(CLI::NonNegativeNumber)
        ->capture_default_str();
    sub->add_option("--probabilities", predict.probabilities,
                    "softmax: one class applies; sigmoid: several may; auto: as config.json says")
        ->capture_default_str();
    sub->add_option("--max-tokens", predict.max_tokens, "Longer texts are cut")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    sub->callback([this] { chosen = here([this] { return worker::predict(predict); }); });

    auto* writing =
        command("transcribe", "What is said in sounds, by a model that writes text (Whisper)",
                "espalier transcribe --model .deps/data/whisper-tiny.en --input talk.mp3\n"
                "  espalier transcribe --model DIR --input folder --language de --format tsv --output said.tsv");
    add_asking(*writing);
    writing->callback([this] { chosen = here([this] { return worker::transcribe(predict); }); });

    auto* measure = command(
        "evaluate", "Metrics of a checkpoint on a labelled table, whole or under masks",
        "espalier evaluate --model DIR --data test.tsv --format text-classification --mask mask.safetensors --json");
    measure->add_option("--model", evaluate.model, "A Hugging Face directory")->required()->type_name("DIR");
    add_data(*measure, evaluate.data, true);
    measure->add_option("--mask", evaluate.masks, "Mask file; may be repeated")->type_name("FILE");
    measure->add_flag("--plain", evaluate.plain, "Zero the weights instead of leaving pruned heads out");
    measure->add_option("--compute", evaluate.compute, "float32 or bfloat16")->capture_default_str();
    measure
        ->add_option("--predictions", evaluate.predictions,
                     "Write one 1 (right) or 0 an example; of speech one transcript a line")
        ->type_name("FILE");
    measure->add_flag("--per-class", evaluate.per_class,
                      "Precision, recall, F1 and support of each class; of tagging also average precision");
    measure->add_flag("--confusion", evaluate.confusion, "The confusion matrix: rows are labels, columns predictions");
    measure->add_flag("--json", evaluate.json, "For machines");
    measure->callback([this] { chosen = here([this] { return worker::evaluate(evaluate); }); });
  }

  void add_preparing() {
    auto* data = command("data", "Real datasets from packages on the system",
                         "espalier data prepare wordnet --output .deps/data/wordnet");
    data->require_subcommand(1);
    auto* sub = data->add_subcommand("prepare", "Write a dataset in the formats that experiments read");
    sub->footer("Datasets:\n" + dataset_lines() +
                "\nExample:\n  espalier data prepare keywords --output .deps/data/keywords");
    sub->add_option("name", prepare.name, "One of the datasets below")->required();
    sub->add_option("--output", prepare.output, "Folder to write")->required()->type_name("DIR");
    sub->add_option("--source", prepare.source, "Where the package's files are, if not where Debian puts them")
        ->type_name("PATH");
    sub->callback([this] { chosen = [this] { return worker::prepare(prepare); }; });
    auto* list = data->add_subcommand("list", "Name the datasets that can be prepared");
    list->callback([this] {
      chosen = [] {
        std::fputs(dataset_lines().c_str(), stdout);
        return ExitCode::Done;
      };
    });
  }

  void add_importing() {
    auto* sub = command("import", "Write a CTranslate2 Whisper directory as a Hugging Face one (float32 safetensors)",
                        "espalier import whisper-tiny.en-ctranslate2 --output .deps/data/whisper-tiny.en");
    sub->add_option("source", importing.source, "Folder with model.bin, config.json and tokenizer.json")
        ->required()
        ->type_name("DIR");
    sub->add_option("--output", importing.output, "Folder to write; not there yet, or empty")
        ->required()
        ->type_name("DIR");
    sub->add_flag("--json", importing.json, "For machines");
    sub->callback([this] { chosen = [this] { return import_model(importing); }; });
  }
};

// Of the command that the words name.
std::vector<KnownOption> known_options(const CLI::App& app, const std::vector<std::string>& words) {
  const CLI::App* command = &app;
  for (const auto& word : words) {
    for (const auto* sub : command->get_subcommands(nullptr)) {
      if (sub->get_name() != word) continue;
      command = sub;
      break;
    }
  }
  std::vector<KnownOption> known;
  for (const auto* option : command->get_options()) {
    for (const auto& name : option->get_lnames()) {
      known.push_back({"--" + name, option->get_type_name().find("INT") != std::string::npos});
    }
  }
  return known;
}

int run(int argc, char** argv) {
  CommandLine line;
  try {
    line.app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return line.app.exit(error);
    const std::vector<std::string> words(argv + 1, argv + argc);
    say(option_mistake(error.what(), words, known_options(line.app, words)) +
        "\n    run with --help for what is understood");
    return static_cast<int>(ExitCode::Usage);
  }
  line.cells.command_line.assign(argv, argv + argc);
  return carry_out(line.chosen);
}

}  // namespace

bool interrupted() { return stop_requested != 0; }

int interrupts() { return stop_requested; }

void say(const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); }

}  // namespace espalier::worker

int main(int argc, char** argv) {
  struct sigaction action {};
  action.sa_handler = espalier::worker::request_stop;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  return espalier::worker::run(argc, argv);
}
