// Head grids as text and as pictures, and when two ways of computing agree: without the program.
#include <ATen/ATen.h>
#include <espalier/error.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "measure/agreement.h"
#include "measure/head_grid.h"
#include "measure/head_grid_svg.h"
#include "support/message_of.h"
#include "support/run_program.h"
#include "words/atomic_file.h"

namespace espalier::worker {
namespace {

using test::TempDir;

constexpr double none = std::numeric_limits<double>::quiet_NaN();

Site site_named(const std::string& name, std::int64_t heads) {
  Site site;
  site.name = name;
  site.heads = heads;
  site.head_dim = 2;
  site.model_width = 8;
  return site;
}

HeadGrid bert_grid() {
  return {"Loss",
          {"bert.encoder.layer.0.attention.self", "bert.encoder.layer.10.attention.self"},
          {{0.5, -0.00004}, {0.0125, none}}};
}

// "" where a parser takes it, else what the parser says.
std::string complaint_of_xml(const std::string& text) {
  const TempDir folder;
  folder.write("picture.svg", text);
  const auto ran =
      test::run_program({"/usr/bin/env", "python3", "-c",
                         "import xml.dom.minidom as dom; "
                         "root = dom.parse('picture.svg').documentElement; "
                         "print(root.tagName, len(root.getElementsByTagName('rect')))\n"
                         "for text in root.getElementsByTagName('text') + root.getElementsByTagName('title'): "
                         "print(text.firstChild.data)"},
                        folder.path());
  return ran.exit_code == 0 ? ran.out : "complaint: " + ran.err;
}

TEST(HeadGrid, ASiteIsCalledByWhatTellsItFromTheOthers) {
  const auto bert = labels_of({"bert.encoder.layer.0.attention.self", "bert.encoder.layer.10.attention.self"});
  EXPECT_EQ(bert.labels, (std::vector<std::string>{"layer 0", "layer 10"}));
  EXPECT_EQ(bert.legend, "layer N: bert.encoder.layer.N.attention.self");

  const auto whisper = labels_of({"model.encoder.layers.0.self_attn", "model.decoder.layers.0.encoder_attn"});
  EXPECT_EQ(whisper.labels, (std::vector<std::string>{"encoder.layers.0.self_attn", "decoder.layers.0.encoder_attn"}));
  EXPECT_EQ(whisper.legend, "sites are named from model. on");

  const auto alone = labels_of({"encoder.layer.0.attention.self"});
  EXPECT_EQ(alone.labels, (std::vector<std::string>{"encoder.layer.0.attention.self"}));
  EXPECT_EQ(alone.legend, "");
  EXPECT_EQ(labels_of({"a", "b"}).labels, (std::vector<std::string>{"a", "b"}));
}

TEST(HeadGrid, AddsUpTheUnitsOfAHead) {
  const Units units({site_named("first", 2), site_named("second", 1)}, Granularity::HeadChannel);
  std::vector<double> values(static_cast<std::size_t>(units.count()));
  for (std::int64_t i = 0; i < units.count(); ++i)
    values[static_cast<std::size_t>(i)] = units[i].site == 1 ? 100 : units[i].head == 1 ? 10 : 1;

  const auto grid = grid_of(units, values, "Sums");

  // Two channels each of Q and K, and of V and O.
  EXPECT_EQ(grid.values, (std::vector<std::vector<double>>{{4, 40}, {400}}));
  EXPECT_EQ(grid.sites, (std::vector<std::string>{"first", "second"}));
}

TEST(HeadGrid, LeavesOutSitesWithoutUnits) {
  auto decoder = site_named("decoder", 2);
  decoder.kind = SiteKind::DecoderSelf;
  const Units units({site_named("encoder", 2), decoder}, Granularity::Head, SiteFilter::DecoderSelf);
  const auto grid = grid_of(units, std::vector<double>{1, 2}, "Loss");
  EXPECT_EQ(grid.sites, (std::vector<std::string>{"decoder"}));
  EXPECT_EQ(grid.values, (std::vector<std::vector<double>>{{1, 2}}));
}

TEST(HeadGrid, ATableIsShownInThePowerOfAThousandThatFits) {
  EXPECT_EQ(text_of(bert_grid()),
            "Loss (in 0.001)\n"
            "  head          0      1\n"
            "  layer 0   500.0    0.0\n"
            "  layer 10   12.5      -\n"
            "  layer N: bert.encoder.layer.N.attention.self\n"
            "  most:  layer 0 head 0 (500.0)\n"
            "  least: layer 0 head 1 (0.0)\n");
  EXPECT_EQ(scale_of({"", {"a"}, {{1e-8}}}).text, "in 1e-09");
  EXPECT_EQ(scale_of({"", {"a"}, {{12.5, -3}}}).text, "");
  EXPECT_EQ(scale_of({"", {"a"}, {{0, 0}}}).text, "");
  EXPECT_EQ(cell_text(12.5, scale_of({"", {"a"}, {{12.5}}})), "12.5");
  EXPECT_EQ(cell_text(-std::numeric_limits<double>::infinity(), {}), "-inf");
}

TEST(HeadGrid, ManyHeadsAreShownInBlocks) {
  const auto text = text_of({"Loss", {"a"}, {std::vector<double>(20, 1)}});
  EXPECT_NE(text.find("  head     0     1 "), std::string::npos) << text;
  EXPECT_NE(text.find("  head    16    17    18    19\n"), std::string::npos) << text;
}

TEST(HeadPicture, IsXmlWithACellAHeadAndTheNumbers) {
  const auto grid = bert_grid();
  const auto seen = complaint_of_xml(svg_of({"Heads of DIR", {"dense: accuracy 0.9"}}, {&grid, 1}));
  // The ground, four cells and the legend's bar.
  EXPECT_EQ(seen.substr(0, seen.find('\n')), "svg 6") << seen;
  for (const char* words : {"Heads of DIR\n", "dense: accuracy 0.9\n", "layer 10\n", "500.0\n", "125.0\n", "-500.0\n",
                            "bert.encoder.layer.10.attention.self head 0: 0.0125\n"})
    EXPECT_NE(seen.find(words), std::string::npos) << words << seen;
}

TEST(HeadPicture, NamesCannotEndTheText) {
  const std::string hostile = "</text><script>alert('\"&\x01\xff\xef\xbf\xbe]]>";
  const HeadGrid grid{hostile,
                      {hostile,
                       "\xe2\x80\xae"
                       "b"},
                      {{1, 2}, {3, none}}};
  const auto svg = svg_of({hostile, {hostile}}, {&grid, 1});
  EXPECT_EQ(svg.find("<script"), std::string::npos);
  const auto seen = complaint_of_xml(svg);
  EXPECT_EQ(seen.substr(0, 3), "svg") << seen;
  EXPECT_NE(seen.find("</text><script>alert('\"&\\x01\\xff"), std::string::npos) << seen;
}

TEST(HeadPicture, HasNoLegendWhereNothingDiffersFromNothing) {
  const HeadGrid grid{"Loss", {"a"}, {{0, 0}}};
  EXPECT_EQ(svg_of({"T", {}}, {&grid, 1}).find("linearGradient"), std::string::npos);
}

tasks::Evaluation classes(const at::Tensor& logits) { return {{{"logits", logits}}, {}, "", logits.size(0), 0}; }

TEST(Agreement, PredictionsMayDifferWithinRoundingOnly) {
  const auto plain = classes(at::tensor({1.00000, 1.00001, 4.0, 0.0}).view({2, 2}));
  const auto close = agreement_of(plain, classes(at::tensor({1.00002, 1.00001, 4.0, 0.0}).view({2, 2})), "a and b");
  EXPECT_EQ(close.predictions, 2);
  EXPECT_EQ(close.rounded_apart, 1);
  EXPECT_NEAR(close.difference, 2e-5, 1e-6);

  const auto far = classes(at::tensor({1.0, 1.1, 4.0, 0.0}).view({2, 2}));
  const auto said = test::message_of<Error>([&] { agreement_of(plain, far, "'plain' and 'prefix', mask 3 of a set"); });
  EXPECT_EQ(said.substr(0, said.find('\n')),
            "'plain' and 'prefix', mask 3 of a set disagree: logits differ by 0.09999");
  EXPECT_NE(said.find("please report it"), std::string::npos) << said;
}

TEST(Agreement, WhatIsNoNumberInBothIsEqual) {
  const auto broken = classes(at::tensor({none, 1.0}).view({1, 2}));
  EXPECT_EQ(agreement_of(broken, broken, "").difference, 0);
  EXPECT_NE(test::message_of<Error>([&] { agreement_of(broken, classes(at::ones({1, 2}, at::kDouble)), "x"); }), "");
}

TEST(Agreement, OfSpeechAsksForTheSameTranscripts) {
  const auto heard = [](std::int64_t token) {
    return tasks::Evaluation{
        {{"tokens", at::tensor({token}, at::kLong).view({1, 1})}, {"losses", at::tensor({0.5}, at::kDouble)}},
        {},
        "",
        1,
        0};
  };
  EXPECT_EQ(agreement_of(heard(5), heard(5), "").predictions, 1);
  EXPECT_NE(
      test::message_of<Error>([&] { agreement_of(heard(5), heard(6), "x"); }).find("x disagree: transcripts differ"),
      std::string::npos);
}

TEST(Agreement, ABoundedEvaluationMayNotMissWhatMeetsTheBound) {
  const auto said = [](const Evaluated& answer, double quality) {
    return test::message_of<Error>([&] { require_verdict(answer, 0.8, quality, 1e-9, "'plain' and 'bounded'"); });
  };
  require_verdict({0.9, true}, 0.8, 0.9, 1e-9, "");
  require_verdict({0.79, false}, 0.8, 0.7, 1e-9, "");
  EXPECT_NE(said({0.9, true}, 0.91)
                .find("'plain' and 'bounded' disagree: the quality is 0.91, and was found to be just 0.9\n"),
            std::string::npos);
  EXPECT_NE(said({0.79, false}, 0.85).find("the quality is 0.85, and was found to be at most 0.79\n"),
            std::string::npos);
  EXPECT_NE(said({0.7, false}, 0.75), "");
}

}  // namespace
}  // namespace espalier::worker
