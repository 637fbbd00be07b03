#include "src/ssh/kept/frames.hpp"

#include <gtest/gtest.h>
#include <algorithm>
#include <cstring>

namespace ec2mpi::ssh {
namespace {

void feed(FrameCutter& cutter, std::string_view bytes) {
  std::memcpy(cutter.room(bytes.size()), bytes.data(), bytes.size());
  cutter.filled(bytes.size());
}

std::string frame(FrameType type, std::string_view payload) {
  std::string text;
  append_frame(text, type, payload);
  return text;
}

TEST(Frames, ComeOutAsTheyWentInHoweverTheStreamIsCut) {
  const auto stream = frame(FrameType::output, "abc") + frame(FrameType::end_of_input, "") +
                      frame(FrameType::error_output, std::string(kMostBytes, 'x'));
  for (const std::size_t step : {std::size_t{1}, std::size_t{3}, std::size_t{4096}, stream.size()}) {
    FrameCutter cutter;
    std::vector<std::pair<FrameType, std::string>> got;
    for (std::size_t at = 0; at < stream.size(); at += step) {
      feed(cutter, std::string_view(stream).substr(at, step));
      for (auto next = cutter.next(); next && *next; next = cutter.next())
        got.emplace_back((*next)->type, std::string((*next)->payload));
    }
    ASSERT_EQ(got.size(), 3U) << step;
    EXPECT_EQ(got[0], (std::pair{FrameType::output, std::string("abc")}));
    EXPECT_EQ(got[1], (std::pair{FrameType::end_of_input, std::string()}));
    EXPECT_EQ(got[2].second, std::string(kMostBytes, 'x'));
  }
}

TEST(Frames, AreRefusedBeforeTheirBytesAreWaitedFor) {
  const auto refused = [](std::string_view bytes) {
    FrameCutter cutter;
    feed(cutter, bytes);
    return !cutter.next().has_value();
  };
  EXPECT_TRUE(refused(std::string("\x00\x00\x00\x00\x00", 5)));   // a type that there is not
  EXPECT_TRUE(refused("\x23\xff\xff\xff\xff"));                   // 4 GB of output
  EXPECT_TRUE(refused(std::string("\x23\x00\x01\x00\x01", 5)));   // a byte more than may be
  EXPECT_FALSE(refused(std::string("\x23\x00\x01\x00\x00", 5)));  // just as much
  EXPECT_TRUE(refused(std::string("\x01\x00\x01\x00\x00", 5)));   // as a greeting
  EXPECT_FALSE(refused(std::string("\x23\x00\x01\x00", 4)));      // no header yet
}

TEST(Frames, CarryRequests) {
  Request request{.command = std::string("echo 'x'\n") + std::string(100'000, 'y'),
                  .bulk = true,
                  .ends_with_program = true};
  auto read = parse_request(request_text(request));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->command, request.command);
  EXPECT_TRUE(read->bulk);
  EXPECT_FALSE(read->pty);

  request = {.command = "", .pty = Pty{.terminal = "vt100", .columns = 132, .rows = 43}};
  read = parse_request(request_text(request));
  ASSERT_TRUE(read && read->pty);
  EXPECT_EQ(read->pty->terminal, "vt100");
  EXPECT_EQ(read->pty->columns, 132);
  EXPECT_EQ(read->pty->rows, 43);

  const auto forward = parse_forward(forward_text({"10.0.0.11", 65535}));
  ASSERT_TRUE(forward);
  EXPECT_EQ(forward->host, "10.0.0.11");
  EXPECT_EQ(forward->port, 65535);
}

TEST(Frames, CarryEndsAndErrors) {
  for (const auto& status : {ExitStatus{0}, ExitStatus{255}, ExitStatus{-1}, ExitStatus{0, "KILL"}})
    EXPECT_EQ(parse_status(status_text(status)), status);
  const auto error = parse_error(error_text({ErrorKind::cancelled, "gone"}));
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind, ErrorKind::cancelled);
  EXPECT_EQ(error->message, "gone");
  EXPECT_TRUE(parse_error(error_text({ErrorKind::timeout, std::string(1'000'000, 'z')})));
  const auto size = parse_size(size_text({80, 24}));
  ASSERT_TRUE(size);
  EXPECT_EQ(size->columns * 1000 + size->rows, 80'024);
}

/// Whatever is cut off or changed in a payload, nothing is read beyond it, and no wild value comes out.
TEST(Frames, TakeNothingOnTrust) {
  const Request request{.command = "true", .pty = Pty{}};
  const auto good = request_text(request);
  for (std::size_t size = 0; size < good.size(); ++size) EXPECT_FALSE(parse_request(good.substr(0, size)));
  EXPECT_FALSE(parse_request(good + "x"));
  EXPECT_FALSE(parse_request("\xff\xff\xff\xff" + good.substr(4)));
  EXPECT_FALSE(parse_request(request_text({.command = std::string("a\0b", 3)})));
  EXPECT_FALSE(parse_number_frame("abc"));
  EXPECT_FALSE(parse_number_frame("abcde"));
  EXPECT_FALSE(parse_error(std::string("\0\0\0\x63\0\0\0\0", 8))) << "a kind that there is not";
  EXPECT_FALSE(parse_error(""));
  EXPECT_FALSE(parse_status(std::string("\0\0\0\0\0\0\0\x01", 8)));
  EXPECT_FALSE(parse_size("\xff\xff\xff\xff\xff\xff\xff\xff"));
  EXPECT_FALSE(parse_forward(forward_text({std::string("a\0b", 3), 1})));
}

}  // namespace
}  // namespace ec2mpi::ssh
