#include "shards/slurm_options.h"

#include <espalier/error.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "runner/shards/submit.h"

namespace espalier::runner {
namespace {

std::string refusal_of(const SubmitOptions& options) {
  try {
    refuse_mistakes(options);
    return "";
  } catch (const SettingsError& error) {
    return error.what();
  }
}

std::string refusal_of_time(const std::string& time) {
  SubmitOptions options;
  options.time = time;
  return refusal_of(options);
}

// The forms are those of sbatch(1), option --time.
TEST(SlurmTime, IsReadInEachOfItsForms) {
  for (const auto& [text, seconds] :
       std::initializer_list<std::pair<const char*, std::int64_t>>{{"30", 30 * 60},
                                                                   {"90:30", 90 * 60 + 30},
                                                                   {"4:00:00", 4 * 3600},
                                                                   {"1-12", 36 * 3600},
                                                                   {"1-12:30", 36 * 3600 + 30 * 60},
                                                                   {"2-0:0:5", 2 * 86400 + 5},
                                                                   {"0", 0}}) {
    EXPECT_EQ(slurm_seconds(text), seconds) << text;
  }
}

TEST(SlurmTime, IsNothingElse) {
  for (const char* text : {"", "4h", "2 hours", "1:2:3:4", "1-2:3:4:5", "-5", "1-", "-", "1--2", "1:", ":30", "1.5",
                           "30\n#SBATCH --exclusive", "１", "99999999999999999999"})
    EXPECT_EQ(slurm_seconds(text), std::nullopt) << text;
}

TEST(SlurmTime, IsRefusedWithItsForms) {
  EXPECT_EQ(refusal_of_time("4h"),
            "--time '4h': expected a time as Slurm writes it: minutes, minutes:seconds, hours:minutes:seconds, "
            "days-hours, days-hours:minutes or days-hours:minutes:seconds\n    as in 30, 4:00:00 or 1-12; 0 is no "
            "limit");
  EXPECT_EQ(refusal_of_time("4:00:00"), "");
  EXPECT_EQ(refusal_of_time("0"), "");
}

// A task is told two minutes before its end: with less it would be told before it begins.
TEST(SlurmTime, LeavesTimeToCompute) {
  EXPECT_EQ(refusal_of_time("2"),
            "--time '2': expected more than 2 minutes, as a task is told so long before its end to stop\n    minutes "
            "alone are minutes: 4 hours are 4:00:00 or 240");
  EXPECT_EQ(refusal_of_time("2:01"), "");
}

TEST(SlurmOptions, AreRefusedAllAtOnce) {
  SubmitOptions options;
  options.time = "soon";
  options.partition = "my partition";
  options.devices = "cuda:0,cuda:0";
  options.directives = {"--account=physics", "account", "--mem=1G\n#SBATCH --exclusive"};
  const auto said = refusal_of(options);
  EXPECT_TRUE(said.starts_with("--time 'soon': expected a time as Slurm writes it")) << said;
  for (const auto* part :
       {"\n--partition 'my partition': expected a name without blanks; 'sinfo' lists those of this cluster",
        "\n--devices: cuda:0 is named twice",
        "\n--sbatch 'account': expected one option of sbatch on one line, as in --sbatch=--account=physics",
        "\n--sbatch '--mem=1G\\x0a#SBATCH --exclusive': expected one option"})
    EXPECT_NE(said.find(part), std::string::npos) << said;
  EXPECT_EQ(said.find("physics'"), std::string::npos) << said;
}

}  // namespace
}  // namespace espalier::runner
