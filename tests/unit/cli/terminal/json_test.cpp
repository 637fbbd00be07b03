#include "ec2mpi/cli/terminal/json.hpp"

#include <gtest/gtest.h>

namespace ec2mpi::cli {
namespace {

TEST(DumpJson, KeepsTheOrderAndReplacesBytesThatAreNoText) {
  EXPECT_EQ(dump_json({{"z", 1}, {"a", "\xff\"\n"}}),
            "{\n  \"schema\": 1,\n  \"z\": 1,\n  \"a\": \"\xef\xbf\xbd\\\"\\n\"\n}");
}

TEST(DumpJson, AListHasNoSchemaOfItsOwn) {
  EXPECT_EQ(dump_json(Json::array({1})), "[\n  1\n]");
}

TEST(EventLine, IsOneLineAndTheFirstNamesTheSchema) {
  using std::chrono::milliseconds;
  EXPECT_EQ(event_line("begin", milliseconds(0), {{"nodes", 2}}),
            R"({"event":"begin","seconds":0.0,"schema":1,"nodes":2})");
  EXPECT_EQ(event_line("line", milliseconds(1250), {{"text", "a\n"}}),
            R"({"event":"line","seconds":1.25,"text":"a\n"})");
}

}  // namespace
}  // namespace ec2mpi::cli
