#include "ec2mpi/cluster/read/decode.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace ec2mpi {
namespace {

using namespace std::string_view_literals;

std::string decoded(std::string_view bytes) {
  return decode_list(bytes, "list").value_or("(error)");
}

TEST(Decode, DropsTheByteOrderMark) {
  EXPECT_EQ(decoded("\xEF\xBB\xBFx\n"), "x\n");
}

TEST(Decode, MakesLineEndsPlain) {
  EXPECT_EQ(decoded("a\r\nb\rc\xE2\x80\xA8\x64"), "a\nb\nc\nd");
}

TEST(Decode, MakesSpacesPlainAndDropsInvisibleMarks) {
  EXPECT_EQ(decoded("a\xC2\xA0\x62\xE2\x80\x8B\x63\xE2\x80\xAE\xEF\xBB\xBF"), "a bc");
}

TEST(Decode, ReadsUtf16OfEitherOrderWithOrWithoutMark) {
  EXPECT_EQ(decoded("\xFF\xFE\x61\0\x62\0"sv), "ab");
  EXPECT_EQ(decoded("\xFE\xFF\0\x61\0\x62"sv), "ab");
  EXPECT_EQ(decoded("\x61\0\x62\0"sv), "ab");
  EXPECT_EQ(decoded("\0\x61\0\x62"sv), "ab");
}

TEST(Decode, ReadsSurrogatePairs) {
  EXPECT_EQ(decoded("\xFF\xFE\x3D\xD8\x00\xDE"sv), "\xF0\x9F\x98\x80");
}

TEST(Decode, RefusesDamagedUtf16) {
  EXPECT_EQ(decoded("\xFF\xFE\x61"sv), "(error)");
  EXPECT_EQ(decoded("\xFF\xFE\x00\xD8\x61\0"sv), "(error)");
}

TEST(Decode, RefusesBytesThatAreNotStrictUtf8) {
  for (const std::string_view bytes :
       {"\xFF"sv, "\xC0\x80"sv, "\xED\xA0\x80"sv, "\xF4\x90\x80\x80"sv, "\xE2\x80"sv, "caf\xE9"sv}) {
    EXPECT_EQ(decoded(bytes), "(error)");
  }
}

TEST(Decode, RefusesControlCharactersWithTheirLine) {
  const auto text = decode_list("a\nb\x07", "list");
  ASSERT_FALSE(text);
  EXPECT_TRUE(text.error().message.starts_with("list:2: a control character (U+0007)"))
      << text.error().message;
}

}  // namespace
}  // namespace ec2mpi
