#include "ec2mpi/ops/node/listed_fields.hpp"

#include <gtest/gtest.h>

namespace ec2mpi::ops {
namespace {

TEST(ListedFields, TypesAreLettersOfFind) {
  EXPECT_EQ(type_of_letter("f"), TarType::file);
  EXPECT_EQ(type_of_letter("d"), TarType::directory);
  EXPECT_EQ(type_of_letter("l"), TarType::symlink);
  for (const auto* other : {"", "p", "ff"}) EXPECT_EQ(type_of_letter(other), TarType::other) << other;
}

TEST(ListedFields, ModesAreDigitsAndNothingElse) {
  EXPECT_EQ(parse_mode("4755", 8), 04755U);
  EXPECT_EQ(parse_mode("81a4", 16), 0100644U);
  for (const auto* wrong : {"", "8", "-1", "+1", " 1", "1 ", "777777777777777"})
    EXPECT_FALSE(parse_mode(wrong, 8)) << wrong;
  EXPECT_FALSE(parse_mode("0x1", 16));
}

TEST(ListedFields, SumsAreThoseOfSha256sum) {
  const std::string a(64, 'a');
  const std::string b(64, 'b');
  const auto sums = parse_sums("noise\n" + a + "  /plain name\n\\" + b + "  /new\\nline \\\\\n" + a +
                               " */star\n" + std::string(64, 'x') + "  /bad\n" + a);
  EXPECT_EQ(sums.size(), 3U);
  EXPECT_EQ(sums.at("/plain name"), a);
  EXPECT_EQ(sums.at("/new\nline \\"), b);
  EXPECT_EQ(sums.at("/star"), a);
}

}  // namespace
}  // namespace ec2mpi::ops
