#include "ec2mpi/ops/node/facts.hpp"

#include <gtest/gtest.h>

namespace ec2mpi::ops {
namespace {

std::string message(std::string_view complaints) {
  return with_complaint({ErrorKind::remote_io, "no answer"}, complaints).message;
}

TEST(AnswerThatIsNotUnderstood, ShowsTheLineThatSaysMost) {
  EXPECT_EQ(message(""), "no answer");
  EXPECT_EQ(message("Segmentation fault\nmore\n"), "no answer; it printed: Segmentation fault");
  EXPECT_EQ(message("Traceback (most recent call last):\n  File \"x\"\nMemoryError\n"),
            "no answer; it printed: MemoryError");
  EXPECT_EQ(message("Could not find platform independent libraries <prefix>\n"
                    "Fatal Python error: init_fs_encoding: no codec\nPython runtime state: initialized\n"),
            "no answer; it printed: Fatal Python error: init_fs_encoding: no codec");
}

TEST(AnswerThatIsNotUnderstood, IsReplacedByTheReasonOfAProgramOfOurs) {
  EXPECT_EQ(message("ec2mpi: there is no home; do this\n"), "there is no home; do this");
}

}  // namespace
}  // namespace ec2mpi::ops
