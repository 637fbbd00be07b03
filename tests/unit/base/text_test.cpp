#include "ec2mpi/base/text.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace ec2mpi {
namespace {

using namespace std::chrono_literals;
using Views = std::vector<std::string_view>;

TEST(Text, TheFirstWordAndTheRest) {
  using Parts = std::pair<std::string_view, std::string_view>;
  EXPECT_EQ(first_word("key a b"), Parts("key", "a b"));
  EXPECT_EQ(first_word("key "), Parts("key", ""));
  EXPECT_EQ(first_word(" key"), Parts("", "key"));
  EXPECT_EQ(first_word("key"), Parts("key", ""));
}

TEST(Text, Joins) {
  EXPECT_EQ(join({}, ", "), "");
  EXPECT_EQ(join({""}, ", "), "");
  EXPECT_EQ(join({"a", "", "b"}, ", "), "a, , b");
}

TEST(Trim, TakesWhiteSpaceFromBothEndsOnly) {
  EXPECT_EQ(trim(" \t a b \r\n"), "a b");
  EXPECT_EQ(trim(" \n"), "");
  EXPECT_EQ(trim(""), "");
}

TEST(Split, KeepsEmptyParts) {
  EXPECT_EQ(split("a,,b,", ','), (Views{"a", "", "b", ""}));
  EXPECT_EQ(split("", ','), (Views{""}));
}

TEST(WordsOf, KnowNoEmptyOnes) {
  EXPECT_EQ(words("  a \t b\r\n"), (Views{"a", "b"}));
  EXPECT_EQ(words(" \t"), Views{});
}

TEST(Identifier, HasLettersDigitsAndUnderscoresAndDoesNotBeginWithADigit) {
  for (const char* name : {"a", "A_1", "_", "_2", "np", "Zz9"}) EXPECT_TRUE(is_identifier(name)) << name;
  for (const char* name : {"", "1", "1a", "a-b", "a b", "a.b", "\xc3\xa4", "a=", "@", "[", "`", "{"})
    EXPECT_FALSE(is_identifier(name)) << name;
}

TEST(ParseNumber, TakesDigitsOnlyAndTheWholeText) {
  EXPECT_EQ(parse_number("0"), 0U);
  EXPECT_EQ(parse_number("18446744073709551615"), 18446744073709551615U);
  for (const auto* text : {"", " 1", "1 ", "+1", "-1", "0x1", "1.0", "18446744073709551616"}) {
    EXPECT_EQ(parse_number(text), std::nullopt) << text;
  }
}

/// What a shell prints for a command line.
std::string through_a_shell(const char* shell, const std::string& command) {
  const std::string line = "exec " + std::string(shell) + " -c " + quote_word(command);
  FILE* pipe = ::popen(line.c_str(), "r");
  std::string out;
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) out += static_cast<char>(c);
  EXPECT_EQ(::pclose(pipe), 0) << command;
  return out;
}

class QuoteWord : public testing::TestWithParam<std::string> {};

TEST_P(QuoteWord, IsOneWordWithTheSameBytesToAShell) {
  const std::string& word = GetParam();
  EXPECT_EQ(through_a_shell("sh", "printf %s " + quote_word(word)), word);
  EXPECT_EQ(through_a_shell("bash", "printf %s " + quote_word(word)), word);
}

INSTANTIATE_TEST_SUITE_P(Hostile, QuoteWord,
                         testing::Values("plain", "", " ", "two words", "it's", "'", "''", "\"", "\\", "\\'",
                                         "a\nb", "\n", "\t", "$HOME", "$(reboot)", "`reboot`", "a;b", "a|b",
                                         "a&b", ">x", "<x", "*", "?", "[a-z]", "{a,b}", "~", "~root", "a~",
                                         "#comment", "!history", "!!", "=cat", "a=b", "-n", "--", "%s",
                                         "é ü 漢字", "\x01\x1b\x7f\xff", "(", ")", "^", "a:b", "@", "100%"));

TEST(QuoteWords, ReadBackAsTheSameWords) {
  const std::vector<std::string> list = {"a b", "", "it's", "$x"};
  EXPECT_EQ(through_a_shell("sh", "printf '[%s]' " + quote_words(list)), "[a b][][it's][$x]");
}

TEST(QuoteWord, LeavesHarmlessWordsReadable) {
  EXPECT_EQ(quote_word("/home/ubuntu/a-b_c.py"), "/home/ubuntu/a-b_c.py");
  EXPECT_EQ(quote_word("user@host:22,x=%d+1"), "user@host:22,x=%d+1");
}

TEST(Printable, MakesControlBytesVisibleAndKeepsText) {
  EXPECT_EQ(printable("a\x1b[2J\n\x7f"), "a\\x1b[2J\\x0a\\x7f");
  EXPECT_EQ(printable("漢字 é"), "漢字 é");
}

TEST(Printable, ShowsWhatTerminalsTakeForControlsThoughItIsNotAscii) {
  EXPECT_EQ(printable("a\xc2\x9b\x31mb"), "a\\xc2\\x9b1mb") << "CSI as one character";
  EXPECT_EQ(printable("a\x9b\x31m"), "a\\x9b1m") << "and as one byte";
  EXPECT_EQ(printable("a\u202etxt.exe\u2069"), "a\\u{202e}txt.exe\\u{2069}");
  EXPECT_EQ(printable("\xe6\xbc"), "\\xe6\\xbc") << "a character without its end";
  EXPECT_EQ(printable("\xc0\x9b"), "\\xc0\\x9b") << "a character written longer than it is";
}

TEST(TerminalLine, KeepsTabsAndColoursAndEndsThem) {
  EXPECT_EQ(terminal_line("a\tb\r"), "a\tb");
  EXPECT_EQ(terminal_line("\x1b[1;31mred\x1b[m"), "\x1b[1;31mred\x1b[m\x1b[0m");
}

TEST(TerminalLine, ShowsWhatMovesTheCursorOrSpeaksToTheTerminal) {
  EXPECT_EQ(terminal_line("one\rnode2:  two"), "one\\x0dnode2:  two");
  EXPECT_EQ(terminal_line("\x1b[2J\x1b[1A\b"), "\\x1b[2J\\x1b[1A\\x08");
  EXPECT_EQ(terminal_line("\x1b]52;c;aGk=\x07"), "\\x1b]52;c;aGk=\\x07");
  EXPECT_EQ(terminal_line("\x1b[31"), "\\x1b[31") << "a sequence without its end";
}

TEST(FormatBytes, CountsInThousands) {
  EXPECT_EQ(format_bytes(0), "0 B");
  EXPECT_EQ(format_bytes(999), "999 B");
  EXPECT_EQ(format_bytes(1000), "1.0 kB");
  EXPECT_EQ(format_bytes(12'100'000), "12.1 MB");
  EXPECT_EQ(format_bytes(999'960), "1.0 MB");
  EXPECT_EQ(format_bytes(345'000'000), "345 MB");
  EXPECT_EQ(format_bytes(18446744073709551615U), "18447 PB");
}

TEST(FormatDuration, GrowsItsUnits) {
  EXPECT_EQ(format_duration(0s), "0.0 s");
  EXPECT_EQ(format_duration(3440ms), "3.4 s");
  EXPECT_EQ(format_duration(59'990ms), "1 min 00 s");
  EXPECT_EQ(format_duration(125s), "2 min 05 s");
  EXPECT_EQ(format_duration(3h + 10min), "3 h 10 min");
}

TEST(FormatSeconds, HasNoPartsOfASecond) {
  EXPECT_EQ(format_seconds(5s), "5 s");
  EXPECT_EQ(format_seconds(125s), "2 min 05 s");
}

TEST(ParseSeconds, TakesEachFormThatIsClear) {
  for (const auto& [text, seconds] :
       std::initializer_list<std::pair<const char*, double>>{{"0", 0},
                                                             {"10", 10},
                                                             {"0.5", 0.5},
                                                             {"90s", 90},
                                                             {"10m", 600},
                                                             {"90 m", 5400},
                                                             {"2 h", 7200},
                                                             {"1h30m", 5400},
                                                             {"1h 30m", 5400},
                                                             {"1 h 30 min 5 s", 5405},
                                                             {"1.5h", 5400},
                                                             {"1d", 86400},
                                                             {"2 days", 172800},
                                                             {"30 minutes", 1800},
                                                             {" 5s ", 5},
                                                             {"1 hour", 3600},
                                                             {"10sec", 10},
                                                             {"2h0m", 7200}})
    EXPECT_EQ(parse_seconds(text), std::optional<double>(seconds)) << text;
  for (const char* unclear : {"", " ", "s", "m10", "-1", "1h30", "30m1h", "1m2m", "1:30", "10mm", "1..5s",
                              "nan", "inf", "1e2", "5 parsecs", "1h,30m", "+5", "1h-30m"})
    EXPECT_EQ(parse_seconds(unclear), std::nullopt) << unclear;
}

TEST(CountOf, KnowsThePlural) {
  EXPECT_EQ(count_of(1, "node"), "1 node");
  EXPECT_EQ(count_of(0, "node"), "0 nodes");
  EXPECT_EQ(count_of(3, "node"), "3 nodes");
}

TEST(RandomHex, HasTheWantedLengthAndDoesNotRepeat) {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const auto text = random_hex(15);
    EXPECT_EQ(text.size(), 15U);
    EXPECT_EQ(text.find_first_not_of("0123456789abcdef"), std::string::npos);
    EXPECT_TRUE(seen.insert(text).second);
  }
}

TEST(Text, WordsOfANameAreDividedBySignsAndCapitals) {
  EXPECT_EQ(words_of_name("headPublic_ip"), (std::vector<std::string>{"head", "public", "ip"}));
  EXPECT_EQ(words_of_name("--EC2-IPs "), (std::vector<std::string>{"ec2", "ips"}));
  EXPECT_EQ(words_of_name("_"), std::vector<std::string>{});
}

TEST(Text, LinesAreCountedFromOneAndTheLastNeedsNoEnd) {
  std::vector<std::pair<std::string, int>> lines;
  for_each_line("a\n\nb", [&](std::string_view line, int number) { lines.emplace_back(line, number); });
  EXPECT_EQ(lines, (std::vector<std::pair<std::string, int>>{{"a", 1}, {"", 2}, {"b", 3}}));
}

}  // namespace
}  // namespace ec2mpi
