#include "ec2mpi/cli/terminal/visible_controls.hpp"

#include <gtest/gtest.h>

namespace ec2mpi::cli {
namespace {

/// Feeds the text in pieces of `size` bytes.
std::string in_pieces(std::string_view text, std::size_t size) {
  VisibleControls controls;
  std::string shown;
  for (std::size_t at = 0; at < text.size(); at += size) shown += controls.feed(text.substr(at, size));
  return shown + controls.finish();
}

TEST(VisibleControls, WhatATerminalWouldObeyIsShown) {
  EXPECT_EQ(in_pieces("a\x1b]0;title\x07z\n", 100), "a\\x1b]0;title\\x07z\n");
  EXPECT_EQ(in_pieces("\x1b[2J\x1b[1;1H\x1b[6n", 100), "\\x1b[2J\\x1b[1;1H\\x1b[6n");
  EXPECT_EQ(in_pieces("\xc2\x9b"
                      "2J",
                      100),
            "\\xc2\\x9b2J");
}

TEST(VisibleControls, AProgressBarColoursAndTextOfAnyLanguagePassWhereverTheStreamIsCut) {
  for (std::size_t size = 1; size < 12; ++size) {
    EXPECT_EQ(in_pieces("10 %\r20 %\b\t\xe4\xbd\xa0\xe5\xa5\xbd\n", size),
              "10 %\r20 %\b\t\xe4\xbd\xa0\xe5\xa5\xbd\n");
    EXPECT_EQ(in_pieces("\x1b[2J", size), "\\x1b[2J") << size;
  }
  EXPECT_EQ(in_pieces("\x1b[31mred\x1b[0m\n", 100), "\x1b[31mred\x1b[0m\x1b[0m\n");
}

TEST(VisibleControls, OnlyWhatMayBecomeAColourOrACharacterIsHeldBack) {
  VisibleControls controls;
  EXPECT_EQ(controls.feed("50 %"), "50 %");
  EXPECT_EQ(controls.feed("a\x1b["), "a");
  EXPECT_EQ(controls.feed("3"), "");
  EXPECT_EQ(controls.feed("1mx"), "\x1b[31mx\x1b[0m");
  EXPECT_EQ(controls.feed("\xe4"), "");
  EXPECT_EQ(controls.finish(), "\\xe4");
  EXPECT_EQ(controls.feed("\x1b[" + std::string(40, '1')).size(), 45U);
}

}  // namespace
}  // namespace ec2mpi::cli
