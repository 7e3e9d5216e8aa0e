// The program starts in milliseconds because it does not load LibTorch.
#include <chrono>

#include "cli_fixture.h"

namespace espalier::cli {
namespace {

using Start = CliTest;

TEST_F(Start, LoadsNoLibTorch) {
  const auto ran = test::run_program({"/usr/bin/ldd", test::program("espalier")}, folder_.path());

  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_EQ(ran.out.find("torch"), std::string::npos) << ran.out;
  EXPECT_EQ(ran.out.find("libc10"), std::string::npos) << ran.out;
}

TEST_F(Start, PlanStatusAndTableAnswerQuickly) {
  ASSERT_EQ(espalier({"run", "tiny.toml"}).exit_code, 0);
  for (const char* command : {"plan", "status", "table"}) {
    double best = 1e9;  // of several: the machine is shared
    for (int i = 0; i < 5; ++i) {
      const auto began = std::chrono::steady_clock::now();
      ASSERT_EQ(espalier({command, "tiny.toml"}).exit_code, 0);
      best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count());
    }
    RecordProperty(std::string(command) + "_seconds", std::to_string(best));
    EXPECT_LT(best, 0.05) << command;
  }
}

}  // namespace
}  // namespace espalier::cli
