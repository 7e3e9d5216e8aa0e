// Stands in for espalier-worker: claims cells and ends them as the test's environment says, by the cell's seed.
//   FAKE_CRASH_SEED=N   dies by a segmentation fault at that cell       FAKE_FAIL_SEED=N   ends it as failed
//   FAKE_EXIT_SEED=N    exits with 5, or FAKE_EXIT_CODE, at that cell                       FAKE_SLEEP=SECONDS each cell takes so long
//   FAKE_CELLS_EXIT=N   ends before it claims anything                  FAKE_DESCRIBE_EXIT=N  fails to describe
//   FAKE_JOURNAL=FILE   one line for each call, with its threads        FAKE_DEAF=1  does not hear SIGTERM
//   FAKE_REFUSED=NAME   describes plugin files of that name as refused
//   FAKE_FAILING_DEVICE=NAME  gives that device up before it claims anything
//   FAKE_GPUS=N         has so many GPUs, else none                     FAKE_DEVICES_EXIT=N  cannot say
// Its plugin files are texts: "ROLE VERSION". What files it described stands in FAKE_JOURNAL.files, what device each call of
// cells was given in FAKE_JOURNAL.devices, its limits in FAKE_JOURNAL.limits.
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cells/device.h"
#include "store/result_store.h"
#include "store/worker_name.h"
#include "words/digest.h"
#include "words/plugin_files.h"

namespace {

using nlohmann::json;
volatile std::sig_atomic_t stopped = 0;

std::string given(const char* name, const std::string& otherwise = "") {
  const char* value = std::getenv(name);
  return value != nullptr ? value : otherwise;
}

std::string option(const std::vector<std::string>& words, const std::string& name) {
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    if (words[i] == name) return words[i + 1];
  }
  return "";
}

json plugin(const std::string& name, const std::string& role, bool needs_scores) {
  return {{"name", name},
          {"role", role},
          {"version", "1.0"},
          {"summary", "A fake one."},
          {"settings", {{{"name", "norm"}, {"default", 1}, {"doc", "which norm"}, {"type", "integer"}}}},
          {"needs_data", false},
          {"needs_scores", needs_scores},
          {"uses_randomness", false},
          {"sums_over_channels", false},
          {"in_file_order", false},
          {"trains", false},
          {"evaluates", false},
          {"heads_only", false},
          {"budgets", role == "searcher" ? json{"sparsity", "heads"} : json::array()},
          {"file", name + ".so"}};
}

// One answer a file, as the real worker gives them.
int describe(const std::vector<std::string>& words) {
  if (const auto code = given("FAKE_DESCRIBE_EXIT"); !code.empty()) {
    std::cerr << "error: the fake cannot describe\n";
    return std::stoi(code);
  }
  json files = json::array();
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    if (words[i] != "--file") continue;
    const auto& file = words[i + 1];
    const auto name = espalier::plugin_name_of(file);
    std::ofstream(given("FAKE_JOURNAL", "/dev/null") + ".files", std::ios::app) << file << "\n";
    if (name == given("FAKE_REFUSED", "no plugin")) {
      files.push_back({{"file", file}, {"refused", file + ": is no plugin"}});
      continue;
    }
    std::string role, version;
    std::ifstream(file) >> role >> version;
    auto described = plugin(name, role, role == "searcher");
    described["version"] = version;
    described["file_digest"] = espalier::sha256_of_file(file);
    files.push_back({{"file", file}, {"plugin", described}});
  }
  std::cout << json{{"files", files}}.dump() << "\n";
  return 0;
}

espalier::Attempt attempt(bool fails) {
  espalier::Attempt record;
  record.outcome = fails ? espalier::Outcome::Failed : espalier::Outcome::Done;
  if (fails) record.message = "the fake fails here\n    as it was told";
  record.seconds = 0.5;
  record.timing = espalier::Timing();
  record.environment = json::object();
  espalier::Point dense;
  dense.kind = "dense";
  dense.split = "test";
  dense.parameters_dense = dense.parameters_total = 100;
  dense.examples = 10;
  dense.metrics = {{"accuracy", 0.9}};
  auto pruned = dense;
  pruned.kind = "pruned";
  pruned.step = 1;
  pruned.requested_sparsity = pruned.achieved_sparsity = 0.5;
  pruned.mask_digest = "0123";
  pruned.metrics = {{"accuracy", 0.7}};
  if (!fails) record.points = {dense, pruned};
  const auto scorer =
      std::filesystem::path(given("ESPALIER_WORKER")).parent_path().parent_path() / "plugins/magnitude.so";
  if (std::filesystem::exists(scorer))
    record.plugins = {{"scorer", "magnitude", "1.0", espalier::sha256_of_file(scorer)}};
  return record;
}

// --check LIST: the devices it stands for, or the first that there is not.
int devices(const std::vector<std::string>& words) {
  if (const auto code = given("FAKE_DEVICES_EXIT"); !code.empty()) {
    std::cerr << "error: the fake has no devices\n";
    return std::stoi(code);
  }
  const auto gpus = std::stoll(given("FAKE_GPUS", "0"));
  auto wanted = espalier::devices_from(option(words, "--check"));
  if (wanted.empty()) {
    for (long long gpu = 0; gpu < gpus; ++gpu) wanted.push_back({espalier::DeviceKind::Cuda, gpu});
  }
  if (wanted.empty()) wanted.push_back({espalier::DeviceKind::Cuda});
  json opened = json::array();
  for (auto& device : wanted) {
    if (device.is_auto)
      device = gpus > 0 ? espalier::DeviceChoice{espalier::DeviceKind::Cuda} : espalier::DeviceChoice{};
    if (device.kind == espalier::DeviceKind::Cuda && device.index >= gpus) {
      std::cerr << "--device " << to_string(device) << ": no GPU answers: the fake has " << gpus << "\n";
      return 2;
    }
    opened.push_back({{"device", to_string(device)}});
  }
  std::cout << json{{"devices", opened}}.dump() << "\n";
  return 0;
}

int cells(const std::vector<std::string>& words) {
  std::ofstream(given("FAKE_JOURNAL", "/dev/null") + ".devices", std::ios::app)
      << option(words, "--device") << " shared by " << option(words, "--device-workers") << std::endl;
  std::ofstream(given("FAKE_JOURNAL", "/dev/null") + ".limits", std::ios::app)
      << option(words, "--cell-timeout") << " " << option(words, "--cell-memory") << " " << option(words, "--attempts")
      << std::endl;
  if (option(words, "--device") == given("FAKE_FAILING_DEVICE", "none")) return espalier::exit_code_of_a_failing_device;
  if (const auto code = given("FAKE_CELLS_EXIT"); !code.empty()) {
    std::cerr << "error: the fake does not start\n    it was told so\n";
    return std::stoi(code);
  }
  std::signal(SIGTERM, given("FAKE_DEAF").empty() ? [](int) { stopped = 1; } : SIG_IGN);
  espalier::store::ResultStore store(option(words, "--db"), espalier::store::Mode::ReadWrite);
  const auto me = espalier::store::this_worker_name();
  const double seconds = std::stod(given("FAKE_SLEEP", "0"));
  const auto experiment = option(words, "--experiment");
  auto claim = store.claim(experiment, me, 60);
  while (stopped == 0) {
    if (!claim) return 0;
    const auto seed = std::to_string(json::parse(claim->settings).at("seed").get<long>());
    std::cerr << "2026-01-01 12:00:00 [" << ::getpid() << "] a cell of seed " << seed << std::endl;
    for (double slept = 0; slept < seconds && stopped == 0; slept += 0.01) ::usleep(10'000);
    if (stopped != 0) {
      store.release(*claim);
      return 130;
    }
    if (seed == given("FAKE_CRASH_SEED")) std::raise(SIGSEGV);
    if (seed == given("FAKE_EXIT_SEED")) return std::stoi(given("FAKE_EXIT_CODE", "5"));
    if (seed == given("FAKE_FAIL_SEED")) std::cerr << "warning: a cell fails" << std::endl;
    // As the real worker does: one transaction a cell.
    claim = store.finish_and_claim(*claim, attempt(seed == given("FAKE_FAIL_SEED")), experiment, 60).next;
  }
  if (claim) store.release(*claim);
  return 130;
}

}  // namespace

int main(int count, char** arguments) {
  const std::vector<std::string> words(arguments + 1, arguments + count);
  if (const auto journal = given("FAKE_JOURNAL"); !journal.empty()) {
    std::ofstream(journal, std::ios::app)
        << (words.empty() ? "" : words[0]) << " OMP_NUM_THREADS=" << given("OMP_NUM_THREADS") << " "
        << given("OMP_WAIT_POLICY") << std::endl;
  }
  if (!words.empty() && words[0] == "describe") return describe(words);
  if (!words.empty() && words[0] == "cells") return cells(words);
  if (words.size() > 1 && words[0] == "devices" && words[1] == "--check") return devices(words);
  std::cout << "handed over:";
  for (const auto& word : words) std::cout << " " << word;
  std::cout << "\n";
  return words.size() > 1 && words[1] == "--fail" ? 5 : 0;
}
