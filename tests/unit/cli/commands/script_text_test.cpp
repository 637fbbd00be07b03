#include "src/cli/commands/script_text.hpp"

#include <gtest/gtest.h>

namespace ec2mpi::cli {
namespace {

TEST(UnixScript, LosesTheMarkAndTheCarriageReturnsOfOtherSystems) {
  EXPECT_EQ(unix_script("\xef\xbb\xbf#!/bin/bash\r\necho a\r\nprintf 'a\rb'\n"),
            "#!/bin/bash\necho a\nprintf 'a\rb'\n");
  for (const auto* same : {"", "\n", "#!/bin/sh\necho a\r\n", "\r", "a"}) EXPECT_EQ(unix_script(same), same);
}

}  // namespace
}  // namespace ec2mpi::cli
