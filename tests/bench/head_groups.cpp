// How heads of unequal widths are best computed here: each width for itself, padded to one width, or between the two, as the
// engine chooses.
//
// Usage: head_groups [--threads N] [--rounds N]
// One site alone (projections, attention, output), random weights, random channels gone. Every way computes the same site in
// turns; printed are medians of processor time beside the engine's way of the same round (1: as quick), smaller is quicker.
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/randn.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "nn/attention.h"
#include "nn/compaction.h"
#include "nn/device.h"

namespace {

using namespace espalier::nn;

// `overhead`: what one more group is taken to cost (DeviceFacts::group_overhead).
struct Way {
  std::string name;
  double overhead = 0;
  std::int64_t width_multiple = 1;
};

struct Shape {
  std::string name;
  std::int64_t width = 0, heads = 0, tokens = 0;  // tokens of an example
};

double processor_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

double median_of(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + std::ssize(values) / 2, values.end());
  return values[values.size() / 2];
}

AttentionSite random_site(const Shape& shape) {
  auto site = dense_site(shape.heads, shape.width / shape.heads, 0.125);
  site.qkv = {at::randn({3 * shape.width, shape.width}), at::randn({3 * shape.width})};
  site.output = {at::randn({shape.width, shape.width}), at::randn({shape.width})};
  return site;
}

// Each channel stays with this probability, in Q and K together and in V and O together.
std::vector<ScaledHead> narrowed(const AttentionSite& site, double kept, std::mt19937& random) {
  std::vector<ScaledHead> heads;
  std::bernoulli_distribution stays(kept);
  for (const auto& head : site.groups[0].heads) {
    ScaledHead narrow{{head.index, {}, {}}, site.groups[0].scale};
    for (auto* channels : {&narrow.head.qk, &narrow.head.vo}) {
      for (std::int64_t channel = 0; channel < site.head_dim; ++channel)
        if (stays(random)) channels->push_back(channel);
    }
    heads.push_back(std::move(narrow));
  }
  return heads;
}

void compare(const Shape& shape, double kept, const std::vector<Way>& ways, std::int64_t rounds, std::mt19937& random) {
  constexpr std::int64_t piece_tokens = 1024;
  const auto dense = random_site(shape);
  const auto heads = narrowed(dense, kept, random);
  const auto examples = piece_tokens / shape.tokens;
  const auto hidden = at::randn({examples * shape.tokens, shape.width});
  const Layout layout{Segment{.examples = examples, .queries = shape.tokens, .keys = shape.tokens}};
  std::vector<AttentionSite> sites;
  for (const auto& way : ways) {
    auto facts = facts_of(at::kCPU);
    facts.group_overhead = way.overhead;
    facts.width_multiple = way.width_multiple;
    sites.push_back(regrouped(dense, grouped(heads, shape.width, facts)));
  }
  std::vector<std::vector<double>> ratios(ways.size());
  for (std::int64_t round = -1; round < rounds; ++round) {  // the first one warms
    std::vector<double> seconds;
    for (const auto& site : sites) {
      const auto begun = processor_seconds();
      for (int pass = 0; pass < 3; ++pass) site.write(site.attend(site.parts(site.project(hidden)), layout, {}));
      seconds.push_back(processor_seconds() - begun);
    }
    for (std::size_t way = 0; round >= 0 && way < ways.size(); ++way) ratios[way].push_back(seconds[way] / seconds[0]);
  }
  std::string line = fmt::format("{:<13}{:>4} tokens{:>6.2f} ", shape.name, shape.tokens, kept);
  for (std::size_t way = 0; way < ways.size(); ++way)
    line += fmt::format(" | {:>6.3f} ({:>2})", median_of(ratios[way]), sites[way].groups.size());
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

}  // namespace

int main(int count, char** words) {
  std::int64_t threads = 1, rounds = 15;
  for (int i = 1; i + 1 < count; i += 2)
    (std::string(words[i]) == "--threads" ? threads : rounds) = std::stoi(words[i + 1]);
  at::set_num_threads(static_cast<int>(threads));
  const c10::InferenceMode inference;
  const auto engine = facts_of(at::kCPU);
  const std::vector<Way> ways = {{"engine", engine.group_overhead, engine.width_multiple},
                                 {"no cost", 0, engine.width_multiple},
                                 {"8000", 8000, engine.width_multiple},
                                 {"one group", 1e12, engine.width_multiple},
                                 {"ones", engine.group_overhead, 1},
                                 {"fours", engine.group_overhead, 4},
                                 {"sixteens", engine.group_overhead, 16}};
  std::string header = fmt::format("{:<30}", "site, share of channels kept");
  for (const auto& way : ways) header += fmt::format(" | {:>11}", way.name);
  std::printf("%s\n(in brackets: groups)\n", header.c_str());
  std::mt19937 random(1);
  for (const auto& shape :
       {Shape{"bert-base", 768, 12, 128}, Shape{"bert-base", 768, 12, 16}, Shape{"minilm", 384, 12, 16},
        Shape{"whisper-tiny", 384, 6, 512}, Shape{"whisper-base", 512, 8, 128}}) {
    for (const double kept : {0.9, 0.5, 0.25}) compare(shape, kept, ways, rounds, random);
  }
}
