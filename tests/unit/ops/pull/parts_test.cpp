#include "src/ops/pull/parts.hpp"

#include <gtest/gtest.h>

namespace ec2mpi::ops {
namespace {

TEST(FileParts, AreWrittenInOrder) {
  const std::uint64_t size = 3 * FileParts::kPart + 10;
  FileParts parts(5, size);
  std::vector<FilePart> taken;
  while (const auto part = parts.take()) taken.push_back(*part);
  ASSERT_EQ(taken.size(), 4U);
  EXPECT_EQ(taken.front().from, 5U);
  EXPECT_EQ(taken.back().to, size);
  std::uint64_t written = 5;
  const auto write = [&written](std::string_view bytes) {
    written += bytes.size();
    return Result<void>{};
  };
  for (auto part = taken.rbegin(); part != taken.rend(); ++part) {  // the last ones first
    EXPECT_EQ(written, 5U);
    const std::string bytes(static_cast<std::size_t>(part->to - part->from), 'x');
    ASSERT_TRUE(parts.accept(part->from, std::string_view(bytes).substr(0, 1), write));
    ASSERT_TRUE(parts.accept(part->from + 1, std::string_view(bytes).substr(1), write));
  }
  EXPECT_EQ(written, size);
  EXPECT_TRUE(parts.complete());
}

TEST(FileParts, GoNotFarAheadAndComeBackFromABrokenStream) {
  FileParts parts(0, 10 * FileParts::kAhead);
  std::uint64_t asked = 0;
  FilePart last;
  while (const auto part = parts.take()) {
    last = *part;
    asked = part->to;
  }
  EXPECT_TRUE(parts.full());
  EXPECT_EQ(asked, FileParts::kAhead);
  parts.give_back({last.from + 7, last.to});
  EXPECT_FALSE(parts.full());
  const auto again = parts.take();
  ASSERT_TRUE(again);
  EXPECT_EQ(again->from, last.from + 7);
  EXPECT_FALSE(parts.take());
}

}  // namespace
}  // namespace ec2mpi::ops
