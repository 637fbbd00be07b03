#include "src/ssh/libssh/agent.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <thread>

#include "src/ssh/libssh/wire.hpp"
#include "tests/support/scratch_folder.hpp"

namespace ec2mpi::ssh {
namespace {

using namespace std::string_literals;

TEST(AgentKeys, AreReadFromAnAnswer) {
  const auto keys = parse_agent_answer("\x0c\0\0\0\1\0\0\0\3key\0\0\0\2me"s);
  ASSERT_TRUE(keys);
  ASSERT_EQ(keys->size(), 1U);
  EXPECT_EQ(keys->front().blob, "key");
  EXPECT_EQ(keys->front().comment, "me");
}

TEST(AgentKeys, ALengthBeyondTheAnswerIsNotBelieved) {
  for (const auto& answer : {""s, "\5"s, "\x0c\0\0"s, "\x0c\xff\xff\xff\xff"s,
                             "\x0c\0\0\0\1\xff\xff\xff\xff k"s, "\x0c\0\0\0\1\0\0\0\3key"s})
    EXPECT_FALSE(parse_agent_answer(answer));
}

std::string read_reply(int fd) {
  std::string bytes(4, '\0');
  for (std::size_t done = 0; done < bytes.size();) {
    const auto got = ::read(fd, bytes.data() + done, bytes.size() - done);
    if (got <= 0) return {};
    done += static_cast<std::size_t>(got);
    if (done == 4) bytes.resize(4 + *WireReader(bytes).number());
  }
  return bytes.substr(4);
}

std::string ask(int fd, const std::string& request) {
  const auto framed = wire_text(request);
  if (::write(fd, framed.data(), framed.size()) != static_cast<ssize_t>(framed.size())) return {};
  return read_reply(fd);
}

/// Holds the keys "one", "two" and "three", and answers every other request with "signed".
class SmallAgent {
 public:
  SmallAgent() : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path().copy(address.sun_path, sizeof address.sun_path - 1);
    ::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    ::listen(fd_, 8);
    thread_ = std::thread([this] { serve(); });
  }
  ~SmallAgent() {
    ::shutdown(fd_, SHUT_RDWR);
    thread_.join();
    ::close(fd_);
  }
  std::string path() { return (folder_ / "agent").string(); }

 private:
  void serve() const {
    for (int client = ::accept(fd_, nullptr, nullptr); client >= 0;
         client = ::accept(fd_, nullptr, nullptr)) {
      const auto request = read_reply(client);
      auto answer = "\x0esigned"s;
      if (request == "\x0b") {
        answer = "\x0c\0\0\0\3"s;
        for (const auto* key : {"one", "two", "three"}) answer += wire_text(key) + wire_text("");
      }
      const auto framed = wire_text(answer);
      EXPECT_EQ(::write(client, framed.data(), framed.size()), static_cast<ssize_t>(framed.size()));
      ::close(client);
    }
  }

  test::ScratchFolder folder_;
  int fd_;
  std::thread thread_;
};

TEST(AgentGate, ShowsTheKeysThatItIsOpenedForAndLetsThemSign) {
  SmallAgent agent;
  AgentGate gate(agent.path());
  EXPECT_EQ(gate.keys().size(), 3U);
  EXPECT_TRUE(gate.answers());
  const auto door = gate.open({"two", "absent"});
  ASSERT_TRUE(door);
  const auto shown = parse_agent_answer(ask(door.get(), "\x0b"));
  ASSERT_TRUE(shown);
  ASSERT_EQ(shown->size(), 1U);
  EXPECT_EQ(shown->front().blob, "two");
  EXPECT_EQ(ask(door.get(), "\x0dtwo"), "\x0esigned");
  EXPECT_EQ(ask(gate.open({"two", "absent"}).get(), "\x0dtwo"), "\x0esigned");
}

TEST(AgentGate, LetsNothingElseThroughToTheAgent) {
  SmallAgent agent;
  AgentGate gate(agent.path());
  const auto door = gate.open({"two"});
  EXPECT_EQ(ask(door.get(), "\x13"), "\x05") << "remove all identities";
}

TEST(AgentGate, WithoutAnAgentShowsNoKey) {
  AgentGate gate("/nonexistent/agent");
  EXPECT_FALSE(gate.answers());
  EXPECT_TRUE(gate.keys().empty());
  const auto door = gate.open({"two"});
  EXPECT_EQ(ask(door.get(), "\x0b"), "\x0c\0\0\0\0"s);
  EXPECT_EQ(ask(door.get(), "\x0dtwo"), "\x05");
}

}  // namespace
}  // namespace ec2mpi::ssh
