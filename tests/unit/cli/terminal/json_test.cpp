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

}  // namespace
}  // namespace ec2mpi::cli
