#include "ec2mpi/cli/terminal/console.hpp"

#include <gtest/gtest.h>

namespace ec2mpi::cli {
namespace {

bool by_itself(const ColourFacts& facts) {
  return wants_colour(ColourChoice::automatic, facts);
}

TEST(Colour, IsForTerminalsThatCanShowIt) {
  EXPECT_TRUE(by_itself({.is_terminal = true, .kind = "xterm"}));
  EXPECT_FALSE(by_itself({.is_terminal = false, .kind = "xterm"}));
  EXPECT_FALSE(by_itself({.is_terminal = true, .kind = "dumb"}));
  EXPECT_FALSE(by_itself({.is_terminal = true, .kind = ""}));
}

TEST(Colour, AnEmptyNoColorMeansColour) {
  EXPECT_TRUE(by_itself({.is_terminal = true, .kind = "xterm", .no_color = ""}));
  EXPECT_FALSE(by_itself({.is_terminal = true, .kind = "xterm", .no_color = "0"}));
}

TEST(Colour, AFlagIsStrongerThanVariableAndTerminal) {
  EXPECT_TRUE(wants_colour(ColourChoice::always, {.kind = "dumb", .no_color = "1"}));
  EXPECT_FALSE(wants_colour(ColourChoice::never, {.is_terminal = true, .kind = "xterm"}));
}

}  // namespace
}  // namespace ec2mpi::cli
