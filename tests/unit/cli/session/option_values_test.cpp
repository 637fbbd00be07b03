#include "ec2mpi/cli/session/option_values.hpp"

#include <gtest/gtest.h>

namespace ec2mpi::cli {
namespace {

/// What the validator says of a word; "" if it takes it.
template <class Validator>
std::string said_of(const Validator& validator, std::string word) {
  return validator(word);
}

TEST(Number, TakesNoOtherTextAndNothingBeyondItsBounds) {
  const auto whole = number(1, 10);
  for (const char* good : {"1", "10", "7"}) EXPECT_EQ(said_of(whole, good), "");
  for (const char* bad : {"0", "11", "", " 7", "7 ", "+7", "7.5", "0x7", "seven", "99999999999999999999"})
    EXPECT_EQ(said_of(whole, bad), fmt::format("a number from 1 to 10, not '{}'", bad));
  const auto decimal = number(0.5, 2.0);
  for (const char* good : {"0.5", "1", "1e0", "2"}) EXPECT_EQ(said_of(decimal, good), "");
  for (const char* bad : {"0.4", "nan", "inf", "1,5"}) EXPECT_NE(said_of(decimal, bad), "");
}

TEST(Number, IsDecimalWhateverItBeginsWith) {
  std::string word = "010";
  EXPECT_EQ(number(1, 10)(word), "");
  EXPECT_EQ(word, "10");
}

TEST(Size, TakesNoSignAndNothingThatIsTooLarge) {
  for (const auto& [typed, bytes] :
       std::initializer_list<std::pair<const char*, const char*>>{{"0", "0"},
                                                                  {"500", "500"},
                                                                  {"010", "10"},
                                                                  {"3k", "3000"},
                                                                  {"500M", "500000000"},
                                                                  {"20 GB", "20000000000"}}) {
    std::string word = typed;
    EXPECT_EQ(size()(word), "") << typed;
    EXPECT_EQ(word, bytes);
  }
  for (const char* bad :
       {"", "M", "-1", "-5M", "+5", " 5", "5X", "0x10", "1e30", "99999999999999999999", "99999999999G"})
    EXPECT_EQ(said_of(size(), bad), fmt::format("a size such as 500M or 20G, not '{}'", bad));
}

TEST(TimeFrom, TakesSecondsAndTimesWithAUnit) {
  const auto validator = time_from(0.5, 7200);
  for (const auto& [typed, seconds] :
       std::initializer_list<std::pair<const char*, const char*>>{{"0.5", "0.5"},
                                                                  {"10", "10"},
                                                                  {"90s", "90"},
                                                                  {"10m", "600"},
                                                                  {"2h", "7200"},
                                                                  {"1e2", "100"},
                                                                  {"1h30m", "5400"},
                                                                  {"2 h", "7200"}}) {
    std::string word = typed;
    EXPECT_EQ(validator(word), "");
    EXPECT_EQ(word, seconds);
  }
  EXPECT_EQ(said_of(validator, "3h"), "a time from 0.5 to 7200 seconds, not '3h'");
  for (const char* bad : {"", "s", "m10", "0.4", "nan", "inf", "-1", "1h30", "10mm"})
    EXPECT_NE(said_of(validator, bad), "") << bad;
}

TEST(OneOf, NamesTheWordsThatItTakes) {
  const auto validator = one_of({"auto", "public", "private"});
  EXPECT_EQ(said_of(validator, "public"), "");
  EXPECT_EQ(said_of(validator, "Public"), "auto, public or private, not 'Public'");
}

TEST(OneOf, PutsTheValueOfAnEnumerationInThePlaceOfItsWord) {
  enum class Choice { none, some };
  const auto validator = one_of<Choice>({{"no", Choice::none}, {"yes", Choice::some}});
  std::string word = "yes";
  EXPECT_EQ(validator(word), "");
  EXPECT_EQ(word, "1");
  EXPECT_EQ(said_of(validator, "maybe"), "no or yes, not 'maybe'");
}

}  // namespace
}  // namespace ec2mpi::cli
