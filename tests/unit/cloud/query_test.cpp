#include "src/cloud/query.hpp"

#include <gtest/gtest.h>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <deque>

#include "src/cloud/query_ec2.hpp"

namespace ec2mpi::cloud {
namespace {

/// Gives the recorded answers one after the other, and keeps the requests.
class RecordedServer : public HttpSender {
 public:
  explicit RecordedServer(std::deque<Result<HttpAnswer>> answers) : answers_(std::move(answers)) {}

  asio::awaitable<Result<HttpAnswer>> send(HttpRequest request, Limit) override {
    requests.push_back(std::move(request));
    auto answer = answers_.front();  // the last one is given again and again
    if (answers_.size() > 1) answers_.pop_front();
    co_return answer;
  }

  std::vector<HttpRequest> requests;

 private:
  std::deque<Result<HttpAnswer>> answers_;
};

HttpAnswer error_answer(long status, const std::string& code, const std::string& message) {
  return {status, "<Response><Errors><Error><Code>" + code + "</Code><Message>" + message +
                      "</Message></Error></Errors><RequestID>1</RequestID></Response>"};
}

HttpAnswer one_instance(const std::string& id, const std::string& next) {
  return {200,
          "<DescribeInstancesResponse><reservationSet><item><instancesSet><item><instanceId>" + id +
              "</instanceId><instanceState><code>16</code><name>running</name></instanceState>"
              "<instanceType>c5n.large</instanceType><ipAddress>203.0.113.5</ipAddress>"
              "<privateIpAddress>10.0.0.5</privateIpAddress><launchTime>2026-11-22T18:00:08.000Z</launchTime>"
              "<placement><availabilityZone>us-east-2a</availabilityZone></placement>"
              "<instanceLifecycle>spot</instanceLifecycle>"
              "<tagSet><item><key>ec2mpi:cluster</key><value>c1</value></item></tagSet>"
              "<groupSet><item><groupId>sg-1</groupId></item></groupSet></item></instancesSet></item>"
              "</reservationSet><nextToken>" +
              next + "</nextToken></DescribeInstancesResponse>"};
}

HttpAnswer done() {
  return {200, "<StopInstancesResponse><return>true</return></StopInstancesResponse>"};
}

Environment keys_in_environment() {
  return [](const char* name) -> std::optional<std::string> {
    if (std::string(name) == "AWS_ACCESS_KEY_ID") return "AKIDEXAMPLE";
    if (std::string(name) == "AWS_SECRET_ACCESS_KEY") return "very-secret";
    return std::nullopt;
  };
}

struct Asked {
  std::deque<Result<HttpAnswer>> answers;
  std::vector<HttpRequest> requests = {};

  /// Runs a call against the recorded answers.
  template <class T>
  Answer<T> operator()(std::function<asio::awaitable<Answer<T>>(Ec2&)> call) {
    auto server = std::make_unique<RecordedServer>(std::move(answers));
    auto& seen = *server;
    CloudSettings settings;
    settings.region = "us-east-2";
    settings.endpoint = "https://ec2.us-east-2.amazonaws.com/";
    settings.profile = "default";
    QueryEc2 ec2(settings, keys_in_environment(), std::move(server),
                 {.tries = 4, .first = std::chrono::microseconds(1), .most = std::chrono::microseconds(2)});
    asio::io_context loop;
    std::optional<Answer<T>> result;
    asio::co_spawn(loop, call(ec2), [&result](std::exception_ptr failure, Answer<T> answer) {
      if (failure) std::rethrow_exception(failure);
      result = std::move(answer);
    });
    loop.run();
    requests = seen.requests;
    return std::move(*result);
  }
};

Answer<void> stop_one(Asked& asked) {
  return asked.operator()<void>([](Ec2& ec2) { return ec2.stop({"i-0123456789abcdef0"}, false, {}); });
}

TEST(Query, FormIsEncodedAsAwsExpects) {
  Parameters parameters{{"Tag.1.Value", "a b+c=ü&~*/"}};
  EXPECT_EQ(form_of("CreateTags", parameters),
            "Action=CreateTags&Version=2016-11-15&Tag.1.Value=a%20b%2Bc%3D%C3%BC%26~%2A%2F");
}

TEST(Query, InstancesOfAllPagesAreRead) {
  Asked asked{{one_instance("i-0123456789abcdef0", "page2"), one_instance("i-0123456789abcdef1", "")}};
  const auto found = asked.operator()<std::vector<Instance>>([](Ec2& ec2) { return ec2.instances({}, {}); });
  ASSERT_TRUE(found) << found.error().message;
  ASSERT_EQ(found->size(), 2U);
  EXPECT_EQ((*found)[1].id, "i-0123456789abcdef1");
  EXPECT_EQ((*found)[0].zone, "us-east-2a");
  EXPECT_TRUE((*found)[0].spot);
  EXPECT_EQ((*found)[0].tag(kClusterTag), "c1");
  EXPECT_NE(asked.requests[1].body.find("NextToken=page2"), std::string::npos);
}

TEST(Query, PagesWithoutEndAreAnError) {
  Asked asked{{one_instance("i-0123456789abcdef0", "page2")}};
  const auto found = asked.operator()<std::vector<Instance>>([](Ec2& ec2) { return ec2.instances({}, {}); });
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().message, "DescribeInstances: the pages of EC2's answer have no end");
  EXPECT_EQ(asked.requests.size(), 2U);
}

TEST(Query, AnswerThatWasCutIsAskedForAgain) {
  const HttpAnswer cut{200, "<StopInstancesResponse xmlns=\"x\"><instancesSet><item><instan"};
  Asked asked{{cut, done()}};
  EXPECT_TRUE(stop_one(asked));
  Asked always{{cut}};
  const auto stopped = stop_one(always);
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().message,
            "StopInstances: the answer of EC2 was cut on its way; EC2 may have done it");
}

TEST(Query, ThrottlingIsWaitedOut) {
  Asked asked{{error_answer(503, "RequestLimitExceeded", "slow down"), done()}};
  EXPECT_TRUE(stop_one(asked));
  EXPECT_EQ(asked.requests.size(), 2U);
}

TEST(Query, ServerErrorWithHtmlIsRetriedAndThenNamed) {
  Asked asked{{HttpAnswer{500, "<html><body>Internal Server Error</body></html>"}}};
  const auto stopped = stop_one(asked);
  ASSERT_FALSE(stopped);
  EXPECT_EQ(asked.requests.size(), 4U);
  EXPECT_EQ(stopped.error().message, "StopInstances: the answer (HTTP status 500) is not that of EC2");
}

TEST(Query, DroppedReplyIsAskedForAgain) {
  Asked asked{{fail(ErrorKind::unreachable, "Server returned nothing"), done()}};
  EXPECT_TRUE(stop_one(asked));
}

TEST(Query, MissingPermissionIsNotRetriedAndNamesThePolicy) {
  Asked asked{{error_answer(403, "UnauthorizedOperation", "You are not authorized.")}};
  const auto stopped = stop_one(asked);
  ASSERT_FALSE(stopped);
  EXPECT_EQ(asked.requests.size(), 1U);
  EXPECT_EQ(stopped.error().problem, Problem::unauthorized);
  EXPECT_NE(stopped.error().message.find("ec2mpi iam-policy"), std::string::npos);
}

TEST(Query, WrongClockIsNamedWithItsSkew) {
  auto refusal = error_answer(401, "AuthFailure", "not able to validate");
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  refusal.date = now + std::chrono::minutes(12) + std::chrono::seconds(30);
  Asked asked{{refusal}};
  const auto stopped = stop_one(asked);
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().problem, Problem::clock);
  EXPECT_TRUE(stopped.error().message.starts_with("this machine's clock is 12 min"))
      << stopped.error().message;
  EXPECT_NE(stopped.error().message.find("behind EC2's"), std::string::npos);
}

TEST(Query, WordsOfTheEndpointCannotReachTheTerminal) {
  Asked asked{{error_answer(400, "Bad", "a\x1b[31mb")}};
  const auto stopped = stop_one(asked);
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().message.find('\x1b'), std::string::npos);
}

TEST(Query, DryRunThatWouldWorkCounts) {
  Asked asked{{error_answer(412, "DryRunOperation", "Request would have succeeded")}};
  EXPECT_TRUE(stop_one(asked));
}

LaunchRequest two_instances() {
  LaunchRequest request;
  request.count = 2;
  request.type = "c5n.large";
  request.image = "ami-1";
  request.token = "token-1";
  request.tags = {{kClusterTag, "c1"}};
  return request;
}

HttpAnswer two_started() {
  return {200,
          "<RunInstancesResponse><instancesSet><item><instanceId>i-0123456789abcdef0</instanceId></item>"
          "<item><instanceId>i-0123456789abcdef1</instanceId></item></instancesSet></RunInstancesResponse>"};
}

Answer<std::vector<Instance>> launch_two(Asked& asked, bool dry_run) {
  return asked.operator()<std::vector<Instance>>(
      [dry_run](Ec2& ec2) { return ec2.run_instances(two_instances(), dry_run, {}); });
}

/// The form that is sent for two instances of this shape.
std::string form_for(const LaunchShape& shape, const std::string& subnet) {
  Asked asked{{two_started()}};
  auto request = two_instances();
  request.shape = shape;
  request.subnet = subnet;
  request.security_groups = {"sg-1"};
  std::ignore = asked.operator()<std::vector<Instance>>(
      [&request](Ec2& ec2) { return ec2.run_instances(request, false, {}); });
  return asked.requests.front().body + "&";
}

void expect_parts(const std::string& form, std::initializer_list<const char*> parts) {
  for (const auto* part : parts)
    EXPECT_NE(form.find(std::string("&") + part + "&"), std::string::npos) << part;
}

TEST(RunInstances, RepetitionOfALostRequestHasTheSameToken) {
  Asked asked{{fail(ErrorKind::unreachable, "Server returned nothing"), two_started()}};
  const auto started = launch_two(asked, false);
  ASSERT_TRUE(started) << started.error().message;
  EXPECT_EQ(started->size(), 2U);
  ASSERT_EQ(asked.requests.size(), 2U);
  EXPECT_EQ(asked.requests[0].body, asked.requests[1].body);
  EXPECT_NE(asked.requests[0].body.find("&ClientToken=token-1"), std::string::npos);
}

TEST(RunInstances, AllOrNoneAreStartedWithTagsAndMetadataTokens) {
  Asked asked{{two_started()}};
  ASSERT_TRUE(launch_two(asked, false));
  for (const auto* part : {"&MinCount=2&MaxCount=2", "&MetadataOptions.HttpTokens=required",
                           "Specification.1.ResourceType=instance", "Specification.2.ResourceType=volume",
                           "Specification.2.Tag.1.Key=ec2mpi%3Acluster"})
    EXPECT_NE(asked.requests[0].body.find(part), std::string::npos) << part;
}

TEST(RunInstances, SpotInstanceEndsWhenItIsTakenAway) {
  const auto form = form_for({.spot = true, .max_price = "0.05"}, "");
  expect_parts(form, {"InstanceMarketOptions.MarketType=spot",
                      "InstanceMarketOptions.SpotOptions.SpotInstanceType=one-time",
                      "InstanceMarketOptions.SpotOptions.InstanceInterruptionBehavior=terminate",
                      "InstanceMarketOptions.SpotOptions.MaxPrice=0.05"});
}

TEST(RunInstances, FormSaysWhatTheInstancesAreLike) {
  const auto form = form_for({.disk = {"/dev/sda1", 100, "gp3"},
                              .user_data = "#!/bin/sh\n",
                              .cores = 18,
                              .threads_per_core = 1,
                              .reservation = "cr-1"},
                             "subnet-1");
  expect_parts(
      form, {"BlockDeviceMapping.1.DeviceName=%2Fdev%2Fsda1", "BlockDeviceMapping.1.Ebs.VolumeSize=100",
             "BlockDeviceMapping.1.Ebs.VolumeType=gp3", "BlockDeviceMapping.1.Ebs.DeleteOnTermination=true",
             "UserData=IyEvYmluL3NoCg%3D%3D", "CpuOptions.CoreCount=18", "CpuOptions.ThreadsPerCore=1",
             "CapacityReservationSpecification.CapacityReservationTarget.CapacityReservationId=cr-1",
             "SubnetId=subnet-1", "SecurityGroupId.1=sg-1"});
}

/// EC2 refuses a request that names the subnet both for the instance and for its card.
TEST(RunInstances, AdapterIsDescribedAsACardOfItsOwn) {
  const auto form = form_for({.efa = true}, "subnet-1");
  expect_parts(form, {"NetworkInterface.1.DeviceIndex=0", "NetworkInterface.1.InterfaceType=efa",
                      "NetworkInterface.1.SubnetId=subnet-1", "NetworkInterface.1.SecurityGroupId.1=sg-1"});
  EXPECT_EQ(form.find("&SubnetId="), std::string::npos);
  EXPECT_EQ(form.find("&SecurityGroupId.1="), std::string::npos);
}

TEST(Query, AccountWithoutDefaultNetworkGetsTheNextStep) {
  Asked asked{{error_answer(400, "VPCIdNotSpecified", "No default VPC for this user")}};
  const auto started = launch_two(asked, true);
  ASSERT_FALSE(started);
  EXPECT_NE(started.error().message.find("--subnet or --vpc"), std::string::npos) << started.error().message;
}

TEST(Query, ReservationHasTheNameOfItsPlacementGroup) {
  Asked asked{{HttpAnswer{
      200,
      "<DescribeCapacityReservationsResponse><capacityReservationSet><item><capacityReservationId>cr-1"
      "</capacityReservationId><instanceType>c5n.large</instanceType><availabilityZone>us-east-2c"
      "</availabilityZone><placementGroupArn>arn:aws:ec2:us-east-2:123456789012:placement-group/close"
      "</placementGroupArn></item></capacityReservationSet></DescribeCapacityReservationsResponse>"}}};
  const auto found = asked.operator()<Reservation>([](Ec2& ec2) { return ec2.reservation("cr-1", {}); });
  ASSERT_TRUE(found);
  EXPECT_EQ(found->placement_group, "close");
  EXPECT_EQ(found->zone, "us-east-2c");
}

TEST(RunInstances, DryRunStartsNone) {
  Asked asked{{error_answer(412, "DryRunOperation", "Request would have succeeded")}};
  const auto started = launch_two(asked, true);
  ASSERT_TRUE(started);
  EXPECT_TRUE(started->empty());
  EXPECT_NE(asked.requests[0].body.find("&DryRun=true"), std::string::npos);
}

TEST(RunInstances, FullZoneIsNotAskedAgain) {
  Asked asked{{error_answer(500, "InsufficientInstanceCapacity", "We currently do not have capacity.")}};
  const auto started = launch_two(asked, false);
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().problem, Problem::capacity);
  EXPECT_EQ(asked.requests.size(), 1U);
}

TEST(Query, NewestImageIsTheLastCreated) {
  const std::string item = "<item><imageId>ami-";
  Asked asked{{HttpAnswer{
      200,
      "<DescribeImagesResponse><imagesSet>" + item +
          "1</imageId><name>a</name><creationDate>2026-01-02T00:00:00.000Z</creationDate></item>" + item +
          "2</imageId><name>b</name><creationDate>2026-07-01T00:00:00.000Z</creationDate></item>" + item +
          "3</imageId><name>c</name><creationDate>2025-12-01T00:00:00.000Z</creationDate></item>"
          "</imagesSet></DescribeImagesResponse>"}}};
  const auto image =
      asked.operator()<Image>([](Ec2& ec2) { return ec2.newest_image("099720109477", "ubuntu*", {}); });
  ASSERT_TRUE(image);
  EXPECT_EQ(image->id, "ami-2");
  EXPECT_NE(asked.requests[0].body.find("&Owner.1=099720109477"), std::string::npos);
}

TEST(Query, NoErrorHasTheSecret) {
  for (const auto* code :
       {"AuthFailure", "RequestExpired", "UnauthorizedOperation", "InvalidInstanceID.NotFound"}) {
    Asked asked{{error_answer(400, code, "no")}};
    const auto stopped = stop_one(asked);
    ASSERT_FALSE(stopped);
    EXPECT_EQ(stopped.error().message.find("very-secret"), std::string::npos);
  }
}

TEST(Query, AWellFormedPageOfAnotherServerIsNoAnswerOfEc2) {
  for (const auto* const page :
       {"<html><body>Log in to this network</body></html>", "<StopInstancesResponse/>"}) {
    const auto answer = parse_answer("TerminateInstances", {.status = 200, .body = page});
    ASSERT_FALSE(answer) << page;
    EXPECT_NE(answer.error().message.find("is not that of EC2"), std::string::npos) << answer.error().message;
  }
}

}  // namespace
}  // namespace ec2mpi::cloud
