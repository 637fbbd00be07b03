#include "ec2mpi/cloud/settings.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <fstream>

#include "src/cloud/credentials.hpp"
#include "src/cloud/profile.hpp"
#include "tests/support/scratch_folder.hpp"

namespace ec2mpi::cloud {
namespace {

Environment environment_of(std::map<std::string, std::string> values) {
  return [values = std::move(values)](const char* name) -> std::optional<std::string> {
    const auto found = values.find(name);
    return found == values.end() ? std::nullopt : std::optional(found->second);
  };
}

class NoServer : public HttpSender {
 public:
  asio::awaitable<Result<HttpAnswer>> send(HttpRequest, Limit) override {
    co_return fail(ErrorKind::unreachable, "no server");
  }
};

Result<Credentials> credentials_with(const CloudFlags& flags, const Environment& environment) {
  const auto settings = find_cloud_settings(flags, environment);
  if (!settings) return std::unexpected(settings.error());
  NoServer server;
  CredentialSource source(*settings, environment, server);
  asio::io_context loop;
  std::optional<Result<Credentials>> result;
  asio::co_spawn(loop, source.get({}), [&result](std::exception_ptr failure, Result<Credentials> found) {
    if (failure) std::rethrow_exception(failure);
    result = std::move(found);
  });
  loop.run();
  return std::move(*result);
}

class Profiles : public testing::Test {
 protected:
  Environment with(const std::string& config, std::map<std::string, std::string> more = {}) {
    std::ofstream(folder_.path() / "config") << config;
    more["AWS_CONFIG_FILE"] = (folder_.path() / "config").string();
    more["AWS_SHARED_CREDENTIALS_FILE"] = (folder_.path() / "credentials").string();
    more["AWS_REGION"] = "us-east-2";
    return environment_of(std::move(more));
  }
  test::ScratchFolder folder_;
};

TEST_F(Profiles, HalfAPairOfKeysLeadsToNoOtherAccount) {
  const std::string whole = "[default]\naws_access_key_id = A\naws_secret_access_key = B\n";
  EXPECT_TRUE(credentials_with({}, with(whole)));
  for (const auto& [set, missing] : std::map<std::string, std::string>{
           {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}, {"AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"}}) {
    const auto found = credentials_with({}, with(whole, {{set, "other"}}));
    ASSERT_FALSE(found) << set;
    EXPECT_EQ(found.error().message,
              "the environment has " + set + ", but no " + missing + "; set both, or none");
  }
  const auto found = credentials_with({}, with("[default]\naws_access_key_id = A\n"));
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().message,
            "the profile 'default' has aws_access_key_id, but no aws_secret_access_key; set both, or none");
}

TEST(Settings, RegionIsNeverGuessed) {
  const auto settings =
      find_cloud_settings({}, environment_of({{"HOME", "/nowhere"},
                                              {"AWS_CONFIG_FILE", "/nowhere/a"},
                                              {"AWS_SHARED_CREDENTIALS_FILE", "/nowhere/b"}}));
  ASSERT_FALSE(settings);
  EXPECT_NE(settings.error().message.find("export AWS_REGION="), std::string::npos);
  EXPECT_EQ(settings.error().message.find("--"), std::string::npos) << "run --then has no such flag";
}

TEST_F(Profiles, EndpointWithoutEncryptionIsForThisMachineOnly) {
  for (const auto* url : {"http://ec2.example.com", "http://127.0.0.1@example.com",
                          "http://localhost.example.com/", "ftp://localhost", "http://10.0.0.1:80"})
    EXPECT_FALSE(find_cloud_settings({.endpoint = url}, with(""))) << url;
  for (const auto* url :
       {"http://127.0.0.1:4580", "http://localhost:80/", "http://[::1]:80", "https://ec2.example.com"})
    EXPECT_TRUE(find_cloud_settings({.endpoint = url}, with(""))) << url;
}

TEST_F(Profiles, ChinaHasItsOwnDomain) {
  const auto settings = find_cloud_settings({.region = "cn-north-1"}, with(""));
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->endpoint, "https://ec2.cn-north-1.amazonaws.com.cn/");
}

TEST_F(Profiles, FlagOfAProfileWinsOverKeysInTheEnvironment) {
  const auto environment =
      with("[profile work]\naws_access_key_id = AKWORK\naws_secret_access_key = s # mine\n",
           {{"AWS_ACCESS_KEY_ID", "AKENV"}, {"AWS_SECRET_ACCESS_KEY", "e"}});
  EXPECT_EQ(credentials_with({}, environment)->key_id, "AKENV");
  const auto work = credentials_with({.profile = "work"}, environment);
  ASSERT_TRUE(work) << work.error().message;
  EXPECT_EQ(work->key_id, "AKWORK");
  EXPECT_EQ(work->secret, "s");
}

TEST_F(Profiles, KeysOfACredentialProcessThatHaveEndedAreRefused) {
  const std::string keys =
      R"({"Version":1,"AccessKeyId":"A","SecretAccessKey":"s","Expiration":"2020-01-01T00:00:00Z"})";
  const auto found = credentials_with({}, with("[default]\ncredential_process = echo '" + keys + "'\n"));
  ASSERT_FALSE(found);
  EXPECT_NE(found.error().message.find("Expiration is past"), std::string::npos) << found.error().message;
}

TEST_F(Profiles, CredentialProcessGivesKeysAndSeesNoneOfOurs) {
  const auto environment = with(
      "[default]\ncredential_process = printf "
      "'{\"Version\":1,\"AccessKeyId\":\"AK%s\",\"SecretAccessKey\":\"s\","
      "\"SessionToken\":\"t\"}' \"$AWS_SECRET_ACCESS_KEY\"\n");
  ::setenv("AWS_SECRET_ACCESS_KEY", "leaked", 1);
  const auto found = credentials_with({}, environment);
  ::unsetenv("AWS_SECRET_ACCESS_KEY");
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->key_id, "AK");
  EXPECT_EQ(found->token, "t");
}

TEST_F(Profiles, FailedCredentialProcessIsNamedWithoutItsOutput) {
  const auto found = credentials_with(
      {}, with("[default]\ncredential_process = echo very-secret; echo expired, log in again >&2; exit 3\n"));
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().message,
            "credential_process of the profile 'default' gave no credentials (exit status 3): expired, log "
            "in again");
}

TEST_F(Profiles, ACredentialProcessThatFailsWithoutAWordIsSaidToHaveSaidNothing) {
  const auto found = credentials_with({}, with("[default]\ncredential_process = false\n"));
  ASSERT_FALSE(found);
  EXPECT_EQ(
      found.error().message,
      "credential_process of the profile 'default' gave no credentials (exit status 1): it said nothing; "
      "run it by hand to see why");
}

TEST_F(Profiles, AnAwsCommandOfVersion1IsNamedAsTheTroubleAndNotItsUsage) {
  const auto aws = folder_.path() / "aws";
  std::ofstream(aws) << "#!/bin/sh\n"
                        "echo 'usage: aws [options] <command>\n"
                        "aws: error: argument subcommand: Invalid choice, valid choices are:\n\n"
                        "set                | add-model' >&2\nexit 2\n";
  std::filesystem::permissions(aws, std::filesystem::perms::owner_all);
  const auto environment = with("[default]\nrole_arn = arn:aws:iam::1:role/x\nsource_profile = y\n");
  const std::string before = std::getenv("PATH");
  ::setenv("PATH", (folder_.path().string() + ":" + before).c_str(), 1);
  const auto found = credentials_with({}, environment);
  ::setenv("PATH", before.c_str(), 1);
  ASSERT_FALSE(found);
  EXPECT_EQ(
      found.error().message,
      "the profile 'default' needs version 2 of the aws command; the installed one has no `aws configure "
      "export-credentials`");
}

// clang's sanitizer looks at an object through a pipe, and calls it one of another type if there is no room
// for that. GCC has no __has_feature.
#ifndef __has_feature
#define __has_feature(x) 0
#endif
constexpr bool kNeedsDescriptors = __has_feature(undefined_behavior_sanitizer);

TEST_F(Profiles, TooFewOpenFilesForCredentialProcessAreItsError) {
  if (kNeedsDescriptors) GTEST_SKIP() << "UBSan needs descriptors itself; the build without it has this test";
  const auto environment = with("[default]\ncredential_process = exit 3\n");
  // In a child, because a process cannot raise the limit again.
  const auto child = ::fork();
  if (child == 0) {
    bool good = true;
    std::string all;
    const auto free = static_cast<rlim_t>(::dup(0));
    ::close(static_cast<int>(free));
    for (rlim_t left = 0; left < 12; ++left) {
      const rlimit few{free + left, free + 12};
      ::setrlimit(RLIMIT_NOFILE, &few);
      try {
        const auto said = credentials_with({}, environment).error().message;
        good = good &&
               (said.ends_with(": Too many open files") || said.find("exit status 3") != std::string::npos);
        all += said + "\n";
      } catch (const std::system_error& error) {        // the loop itself finds no room
        good = good && error.code().value() == EMFILE;  // asio's category knows no std::errc for it
      }
    }
    good = good && all.find("cannot make a pipe: Too many") != std::string::npos &&
           all.find("cannot watch /bin/sh: Too many") != std::string::npos;
    if (!good) std::fprintf(stderr, "%s", all.c_str());
    const bool nobody_left = ::waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD;
    ::_exit(good && nobody_left ? 0 : 1);
  }
  int status = 1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST_F(Profiles, WithoutAnyKeysTheNextStepIsNamed) {
  const auto found = credentials_with({}, with(""));
  ASSERT_FALSE(found);
  EXPECT_TRUE(found.error().message.starts_with("no AWS credentials: set AWS_ACCESS_KEY_ID"));
}

TEST(Credentials, TextThatIsNoCredentialsIsRefused) {
  for (const auto* text :
       {"", "null", "[]", "{\"AccessKeyId\":\"a\"}", "{\"AccessKeyId\":1,\"SecretAccessKey\":\"s\"}",
        "{\"AccessKeyId\":\"a\",\"SecretAccessKey\":\"s\",\"SessionToken\":\"a\\nX: b\"}"})
    EXPECT_FALSE(parse_credentials(text)) << text;
}

TEST(Profile, AByteOrderMarkInFrontIsPassedOver) {
  const auto profiles = parse_profiles("\xef\xbb\xbf[default]\nregion = us-east-2\n");
  ASSERT_EQ(profiles.count("default"), 1U);
  EXPECT_EQ(value_in(profiles.at("default"), "region"), "us-east-2");
}

TEST(Profile, NestedSettingsAndOtherSectionsAreLeftOut) {
  const auto profiles =
      parse_profiles("[sso-session x]\nregion = a\n[profile two words]\ns3 =\n  region = b\nregion = c\n");
  ASSERT_EQ(profiles.size(), 1U);
  EXPECT_EQ(value_in(profiles.at("two words"), "region"), "c");
}

}  // namespace
}  // namespace ec2mpi::cloud
