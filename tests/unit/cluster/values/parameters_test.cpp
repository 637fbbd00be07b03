#include "ec2mpi/cluster/values/parameters.hpp"

#include <gtest/gtest.h>

namespace ec2mpi {
namespace {

using Texts = std::vector<std::string>;

Texts values(std::string_view text) {
  const auto values = parse_values(text);
  return values ? *values : Texts{"error: " + values.error().message};
}

std::string trouble(std::string_view text) {
  const auto sweep = parse_sweep(text);
  if (sweep) return "no error";
  EXPECT_EQ(sweep.error().kind, ErrorKind::usage);
  return sweep.error().message;
}

std::string filled(std::string_view text, const Parameters& parameters) {
  const auto result = fill_in(text, parameters);
  return result ? *result : "error: " + result.error().message;
}

std::string number(std::string_view formula, const Parameters& parameters = {}) {
  const auto result = evaluate(formula, parameters);
  return result ? std::to_string(*result) : result.error().message;
}

TEST(Values, ListsAndRanges) {
  EXPECT_EQ(values("3,6,12"), (Texts{"3", "6", "12"}));
  EXPECT_EQ(values("1..5"), (Texts{"1", "2", "3", "4", "5"}));
  EXPECT_EQ(values("0..10..4"), (Texts{"0", "4", "8"}));
  EXPECT_EQ(values("2..-2..-2"), (Texts{"2", "0", "-2"}));
  EXPECT_EQ(values("7..7"), (Texts{"7"}));
  EXPECT_EQ(values("01..03"), (Texts{"01", "02", "03"}));
  EXPECT_EQ(values("08..12..2"), (Texts{"08", "10", "12"}));
  EXPECT_EQ(values("1..010..9"), (Texts{"001", "010"}));
  EXPECT_EQ(values("-01..1"), (Texts{"-01", "000", "001"}));
  EXPECT_EQ(values("0..1"), (Texts{"0", "1"}));
  EXPECT_EQ(values("1..3,10,x"), (Texts{"1", "2", "3", "10", "x"}));
  EXPECT_EQ(values("0.1,1e-3"), (Texts{"0.1", "1e-3"}));
}

TEST(Values, ShellTextIsOnlyText) {
  EXPECT_EQ(values("$(rm -rf ~),`id`,a b;'c'"), (Texts{"$(rm -rf ~)", "`id`", "a b;'c'"}));
}

TEST(Values, QuotesHoldCommasAndDots) {
  EXPECT_EQ(values(R"("a,b","1..5","","say ""no""")"), (Texts{"a,b", "1..5", "", "say \"no\""}));
}

TEST(Values, WhatIsWrongIsSaid) {
  EXPECT_EQ(trouble("agents"), "'agents' is not NAME=VALUES, as in agents=3,6,12 or seed=1..5");
  EXPECT_EQ(trouble("2x=1"), "'2x=1' is not NAME=VALUES, as in agents=3,6,12 or seed=1..5");
  EXPECT_EQ(trouble("a="), "'a=': a value is missing; an empty one is written \"\"");
  EXPECT_EQ(trouble("a=1,,2"), "'a=1,,2': a value is missing; an empty one is written \"\"");
  EXPECT_EQ(trouble("a=1,2,1"), "'a=1,2,1': '1' stands twice");
  EXPECT_EQ(trouble("a=1..3,2"), "'a=1..3,2': '2' stands twice");
  EXPECT_EQ(trouble("a=5..1"), "'a=5..1': '5..1' is empty: it runs the other way; write 5..1..-1");
  EXPECT_EQ(trouble("a=1..5..-2"), "'a=1..5..-2': '1..5..-2' is empty: it runs the other way; write 1..5..2");
  EXPECT_EQ(trouble("a=1..5..0"), "'a=1..5..0': '1..5..0': the step is 0");
  EXPECT_NE(trouble("a=1..x").find("is no range of whole numbers"), std::string::npos);
  EXPECT_NE(trouble("a=1..2..3..4").find("is no range of whole numbers"), std::string::npos);
  EXPECT_NE(trouble("a=1..2001").find("more than 2000 values"), std::string::npos);
  EXPECT_NE(trouble("a=-9223372036854775808..9223372036854775807").find("too big"), std::string::npos);
  EXPECT_EQ(trouble("a=\"b"), "'a=\"b': a double quote has no partner");
  EXPECT_NE(trouble("a=x\"b\"").find("quotes stand around the whole value"), std::string::npos);
  EXPECT_NE(trouble("a=\"b\"x").find("quotes stand around the whole value"), std::string::npos);
  EXPECT_EQ(trouble("a=x\ny"), "'a=x\\x0ay': 'x\\x0ay' has control characters");
}

TEST(Combinations, TheFirstChangesSlowest) {
  const auto all = combinations({{"a", {"1", "2"}}, {"b", {"x", "y"}}});
  ASSERT_TRUE(all.has_value());
  const std::vector<Parameters> expected = {
      {{"a", "1"}, {"b", "x"}}, {{"a", "1"}, {"b", "y"}}, {{"a", "2"}, {"b", "x"}}, {{"a", "2"}, {"b", "y"}}};
  EXPECT_EQ(*all, expected);
  EXPECT_EQ(combinations({})->size(), 1U);
}

TEST(Combinations, TooManyAndDoubleNamesAreRefused) {
  const Texts many(101, "1");
  EXPECT_EQ(combinations({{"a", many}, {"b", many}}).error().message, "these are more than 2000 variants");
  EXPECT_EQ(combinations({{"a", {"1"}}, {"a", {"2"}}}).error().message, "a is set twice");
}

TEST(FillIn, OnlyNamesInBracesAreFilled) {
  const Parameters parameters = {{"agents", "3"}, {"out", "a {agents} b"}};
  EXPECT_EQ(filled("--n={agents}/{agents}", parameters), "--n=3/3");
  EXPECT_EQ(filled("{out}", parameters), "a {agents} b");  // a value is not looked at again
  EXPECT_EQ(filled(R"({"a":{"b":1}} {} { agents } {1} ${agents})", parameters),
            R"({"a":{"b":1}} {} { agents } {1} $3)");
  EXPECT_EQ(filled("{{agents}} {{{agents}}} {{agents}", parameters), "{agents} {3} {3");
  EXPECT_EQ(filled("", parameters), "");
}

TEST(FillIn, DoubledBracesAroundANameAreBraces) {
  EXPECT_EQ(filled("print('{{x}}')", {}), "print('{x}')");
}

TEST(FillIn, ANameWithoutAValueIsNamed) {
  EXPECT_EQ(filled("--n={agnets}", {{"agents", "3"}}),
            "error: {agnets} in '--n={agnets}' has no value; give it one: --set agnets=..., or write "
            "{{agnets}} for the braces");
}

TEST(FillIn, NamesAreFound) {
  EXPECT_EQ(names_in("{a}-{b} {{c}} {a} {1}"), (Texts{"a", "b", "a"}));
}

TEST(Evaluate, Arithmetic) {
  const Parameters three = {{"n", "3"}, {"m", "-2"}, {"word", "six"}};
  EXPECT_EQ(number("8"), "8");
  EXPECT_EQ(number("{n}+1", three), "4");
  EXPECT_EQ(number(" 2 * ( {n} - 1 ) / 4 ", three), "1");
  EXPECT_EQ(number("10-3-2"), "5");
  EXPECT_EQ(number("1-{m}", three), "3");
  EXPECT_EQ(number("-(2)*-3"), "6");
}

TEST(Evaluate, WhatIsWrongIsSaid) {
  EXPECT_EQ(number("{word}+1", {{"word", "six"}}),
            "'{word}+1', that is 'six+1': a number is missing before 'six+1'");
  EXPECT_EQ(number("3/2"), "'3/2': 3/2 is no whole number");
  EXPECT_EQ(number("3/0"), "'3/0': 3/0 is no whole number");
  EXPECT_EQ(number("(3"), "'(3': a ( has no )");
  EXPECT_EQ(number("3 4"), "'3 4': '4' is no arithmetic");
  EXPECT_EQ(number("3+"), "'3+': a number is missing at its end");
  EXPECT_EQ(number("200000*200000"), "'200000*200000': the numbers are too big");
  EXPECT_EQ(number("99999999999999999999"), "'99999999999999999999': the numbers are too big");
  EXPECT_NE(number(std::string(5000, '(')).find("too many brackets"), std::string::npos);
}

TEST(VariantId, IsReadableAndPlain) {
  EXPECT_EQ(variant_id("spread", {{"agents", "3"}, {"seed", "1"}}), "spread-agents3-seed1");
  EXPECT_EQ(variant_id("my job", {{"lr", "0.1"}, {"text", "a; $(b) 'c'"}}), "my-job-lr0.1-texta-b-c-");
  EXPECT_EQ(variant_id("../x", {}), "job..-x");
  EXPECT_NE(variant_id("\u8bad", {}), variant_id("\u6d4b", {}));
  EXPECT_LE(variant_id(std::string(500, 'x'), {{"a", std::string(500, 'y')}}).size(), 120U);
}

TEST(VariantId, AllAreDifferent) {
  EXPECT_EQ(variant_ids("j", {{{"t", "a b"}}, {{"t", "a;b"}}, {{"t", "a-b_2"}}, {{"t", "a/b"}}}),
            (Texts{"j-ta-b", "j-ta-b_2", "j-ta-b_2_2", "j-ta-b_3"}));
}

TEST(Sweep, SignsOfAKeyboardForChineseAreNamed) {
  for (const auto& [text, says] : std::initializer_list<std::pair<const char*, const char*>>{
           {"n=1\uff0c2", "'\uff0c' only looks like ','"},
           {"n=1\u30012", "'\u3001' only looks like ','"},
           {"n\uff1d1", "'\uff1d' only looks like '='"},
           {"n=\u201c1\u201d", "'\u201c' only looks like '\"'"}}) {
    const auto sweep = parse_sweep(text);
    ASSERT_FALSE(sweep) << text;
    EXPECT_NE(sweep.error().message.find(says), std::string::npos) << sweep.error().message;
  }
  EXPECT_TRUE(parse_sweep("n=\"\u4e00\uff0c\u4e8c\"")) << "in quotes";
  EXPECT_TRUE(parse_sweep("n=\u4e00,\u4e8c"));
}

TEST(Sweep, ARangeWithADashSaysHowToCount) {
  const auto sweep = parse_sweep("n=1-3");
  ASSERT_FALSE(sweep);
  EXPECT_EQ(sweep.error().message, "'n=1-3' is one value; n=1..3 counts, and 'n=\"1-3\"' is this text");
  EXPECT_EQ(parse_sweep("n=\"1-3\"")->values, (Texts{"1-3"}));
  for (const char* text : {"n=3-1", "n=-3", "n=2024-01-02", "n=1-a", "n=1-3,7"})
    EXPECT_TRUE(parse_sweep(text)) << text;
}

}  // namespace
}  // namespace ec2mpi
