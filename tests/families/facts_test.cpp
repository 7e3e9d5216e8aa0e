// What planning is told of a family without LibTorch is what is read with it.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "cells/families.h"
#include "families/families.h"
#include "families/fixtures.h"
#include "nn/safetensors.h"

namespace espalier::test {
namespace {

class FamilyFactsOf : public testing::TestWithParam<std::pair<Family, const char*>> {};

TEST_P(FamilyFactsOf, AreThoseOfItsCheckpoints) {
  const auto [family, name] = GetParam();
  const auto folder = fixtures / name;
  const auto& facts = facts_of(family);
  std::ifstream file(folder / "config.json");
  const auto config = nlohmann::json::parse(file);
  EXPECT_EQ(config.at("model_type"), facts.model_type);
  const auto model = families::read_model(folder, to_string(family));
  EXPECT_EQ(model->family(), to_string(family));

  const auto number = [&](const ConfigNumber& wanted) { return config.value(wanted.key, wanted.otherwise); };
  std::map<SiteKind, std::int64_t> sites;
  for (const auto& site : model->sites()) ++sites[site.kind];
  ASSERT_EQ(sites.size(), facts.attention.size());
  for (const auto& of : facts.attention) EXPECT_EQ(sites[of.kind], number(of.layers)) << to_string(of.kind);
  for (const auto& site : model->sites()) {
    const auto of = std::find_if(facts.attention.begin(), facts.attention.end(),
                                 [&](const auto& one) { return one.kind == site.kind; });
    ASSERT_NE(of, facts.attention.end());
    EXPECT_EQ(site.heads, number(of->heads)) << site.name;
    EXPECT_EQ(site.model_width, number(of->width)) << site.name;
  }

  const auto tensors = nn::read_safetensors(folder / "model.safetensors").tensors;
  EXPECT_TRUE(std::any_of(tensors.begin(), tensors.end(),
                          [&](const auto& tensor) { return tensor.first.ends_with(facts.embedding); }));
  EXPECT_EQ(facts.head != nullptr && tensors.contains(facts.head), !model->labels().empty());
}

INSTANTIATE_TEST_SUITE_P(Families, FamilyFactsOf,
                         testing::Values(std::pair(Family::Bert, "three_heads_of_five"),
                                         std::pair(Family::Ast, "audio/ast_relu"),
                                         std::pair(Family::Whisper, "audio/whisper_odd")),
                         [](const auto& of) { return std::string(to_string(of.param.first)); });

}  // namespace
}  // namespace espalier::test
