#include "ec2mpi/ssh/server_words.hpp"

#include <gtest/gtest.h>
#include <set>

#include "src/ssh/libssh/user_config.hpp"

namespace ec2mpi::ssh {
namespace {

TEST(ServerWords, EveryDisconnectCodeHasASentenceOfItsOwnWithTheServersWords) {
  std::set<std::string> sentences;
  for (int code = 1; code <= 15; ++code) {
    const auto error =
        explain_disconnect("Received SSH_MSG_DISCONNECT: " + std::to_string(code) + ":its words\x1b[2J");
    ASSERT_TRUE(error) << code;
    EXPECT_NE(error->message.find("'its words\\x1b[2J' (code " + std::to_string(code) + ")"),
              std::string::npos);
    sentences.insert(error->message.substr(0, error->message.find(": it said")));
  }
  EXPECT_EQ(sentences.size(), 15U);
}

TEST(ServerWords, AreNotSearchedIfTheServerGaveNone) {
  EXPECT_FALSE(explain_disconnect("Socket error: disconnected"));
  EXPECT_FALSE(explain_disconnect("Received SSH_MSG_DISCONNECT: none"));
}

TEST(ServerWords, AnUnknownCodeIsShownAsItIs) {
  const auto error = explain_disconnect("Received SSH_MSG_DISCONNECT: 4000:out of tea");
  ASSERT_TRUE(error);
  EXPECT_NE(error->message.find("out of tea' (code 4000)"), std::string::npos);
}

TEST(ServerWords, TheEndBecauseOfARefusedChannelIsNoOtherEnd) {
  EXPECT_TRUE(is_end_for_unknown_channel(
      "Received SSH_MSG_DISCONNECT: 2:server_input_channel_req: unknown channel 0"));
  EXPECT_FALSE(is_end_for_unknown_channel("Received SSH_MSG_DISCONNECT: 2:Too many authentication failures"));
  EXPECT_FALSE(is_end_for_unknown_channel("Socket error: disconnected"));
}

TEST(ServerWords, TooManyWrongKeysAreAFailedLogin) {
  const auto error = explain_disconnect("Received SSH_MSG_DISCONNECT: 2:Too many authentication failures");
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind, ErrorKind::auth);
}

TEST(ServerWords, EveryCodeOfARefusedChannelHasASentenceOfItsOwn) {
  std::set<std::string> forwards;
  std::set<std::string> sessions;
  for (int code = 1; code <= 5; ++code) {
    const auto said = "Channel opening failure: channel 43 error (" + std::to_string(code) + ") open failed";
    forwards.insert(explain_refused_forward(said));
    sessions.insert(explain_refused_session(said));
    EXPECT_NE(explain_refused_forward(said).find("open failed"), std::string::npos);
    EXPECT_NE(explain_refused_session(said).find("open failed"), std::string::npos);
  }
  EXPECT_EQ(forwards.size(), 5U);
  EXPECT_EQ(sessions.size(), 5U);
}

TEST(JumpOfCommand, UnderstandsACommandThatOnlyGoesThroughOneHost) {
  const auto jump = jump_of_command("ssh -l ubuntu -p 2222 -W '[%h]:%p' bastion.example.org");
  ASSERT_TRUE(jump);
  EXPECT_EQ(jump->address, "bastion.example.org");
  EXPECT_EQ(jump->user, "ubuntu");
  EXPECT_EQ(jump->port, 2222);
  ASSERT_TRUE(jump_of_command("exec /usr/bin/ssh me@203.0.113.1 -q -W %h:%p"));
  EXPECT_EQ(jump_of_command("exec /usr/bin/ssh me@203.0.113.1 -q -W %h:%p")->user, "me");
  const auto close = jump_of_command("ssh -qAT -p2222 -lubuntu gate-%n -W[%h]:%p", {{'n', "web"}});
  ASSERT_TRUE(close);
  EXPECT_EQ(close->address, "gate-web");
  EXPECT_EQ(close->user, "ubuntu");
  EXPECT_EQ(close->port, 2222);
}

TEST(JumpOfCommand, LeavesEveryOtherCommandAlone) {
  for (const auto* command :
       {"", "ssh", "ssh host", "nc %h %p", "ssh -W %h:%p", "ssh -W other:22 host", "ssh -W %h:%p host extra",
        "ssh -W %h:%p -J first second", "ssh -W %h:%p -i key host", "ssh -W %h:%p -p 0 host",
        "ssh -W %h:%p `id`", "ssh -W %h:%p host;id", "ssh -W %h:%p -l a$b host", "ssh -W%h:%p -oUser=x host",
        "ssh -W %h:%p gate-%n", "sshpass -W %h:%p host"})
    EXPECT_FALSE(jump_of_command(command)) << command;
}

}  // namespace
}  // namespace ec2mpi::ssh
