#include "src/ops/pull/complaints.hpp"

#include <gtest/gtest.h>

namespace ec2mpi::ops {
namespace {

Complaints complaints_of(std::string_view text, std::size_t step) {
  Complaints complaints;
  for (std::size_t at = 0; at < text.size(); at += step) complaints.feed(text.substr(at, step));
  complaints.end();
  return complaints;
}

TEST(Complaints, NoFloodHidesAFileThatBecameShorter) {
  std::string text;
  for (int i = 0; i < 10'000; ++i) text += "tar: a" + std::to_string(i) + ": file changed as we read it\n";
  text += "tar: /home/f: File shrank by 5 bytes; padding with zeros";
  for (const std::size_t step : {1UL, 1000UL, text.size()}) {
    const auto complaints = complaints_of(text, step);
    EXPECT_EQ(complaints.shrunk().names, std::vector<std::string>{"/home/f"});
    EXPECT_EQ(complaints.changed().count, 10'000U);
    EXPECT_EQ(complaints.changed().names.size(), Complaints::kMostNames);
    EXPECT_EQ(complaints.reason(), "") << "a change is no failure";
  }
}

TEST(Complaints, TheReasonOfAProgramOfOursComesFirstThenThatOfATool) {
  EXPECT_EQ(complaints_of("noise\ntar: f: Cannot open\nec2mpi: a\nb: gone\n", 3).reason(), "a\\x0ab: gone");
  EXPECT_EQ(complaints_of("noise\nfind: 'f': No such file\ntar: g: Cannot open\n", 3).reason(),
            "'f': No such file; g: Cannot open");
  EXPECT_EQ(complaints_of("sh: tar: not found\n", 3).reason(), "sh: tar: not found");
}

TEST(Complaints, TheFirstFilesAreNamedAndTheOthersCounted) {
  EXPECT_EQ(complaints_of("tar: a: Cannot open: Permission denied\ntar: b: gone\ntar: c: gone\ntar: d: gone\n"
                          "tar: e: gone\ntar: Exiting with failure status due to previous errors\n",
                          7)
                .reason(),
            "a: Cannot open: Permission denied; b: gone; c: gone; and 2 more");
}

TEST(Complaints, WhatIsExcludedFailsNothing) {
  PathFilter exclude;
  exclude.add_rules("/secret\n*.key\n", "");
  Complaints complaints(&exclude);
  complaints.feed("find: './ex/./secret': Permission denied\nfind: '/data/./a/b.key': Permission denied\n");
  EXPECT_EQ(complaints.reason(), "");
  EXPECT_TRUE(complaints.excuses_failure());
  complaints.feed("find: './ex/./a/secret': Permission denied\nfind: '././b': Input/output error\n");
  complaints.feed("find: '/data/./c': Permission denied\n");
  EXPECT_EQ(complaints.reason(),
            "'~/ex/a/secret': Permission denied; '~/b': Input/output error; '/data/c': Permission denied");
  EXPECT_FALSE(complaints.excuses_failure());
  EXPECT_FALSE(Complaints().excuses_failure());
}

TEST(Complaints, AKilledToolIsExplained) {
  EXPECT_NE(complaints_of("Killed\n", 3).reason().find("was killed there (SIGKILL); `dmesg`"),
            std::string::npos);
}

TEST(Complaints, ALineWithoutEndTakesLittleMemory) {
  Complaints complaints;
  for (int i = 0; i < 100; ++i) complaints.feed(std::string(1 << 20, 'x'));
  complaints.end();
  EXPECT_EQ(complaints.reason(), std::string(199, 'x'));
}

TEST(Complaints, AToolThatLacksAnOptionIsNamed) {
  Complaints complaints;
  complaints.feed("tar: invalid option -- 'T'\nBusyBox v1.35.0 multi-call binary.\n");
  EXPECT_EQ(complaints.reason(),
            "its tar is not that of GNU, which pull needs (tar: invalid option -- 'T'); install tar there");
  Complaints of_find;
  of_find.feed("find: unrecognized: -printf\n");
  EXPECT_NE(of_find.reason().find("install findutils there"), std::string::npos);
}

}  // namespace
}  // namespace ec2mpi::ops
