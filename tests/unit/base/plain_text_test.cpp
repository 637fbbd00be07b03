#include "ec2mpi/base/plain_text.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace ec2mpi {
namespace {

using namespace std::string_view_literals;

std::string decoded(std::string_view bytes) {
  return plain_text(bytes).value_or("(error)");
}

TEST(PlainText, DropsTheByteOrderMark) {
  EXPECT_EQ(decoded("\xEF\xBB\xBFx\n"), "x\n");
}

TEST(PlainText, MakesLineEndsPlain) {
  EXPECT_EQ(decoded("a\r\nb\rc\xE2\x80\xA8\x64"), "a\nb\nc\nd");
}

TEST(PlainText, MakesSpacesPlainAndDropsInvisibleMarks) {
  EXPECT_EQ(decoded("a\xC2\xA0\x62\xE2\x80\x8B\x63\xE2\x80\xAE\xEF\xBB\xBF"), "a bc");
  EXPECT_EQ(decoded("Running \xEE\x84\xA3\n\xEF\x83\xBFx"), "Running \nx") << "the icons of a page";
}

TEST(PlainText, ReadsUtf16OfEitherOrderWithOrWithoutMark) {
  EXPECT_EQ(decoded("\xFF\xFE\x61\0\x62\0"sv), "ab");
  EXPECT_EQ(decoded("\xFE\xFF\0\x61\0\x62"sv), "ab");
  EXPECT_EQ(decoded("\x61\0\x62\0"sv), "ab");
  EXPECT_EQ(decoded("\0\x61\0\x62"sv), "ab");
}

TEST(PlainText, ReadsSurrogatePairs) {
  EXPECT_EQ(decoded("\xFF\xFE\x3D\xD8\x00\xDE"sv), "\xF0\x9F\x98\x80");
}

TEST(PlainText, AFewZerosAreNoUtf16) {
  for (const auto bytes : {"3.22.115.209\0003.22.115.210\n"sv, "3.22.115.20\0003.22.115.210\n"sv})
    EXPECT_EQ(decoded(bytes), "(error)");
}

TEST(PlainText, RefusesDamagedUtf16) {
  EXPECT_EQ(decoded("\xFF\xFE\x61"sv), "(error)");
  EXPECT_EQ(decoded("\xFF\xFE\x00\xD8\x61\0"sv), "(error)");
}

TEST(PlainText, RefusesBytesThatAreNotStrictUtf8) {
  for (const std::string_view bytes :
       {"\xFF"sv, "\xC0\x80"sv, "\xED\xA0\x80"sv, "\xF4\x90\x80\x80"sv, "\xE2\x80"sv, "caf\xE9"sv}) {
    EXPECT_EQ(decoded(bytes), "(error)");
  }
}

TEST(PlainText, RefusesControlCharactersWithTheirLine) {
  const auto text = plain_text("a\nb\x07");
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().line, 2);
  EXPECT_EQ(text.error().problem, "a control character (U+0007) stands here");
}

TEST(PlainText, MakesADashInsideAnIdentifierAHyphenAndKeepsOthers) {
  EXPECT_EQ(decoded("i\xE2\x80\x93\x30\x66 a \xE2\x80\x93 b"), "i-0f a \xE2\x80\x93 b");
}

TEST(CleanText, IsOnOneLineWhateverItHolds) {
  EXPECT_EQ(clean_text("a\tb\nc\r\nd\x07\xFF"), "a b c d  ");
}

}  // namespace
}  // namespace ec2mpi
