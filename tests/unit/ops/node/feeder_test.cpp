#include "ec2mpi/ops/node/feeder.hpp"

#include <gtest/gtest.h>
#include <algorithm>
#include <asio/io_context.hpp>

namespace ec2mpi::ops {
namespace {

/// Remembers where the bytes of the first write lay.
class NotingChannel : public ssh::Channel {
 public:
  [[nodiscard]] Result<ssh::ExitStatus> exit_status() const override { return ssh::ExitStatus{}; }
  void close_input() override { closed = true; }
  void signal(const std::string&) override {}
  void resize(int, int) override {}

  std::string sent;
  const char* place = nullptr;
  bool closed = false;

 private:
  ssh::awaitable<Result<std::optional<ssh::Chunk>>> receive(Limit) override { co_return std::nullopt; }
  ssh::awaitable<Result<void>> send(std::string_view bytes, Limit) override {
    if (place == nullptr) place = bytes.data();
    sent += bytes;
    co_return Result<void>{};
  }
};

TEST(Feeder, LeavesNoByteOfAPasswordBehind) {
  asio::io_context loop;
  NotingChannel channel;
  const auto feeder = Feeder::over(loop.get_executor(), channel, nullptr, nullptr);
  const std::string password = "a password that is longer than a short string\n";
  feeder->answer(password);
  loop.poll();
  EXPECT_EQ(channel.sent, password);
  // The feeder still owns the memory.
  EXPECT_TRUE(std::all_of(channel.place, channel.place + password.size(), [](char c) { return c == '\0'; }));
  feeder->start();
  loop.poll();
  EXPECT_TRUE(channel.closed);
}

TEST(Feeder, SendsTheTextBehindTheAnswer) {
  asio::io_context loop;
  NotingChannel channel;
  const auto text = std::make_shared<const std::string>("the script");
  const auto feeder = Feeder::over(loop.get_executor(), channel, text, nullptr);
  feeder->answer("password\n");
  loop.poll();
  EXPECT_EQ(channel.sent, "password\n");
  feeder->start();
  loop.poll();
  EXPECT_EQ(channel.sent, "password\nthe script");
  EXPECT_TRUE(channel.closed);
}

}  // namespace
}  // namespace ec2mpi::ops
