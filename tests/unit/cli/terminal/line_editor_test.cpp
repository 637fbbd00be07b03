#include "ec2mpi/cli/terminal/line_editor.hpp"

#include <gtest/gtest.h>

namespace ec2mpi::cli {
namespace {

using Event = LineEditor::Event;

/// The line that these keys leave.
std::string typed(std::string_view keys, std::vector<std::string> history = {}) {
  LineEditor editor(std::move(history));
  editor.feed(keys);
  EXPECT_EQ(editor.next(), Event::none);
  return editor.text();
}

TEST(LineEditor, ReturnEndsALineAndKeepsTheKeysBehindIt) {
  LineEditor editor;
  editor.feed("uname\rdate\n");
  EXPECT_EQ(editor.next(), Event::line);
  EXPECT_EQ(editor.text(), "uname");
  editor.begin_line(true);
  EXPECT_EQ(editor.next(), Event::line);
  EXPECT_EQ(editor.text(), "date");
}

TEST(LineEditor, KeysMoveAndErase) {
  EXPECT_EQ(typed("ac\x1b[Db"), "abc");
  EXPECT_EQ(typed("bc\x01"
                  "a\x05"
                  "d"),
            "abcd");
  EXPECT_EQ(typed("abx\x7f"
                  "c"),
            "abc");
  EXPECT_EQ(typed("ab\x1b[D\x1b[3~"), "a");
  EXPECT_EQ(typed("one two  \x17"), "one ");
  EXPECT_EQ(typed("abc\x02\x0b"), "ab");
  EXPECT_EQ(typed("abc\x02\x15"), "c");
  EXPECT_EQ(typed("\x7f\x1b[D\x1b[C\x1b[3~"), "");
}

TEST(LineEditor, ACharacterOfSeveralBytesIsOne) {
  EXPECT_EQ(typed("aé中\x7f\x7f"), "a");
  EXPECT_EQ(typed("é\x1b[Da"), "aé");
}

TEST(LineEditor, AKeyMayArriveInParts) {
  LineEditor editor;
  for (const char byte : std::string_view("b\x1b[Da\xc3\xa9")) {
    editor.feed(std::string_view(&byte, 1));
    EXPECT_EQ(editor.next(), Event::none);
  }
  EXPECT_EQ(editor.text(),
            "a\xc3\xa9"
            "b");
}

TEST(LineEditor, ArrowsChooseEarlierLinesAndComeBack) {
  const std::vector<std::string> history = {"first", "second"};
  EXPECT_EQ(typed("\x1b[A", history), "second");
  EXPECT_EQ(typed("\x1b[A\x1b[A\x1b[A", history), "first");
  EXPECT_EQ(typed("new\x1b[A\x1b[A\x1b[B\x1b[B\x1b[B", history), "new");
  EXPECT_EQ(typed("\x1bOA!", history), "second!");
}

TEST(LineEditor, ALineThatIsRememberedIsTheNewest) {
  LineEditor editor({"old"});
  for (const auto* line : {"secret", "new", "new"}) {
    editor.feed(line);
    editor.feed("\r");
    EXPECT_EQ(editor.next(), Event::line);
    editor.begin_line(std::string_view(line) != "secret");
  }
  editor.feed("\x1b[A\x1b[A");
  EXPECT_EQ(editor.next(), Event::none);
  EXPECT_EQ(editor.text(), "old");
}

TEST(LineEditor, CtrlDEndsOnlyOnAnEmptyLine) {
  LineEditor editor;
  editor.feed("a\x01\x04");
  EXPECT_EQ(editor.next(), Event::none);
  EXPECT_EQ(editor.text(), "");
  editor.feed("\x04");
  EXPECT_EQ(editor.next(), Event::end);
}

TEST(LineEditor, ALongLineShowsThePartAtTheCursor) {
  LineEditor editor;
  editor.feed(std::string(100, 'a') + "end");
  EXPECT_EQ(editor.next(), Event::none);
  EXPECT_EQ(editor.drawing("> ", 30), "\r> " + std::string(24, 'a') + "end\x1b[K");
  editor.feed("\x01");
  EXPECT_EQ(editor.next(), Event::none);
  EXPECT_EQ(editor.drawing("> ", 30), "\r> " + std::string(27, 'a') + "\x1b[K\x1b[27D");
}

TEST(LineEditor, UnknownKeysDoNothing) {
  EXPECT_EQ(typed("a\x1b[200~\x1b[1;5C\tb\x1bx"), "ab");
}

}  // namespace
}  // namespace ec2mpi::cli
