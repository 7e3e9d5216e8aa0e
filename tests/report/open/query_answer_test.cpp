#include "report/open/query_answer.h"

#include <espalier/error.h>
#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>

namespace espalier::report {
namespace {

const QueryAnswer answer{{"name", "name", "=SUM(A1)"},
                         {{std::string("NULL"), std::int64_t{12}, std::monostate{}},
                          {std::string("<b>|x\x1b"), 0.5, store::Bytes{std::string("\0\xff", 2)}},
                          {std::string(), std::monostate{}, -std::numeric_limits<double>::infinity()},
                          {std::string("+1,2\n\"3\""), std::int64_t{-7}, std::string("\xff")}}};

TEST(QueryAnswer, IsAlignedInATerminalWithWhatIsAbsentToldApart) {
  EXPECT_EQ(render(answer, Format::Terminal),
            "name         name  =SUM(A1)\n"
            "'NULL'         12  NULL\n"
            "<b>|x\\x1b     0.5  x'00ff'\n"
            "             NULL  -inf\n"
            "+1,2\\x0a\"3\"    -7  \\xff\n");
}

TEST(QueryAnswer, IsMarkdownInWhichTextsAreTexts) {
  EXPECT_EQ(render(answer, Format::Markdown),
            "| name | name | =SUM(A1) |\n"
            "| --- | --- | --- |\n"
            "| 'NULL' | 12 | NULL |\n"
            "| \\<b\\>\\|x\\\\x1b | 0.5 | x'00ff' |\n"
            "|  | NULL | -inf |\n"
            "| +1,2\\\\x0a\"3\" | -7 | \\\\xff |\n");
}

TEST(QueryAnswer, IsCsvWithoutFormulas) {
  EXPECT_EQ(render(answer, Format::Csv),
            "name,name,'=SUM(A1)\r\n"
            "NULL,12,\r\n"
            "<b>|x\\x1b,0.5,x'00ff'\r\n"
            "\"\",,-inf\r\n"
            "\"'+1,2\n\"\"3\"\"\",-7,\\xff\r\n");
}

TEST(QueryAnswer, IsJsonThatReadsBack) {
  const auto document = nlohmann::json::parse(render(answer, Format::Json));

  EXPECT_EQ(document.at("columns"), nlohmann::json({"name", "name", "=SUM(A1)"}));
  EXPECT_EQ(document.at("complete"), true);
  EXPECT_EQ(document.at("rows")[0], nlohmann::json({"NULL", 12, nullptr}));
  EXPECT_EQ(document.at("rows")[1], nlohmann::json::parse(R"(["<b>|x\u001b", 0.5, {"blob": "00ff"}])"));
  EXPECT_EQ(document.at("rows")[2], nlohmann::json({"", nullptr, "-Infinity"}));
  EXPECT_EQ(document.at("rows")[3][0], "+1,2\n\"3\"");
}

TEST(QueryAnswer, IsNoLatex) { EXPECT_THROW(render(answer, Format::Latex), SettingsError); }

}  // namespace
}  // namespace espalier::report
