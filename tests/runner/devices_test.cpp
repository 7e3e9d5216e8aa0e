#include "runner/devices.h"

#include <espalier/error.h>

#include <algorithm>

#include "runner/plan.h"
#include "runner_fixture.h"
#include "support/message_of.h"

namespace espalier::runner {
namespace {

using DevicesTest = RunnerTest;
using test::message_of;
using Devices = std::vector<DeviceChoice>;

const DeviceChoice first{DeviceKind::Cuda, 0}, second{DeviceKind::Cuda, 1};

grid::PlannedCell changed(grid::PlannedCell cell, const std::string& place, const nlohmann::json& value) {
  auto settings = nlohmann::json::parse(cell.settings);
  settings[nlohmann::json::json_pointer(place)] = value;
  cell.settings = settings.dump();
  cell.key = sha256_hex(cell.settings);
  return cell;
}

TEST_F(DevicesTest, TheCpuNeedsNoWorkerToSayThatItIsThere) {
  set("ESPALIER_WORKER", "/no/worker");

  EXPECT_EQ(ready_devices("cpu"), Devices{{}});
}

TEST_F(DevicesTest, TheWorkerSaysWhatWordsStandFor) {
  set("FAKE_GPUS", "2");

  EXPECT_EQ(ready_devices("all"), (Devices{first, second}));
  EXPECT_EQ(ready_devices("auto"), Devices{first});
  EXPECT_EQ(ready_devices("cuda:1,cuda:0"), (Devices{second, first}));
  set("FAKE_GPUS", "0");
  EXPECT_EQ(ready_devices("auto"), Devices{{}});
}

TEST_F(DevicesTest, WhatCannotBeOpenedIsRefusedInTheWorkersWords) {
  set("FAKE_GPUS", "1");
  const auto refused = [](const std::string& text) {
    return message_of<SettingsError>([&] { ready_devices(text, "ESPALIER_DEVICES"); });
  };

  EXPECT_EQ(refused("cuda:0,cuda:1"), "--device cuda:1: no GPU answers: the fake has 1");
  EXPECT_EQ(refused("cuda,cuda:0"), "ESPALIER_DEVICES: cuda:0 is named twice");
  set("FAKE_GPUS", "0");
  EXPECT_EQ(refused("all"), "--device cuda:0: no GPU answers: the fake has 0");
  set("FAKE_DEVICES_EXIT", "7");
  EXPECT_TRUE(refused("all").ends_with("ended with exit code 7\n    error: the fake has no devices")) << refused("all");
  EXPECT_TRUE(refused("all").starts_with("ESPALIER_DEVICES all: the devices cannot be opened: ")) << refused("all");
}

TEST(DevicesInWords, AreNamedOrCounted) {
  EXPECT_EQ(devices_in_words({{}}), "");
  EXPECT_EQ(devices_in_words({second}), "cuda:1");
  EXPECT_EQ(devices_in_words({first, second}), "cuda:0 and cuda:1");
  EXPECT_EQ(devices_in_words({first, second, {DeviceKind::Cuda, 2}}), "cuda:0, cuda:1 and cuda:2");
  EXPECT_EQ(devices_in_words(Devices(8, first)), "8 GPUs");
}

TEST(WorkersOnDevices, AreDealtInTurns) {
  EXPECT_EQ(workers_on(0, 1, 3), 3);
  EXPECT_EQ(workers_on(0, 2, 3), 2);
  EXPECT_EQ(workers_on(1, 2, 3), 1);
}

TEST_F(DevicesTest, WorkersAreDealtOverThem) {
  set("FAKE_GPUS", "2");
  set("FAKE_SLEEP", "0.2");
  auto wanted = options(3);
  wanted.devices = {first, second};

  const auto outcome = run(experiment(9), wanted);

  EXPECT_EQ(outcome.done, 9);
  EXPECT_EQ(outcome.devices, "cuda:0 and cuda:1");
  auto given = journal("journal.devices");
  std::sort(given.begin(), given.end());
  EXPECT_EQ(given, (std::vector<std::string>{"cuda:0 shared by 2", "cuda:0 shared by 2", "cuda:1 shared by 1"}));
}

TEST_F(DevicesTest, OneWorkerADeviceUnlessAskedOtherwise) {
  set("FAKE_SLEEP", "0.2");
  auto wanted = options(0);
  wanted.devices = {first, second};
  EXPECT_EQ(run(experiment(4), wanted).done, 4);
  EXPECT_EQ(journal("journal.devices").size(), 2U);

  wanted.workers = 1;
  testing::internal::CaptureStderr();
  const auto outcome = run(experiment(6), wanted);
  const auto said = testing::internal::GetCapturedStderr();

  EXPECT_EQ(outcome.devices, "cuda:0");
  EXPECT_NE(said.find("1 of 2 devices is used, as there is one worker; --workers 2 uses all\n"), std::string::npos)
      << said;
  EXPECT_EQ(journal("journal.devices").back(), "cuda:0 shared by 1");
}

TEST_F(DevicesTest, OfTheCpuAreSaidToTheWorkerToo) {
  EXPECT_EQ(run(experiment(1), options()).devices, "");

  EXPECT_EQ(journal("journal.devices"), std::vector<std::string>{"cpu shared by "});
}

TEST_F(DevicesTest, CellsInTf32NeedAGpu) {
  auto cells = planned(3);
  for (int cell = 0; cell < 2; ++cell) cells[cell] = changed(cells[cell], "/compute", "tf32");
  const auto wanted = experiment(cells);

  const auto message = message_of<SettingsError>([&] { run(wanted, options()); });

  EXPECT_EQ(message,
            "fake.toml: nothing is run: 2 cells compute in tf32, which a CPU does not have\n    run on a GPU with "
            "--devices cuda, or leave them out with --only compute=..., naming the others");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "results"));
  EXPECT_EQ(make_plan(wanted, folder_ / "none.db").notes,
            std::vector<std::string>{"2 cells need a GPU, for tf32: espalier run --devices cuda"});

  auto on_gpu = options();
  on_gpu.devices = {first};
  EXPECT_EQ(run(wanted, on_gpu).done, 3);
  EXPECT_EQ(run(wanted, options()).done, 3);  // nothing is left that needs one
}

TEST_F(DevicesTest, TimesAreTakenOnTheKindOfDeviceThatIsAsked) {
  const auto timed = [](const char* device) {
    return experiment(
        {changed(planned(1)[0], "/measure/latency", {{"batch", {1}}, {"device", device}, {"repeats", 50}})});
  };
  auto on_gpu = options();
  on_gpu.devices = {second};

  EXPECT_EQ(
      message_of<SettingsError>([&] { run(timed("cuda"), options()); }),
      "fake.toml: nothing is run: 1 cell is timed on cuda, as [measure] latency says, and the run computes on cpu\n"
      "    run them with --devices cuda, or take 'device' out of [measure] latency, which then times whatever "
      "computes");
  EXPECT_TRUE(
      message_of<SettingsError>([&] { run(timed("cpu"), on_gpu); })
          .starts_with("fake.toml: nothing is run: 1 cell is timed on cpu, as [measure] latency says, and the run "
                       "computes on cuda\n    run them with --devices cpu"));
  EXPECT_EQ(run(timed("cpu"), options()).done, 1);
  EXPECT_EQ(run(timed("cuda"), on_gpu).done, 1);
  EXPECT_EQ(make_plan(timed("cuda"), folder_ / "none.db").notes,
            std::vector<std::string>{"1 cell is timed on a GPU: espalier run --devices cuda"});
  EXPECT_EQ(make_plan(timed("cpu"), folder_ / "none.db").notes,
            std::vector<std::string>{"1 cell is timed on the CPU: espalier run --devices cpu"});
}

}  // namespace
}  // namespace espalier::runner
