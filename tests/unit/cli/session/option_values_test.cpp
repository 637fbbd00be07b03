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
