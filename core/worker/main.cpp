// espalier-worker: the program that loads LibTorch. People call it through espalier.
#include <ATen/Parallel.h>

#include <CLI/CLI.hpp>

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <iterator>
#include <string_view>

#include "apart.h"
#include "commands.h"
#include "device/devices.h"
#include "words/command_line.h"
#include "words/version.h"

namespace espalier::worker {
namespace {

volatile std::sig_atomic_t stop_requested = 0;

void request_stop(int) { stop_requested = stop_requested + 1; }

// In the order in which --help lists them; their summaries are in words/command_line.h.
using Runs = Command::Runs;
constexpr Command commands[] = {
    {"cells", Runs::Itself, "espalier-worker cells --db results/demo.db --experiment demo", add_cells},
    {"describe", Runs::Nowhere, "espalier-worker describe --file build/plugins/fisher.so", add_describe},
    {"throughput", Runs::Here, "espalier-worker throughput --cell cell.json --meeting /tmp/meeting --threads 2",
     add_throughput},
    {"train", Runs::Here,
     "espalier train --model .deps/data/minilm --data train.tsv --validation validation.tsv\n"
     "      --format text-classification --set epochs=2 --output results/minilm-wordnet",
     add_train},
    {"score", Runs::Apart,
     "espalier score --model DIR --data validation.tsv --format text-classification --scorer fisher\n"
     "      --set squares=per-sample --granularity head --output scores.safetensors",
     add_score},
    {"prune", Runs::Apart,
     "espalier prune --model DIR --scores scores.safetensors --searcher ranking --scope global\n"
     "      --sparsity 0.5 --output DIR --format compact",
     add_prune},
    {"predict", Runs::Here,
     "espalier predict --model DIR --text \"as it was told\" --top 3\n"
     "  espalier predict --model DIR --input texts.tsv --format tsv --output labels.tsv\n"
     "  espalier predict --model AST_DIR --input folder_of_sounds --format json\n"
     "  espalier predict --model DIR --input in.safetensors --output out.safetensors --mask "
     "mask.safetensors --compact",
     add_predict},
    {"transcribe", Runs::Here,
     "espalier transcribe --model .deps/data/whisper-tiny.en --input talk.mp3\n"
     "  espalier transcribe --model DIR --input folder --language de --format tsv --output said.tsv",
     add_transcribe},
    {"evaluate", Runs::Here,
     "espalier evaluate --model DIR --data test.tsv --format text-classification --mask mask.safetensors --json",
     add_evaluate},
    {"map", Runs::Apart,
     "espalier map --model DIR --data validation.tsv --format text-classification --svg map.svg\n"
     "  espalier map --model DIR --data validation.tsv --scorer fisher --output scores.safetensors",
     add_map},
    {"bench", Runs::Here, "espalier bench --model DIR --data validation.tsv --limit 500 --threads 2", add_bench},
    {"devices", Runs::Nowhere, "espalier devices --json", add_devices},
    {"data", Runs::Nowhere, "espalier data prepare wordnet --output .deps/data/wordnet", add_data},
    {"import", Runs::Nowhere, "espalier import whisper-tiny.en-ctranslate2 --output .deps/data/whisper-tiny.en",
     add_import},
};

constexpr const char* summary_of(const Command& command) {
  for (const auto& known : worker_commands) {
    if (std::string_view(known.name) == command.name) return known.summary;
  }
  return nullptr;
}
static_assert(std::size(commands) == std::size(worker_commands) &&
              std::all_of(std::begin(commands), std::end(commands), summary_of));

// What is to be done in the end.
ExitCode carry_out_where(const Command& command, const Deed& deed, const Given& given) {
  const auto here = [&] {
    if (given.threads > 0) at::set_num_threads(static_cast<int>(given.threads));
    const auto device = nn::open_device(given.device_choice);
    auto ready = given;
    ready.device = &device;
    return within_its_memory(device, [&] { return deed(ready); });
  };
  switch (command.runs) {
    case Runs::Here: return here();
    case Runs::Apart: return carry_out_apart(here);
    case Runs::Itself:
    case Runs::Nowhere: break;
  }
  return deed(given);
}

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
  Given given;
  given.words.assign(argv, argv + argc);
  std::string device;
  CLI::App app{"Computes for espalier: cells, scores, masks, predictions", "espalier"};
  app.require_subcommand(1);
  app.set_version_flag("--version", version());
  std::function<ExitCode()> chosen;
  for (const auto& command : commands) {
    auto* sub = app.add_subcommand(command.name, summary_of(command));
    sub->footer(std::string("Example:\n  ") + command.example);
    sub->add_option("--threads", given.threads, "Threads to compute with; 0: as many as there are cores")
        ->check(CLI::NonNegativeNumber);
    if (command.runs != Runs::Nowhere) {
      sub->add_option("--device", device,
                      "cpu, cuda, cuda:N or auto (a GPU where one answers); default $ESPALIER_DEVICE, else cpu")
          ->type_name("NAME");
    }
    sub->callback([&, deed = command.add(*sub)] {
      chosen = [&, deed] {
        if (command.runs != Runs::Nowhere) given.device_choice = device_of_words(device);
        return carry_out_where(command, deed, given);
      };
    });
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);
    const std::vector<std::string> words(argv + 1, argv + argc);
    say(option_mistake(error.what(), words, known_options(app, words)) +
        "\n    run with --help for what is understood");
    return static_cast<int>(ExitCode::Usage);
  }
  return carry_out(chosen);
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
  const int code = espalier::worker::run(argc, argv);
#if defined(ESPALIER_ENDS_WHOLE) || defined(__SANITIZE_ADDRESS__)  // coverage and leaks are written at the very end
  return code;
#else
  // So do profilers, and devices of tests.
  if (std::getenv("ESPALIER_ENDS_WHOLE") != nullptr) return code;
  // LibTorch takes as long to take itself down as half of the program's start, and nothing of it is left to be saved.
  std::fflush(nullptr);
  ::_exit(code);
#endif
}
