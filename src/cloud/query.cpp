#include "src/cloud/query.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <algorithm>
#include <cctype>
#include <random>

#include "ec2mpi/base/event.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"

namespace ec2mpi::cloud {

namespace {

constexpr auto kSkewAllowed = std::chrono::minutes(4);  ///< AWS accepts five

/// The unreserved characters of RFC 3986 stay; a blank becomes %20, never a plus sign.
std::string percent_encoded(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.' || c == '~')
      encoded += c;
    else
      encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return encoded;
}

bool any_of(const std::string& code, std::initializer_list<std::string_view> codes) {
  return std::find(codes.begin(), codes.end(), code) != codes.end();
}

/// Whether the same call may work a moment later.
bool may_pass(Problem problem) {
  return problem == Problem::network || problem == Problem::throttled || problem == Problem::service;
}

/// How far this machine's clock is ahead of EC2's; negative if it is behind.
std::optional<std::chrono::seconds> skew_of(const HttpAnswer& answer) {
  if (!answer.date) return std::nullopt;
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now() - *answer.date);
}

/// A signature holds its time, so a wrong clock shows as a refused or expired request.
ApiError with_clock(ApiError error, const HttpAnswer& answer) {
  const bool suspicious = error.problem == Problem::credentials || error.problem == Problem::expired;
  const auto skew = skew_of(answer);
  if (!suspicious || !skew || std::chrono::abs(*skew) < kSkewAllowed) return error;
  error.problem = Problem::clock;
  error.kind = ErrorKind::usage;
  error.message = fmt::format(
      "this machine's clock is {} {} EC2's, so EC2 refuses every request; set it right",
      format_duration(std::chrono::abs(*skew)), *skew > std::chrono::seconds(0) ? "ahead of" : "behind");
  return error;
}

/// Adds to EC2's own words what the user can do about them. It never quotes a key, only where the keys come
/// from.
ApiError with_next_step(ApiError error, const Credentials& credentials) {
  if (any_of(error.code, {"VPCIdNotSpecified", "DefaultVpcDoesNotExist", "MissingInput"}))
    error.message +=
        "; --subnet or --vpc names a network, and `aws ec2 create-default-vpc` makes a default one";
  if (error.problem == Problem::quota)
    error.message += "; the account's Service Quotas page takes requests for more";
  if (error.problem == Problem::unauthorized)
    error.message += "; `ec2mpi iam-policy` prints the permissions that ec2mpi needs";
  if (error.code == "OperationNotPermitted" && error.message.contains("disableApi"))
    error.message += fmt::format(
        "; `aws ec2 modify-instance-attribute --instance-id ID --no-disable-api-{}` lifts that protection",
        error.message.contains("disableApiStop") ? "stop" : "termination");
  if (error.problem == Problem::credentials)
    error.message += fmt::format(" (the keys are those of {})", credentials.origin);
  if (error.problem == Problem::expired)
    error.message = fmt::format(
        "the credentials of {} have expired; renew them, for example by aws sso login", credentials.origin);
  return error;
}

/// Callers that were throttled together must not return together.
Clock::duration random_part(Clock::duration most) {
  static std::minstd_rand generator{std::random_device{}()};
  return Clock::duration(std::uniform_int_distribution<Clock::rep>(0, most.count())(generator));
}

HttpRequest signed_request(const CloudSettings& settings, const Credentials& signer, std::string form) {
  HttpRequest request;
  request.url = settings.endpoint;
  request.body = std::move(form);
  request.headers.emplace_back("Content-Type: application/x-www-form-urlencoded; charset=utf-8");
  request.signer = signer;
  request.region = settings.region;
  return request;
}

/// The kinds of Error are coarser than EC2's problems.
ErrorKind kind_of(Problem problem) {
  switch (problem) {
    case Problem::credentials:
    case Problem::unauthorized:
    case Problem::expired:
      return ErrorKind::auth;
    case Problem::network:
    case Problem::throttled:
    case Problem::service:
      return ErrorKind::unreachable;
    default:
      return ErrorKind::usage;
  }
}

}  // namespace

/// Codes: the EC2 API Reference, "Error codes for the Amazon EC2 API".
Problem problem_of(const std::string& code, long http_status) {
  if (any_of(code, {"RequestLimitExceeded", "Throttling", "ThrottlingException", "ResourceLimitExceeded"}))
    return Problem::throttled;
  if (any_of(code, {"InternalError", "InternalFailure", "Unavailable", "ServiceUnavailable"}))
    return Problem::service;
  if (any_of(code, {"RequestExpired", "ExpiredToken", "ExpiredTokenException"})) return Problem::expired;
  if (any_of(code,
             {"AuthFailure", "InvalidClientTokenId", "SignatureDoesNotMatch", "UnrecognizedClientException",
              "IncompleteSignature", "MissingAuthenticationToken", "Blocked", "OptInRequired"}))
    return Problem::credentials;
  if (any_of(code, {"UnauthorizedOperation", "AccessDenied"})) return Problem::unauthorized;
  if (code == "DryRunOperation") return Problem::dry_run;
  // "Unsupported" is EC2's answer where a zone does not have the type.
  if (any_of(code, {"InsufficientInstanceCapacity", "InsufficientHostCapacity",
                    "InsufficientReservedInstanceCapacity", "InsufficientCapacity", "SpotMaxPriceTooLow",
                    "ReservationCapacityExceeded", "Unsupported"}))
    return Problem::capacity;
  if (any_of(code, {"VcpuLimitExceeded", "InstanceLimitExceeded", "MaxSpotInstanceCountExceeded",
                    "PendingVerification"}))
    return Problem::quota;
  if (any_of(code, {"DependencyViolation", "InvalidPlacementGroup.InUse", "IncorrectInstanceState",
                    "InvalidGroup.InUse"}))
    return Problem::in_use;
  if (code.ends_with(".Duplicate") || code.ends_with(".AlreadyExists")) return Problem::exists;
  if (code.ends_with(".NotFound") || code.ends_with(".Unknown")) return Problem::not_found;
  return http_status >= 500 ? Problem::service : Problem::other;
}

void add_list(Parameters& parameters, const std::string& name, const std::vector<std::string>& values) {
  for (std::size_t i = 0; i < values.size(); ++i)
    parameters.emplace_back(fmt::format("{}.{}", name, i + 1), values[i]);
}

std::string form_of(const std::string& action, const Parameters& parameters) {
  // The version fixes the names of all parameters and of the answers' elements.
  std::string form = "Action=" + action + "&Version=2016-11-15";
  for (const auto& [name, value] : parameters) form += "&" + name + "=" + percent_encoded(value);
  return form;
}

Answer<pugi::xml_document> parse_answer(const std::string& action, const HttpAnswer& answer) {
  pugi::xml_document document;
  // pugixml resolves no external entities, so a hostile answer cannot read files through it.
  const bool is_xml = static_cast<bool>(document.load_buffer(answer.body.data(), answer.body.size()));
  const auto failure = document.child("Response").child("Errors").child("Error");
  // A login page of a network may be well-formed, too: no call must seem to have worked by it.
  const bool is_of_ec2 = document.document_element().name() == action + "Response";
  if (is_xml && answer.status == 200 && is_of_ec2) return document;
  const std::string code = failure.child_value("Code");
  // The call has worked, and only the answer was cut on its way: a repetition gets a whole one.
  if (!is_xml && answer.status == 200 && answer.body.contains(fmt::format("<{}Response", action)))
    return std::unexpected(
        ApiError({kind_of(Problem::network),
                  fmt::format("{}: the answer of EC2 was cut on its way; EC2 may have done it", action)},
                 Problem::network));
  // A proxy answers in the place of EC2, or the endpoint is another server's.
  if (code.empty()) {
    const auto problem = answer.status >= 500 ? Problem::service : Problem::other;
    return std::unexpected(
        ApiError({kind_of(problem),
                  fmt::format("{}: the answer (HTTP status {}) is not that of EC2", action, answer.status)},
                 problem));
  }
  const auto problem = problem_of(code, answer.status);
  return std::unexpected(ApiError(
      {kind_of(problem), fmt::format("EC2 refuses {}: {} ({})", action,
                                     printable(trim(failure.child_value("Message"))), printable(code))},
      problem, code));
}

asio::awaitable<Answer<pugi::xml_document>> Query::call(std::string action, Parameters parameters,
                                                        Limit limit) {
  // One form for all attempts: by its ClientToken, EC2 takes a repeated launch for the same one.
  const auto form = form_of(action, parameters);
  auto wait = retries_.first;
  bool renewed = false;
  for (int attempt = 1;; ++attempt) {
    auto answer = co_await call_once(action, form, limit);
    if (answer) co_return answer;
    const auto problem = answer.error().problem;
    spdlog::debug("{}: attempt {}: {}", action, attempt, answer.error().message);
    // Keys may end between two calls. New ones are looked for once only: they may be expired, too.
    if (problem == Problem::expired && !std::exchange(renewed, true)) {
      credentials_.forget();
      continue;
    }
    if (!may_pass(problem) || attempt >= retries_.tries) co_return answer;
    const Wake wake = co_await sleep_for(random_part(wait), limit);
    if (wake == Wake::stopped) co_return wake_error(wake, action);
    // A sleep ends as timed_out; only the end of the limit itself ends the attempts.
    if (wake == Wake::timed_out && Clock::now() >= limit.deadline) co_return answer;
    wait = std::min(2 * wait, retries_.most);
  }
}

asio::awaitable<Answer<pugi::xml_document>> Query::call_once(std::string action, std::string form,
                                                             Limit limit) {
  auto signer = co_await credentials_.get(limit);
  if (!signer) co_return std::unexpected(ApiError(signer.error()));
  // Each attempt is signed again, because a signature holds its time.
  auto request = signed_request(settings_, *signer, std::move(form));
  auto answer = co_await http_.send(std::move(request), limit);
  if (!answer) {
    const bool stopped = answer.error().kind == ErrorKind::cancelled;
    co_return std::unexpected(
        ApiError(answer.error().within(action), stopped ? Problem::local : Problem::network));
  }
  auto parsed = parse_answer(action, *answer);
  if (!parsed) co_return std::unexpected(with_next_step(with_clock(parsed.error(), *answer), *signer));
  co_return parsed;
}

}  // namespace ec2mpi::cloud
