#include "ec2mpi/cli/session/error_references.hpp"

#include <gtest/gtest.h>

#include "tests/support/fake_transport.hpp"

namespace ec2mpi::cli {
namespace {

TEST(ErrorReferences, EachTextOfThePageLeadsToItsOwnAnchor) {
  ASSERT_GT(explained_texts().size(), 30U);
  for (const auto& [anchor, text] : explained_texts()) {
    std::string message(text);
    for (auto at = message.find("…"); at != std::string::npos; at = message.find("…"))
      message.replace(at, std::string_view("…").size(), "7");
    EXPECT_EQ(error_anchor(message), anchor) << message;
    EXPECT_EQ(error_anchor("jump host bastion: " + message + " and more"), anchor) << message;
  }
}

TEST(ErrorReferences, ATextThatThePageDoesNotExplainHasNone) {
  EXPECT_EQ(error_anchor("exit 3"), std::nullopt);
  EXPECT_EQ(error_anchor(""), std::nullopt);
}

TEST(ErrorReferences, EachAnchorIsNamedOnceForAllNodes) {
  FleetReport report;
  for (auto& node : test::fake_nodes(4)) report.results.push_back({std::move(node), ssh::ExitStatus{}});
  EXPECT_EQ(error_references(report), "");
  report.results[0].outcome = Error{ErrorKind::unreachable, "connection closed by the node"};
  report.results[1].outcome = Error{ErrorKind::auth, "login refused for user me with key.pem; wrong key?"};
  report.results[2].outcome = report.results[1].outcome;
  report.results[3].outcome = ssh::ExitStatus{3};
  EXPECT_EQ(error_references(report), "see ec2mpi help connection-ended login-refused");
  EXPECT_EQ(error_reference("connection closed by the node"), "see ec2mpi help connection-ended");
  EXPECT_EQ(error_reference("exit 3"), "");
}

TEST(ErrorReferences, EachAnchorHasAnExplanation) {
  for (const auto& [anchor, text] : explained_texts()) {
    const auto explained = error_explanation(anchor).value_or("");
    EXPECT_NE(explained.find(text), std::string::npos) << anchor;
    EXPECT_EQ(explained.find("]("), std::string::npos) << explained;
    EXPECT_EQ(explained.find("\n#"), std::string::npos) << explained;
  }
  EXPECT_EQ(error_explanation("no-such-anchor"), std::nullopt);
  EXPECT_EQ(error_explanation(""), std::nullopt);
}

}  // namespace
}  // namespace ec2mpi::cli
