#include "src/cloud/credentials.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <nlohmann/json.hpp>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cluster/values/launch_time.hpp"
#include "src/cloud/local_command.hpp"
#include "src/cloud/profile.hpp"

namespace ec2mpi::cloud {

namespace {

constexpr auto kRenewal = std::chrono::minutes(5);  ///< before the end, as the aws command does
constexpr auto kCommandTime = std::chrono::minutes(1);
/// After this, the user learns what is waited for.
constexpr auto kSilence = std::chrono::seconds(3);
constexpr auto kMetadataTime = std::chrono::milliseconds(1500);  ///< outside EC2 nothing answers there

std::string text_in(const nlohmann::json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

/// Whether the profile's keys are to be had in a way that only the aws command knows.
bool needs_aws_command(const Profile& profile) {
  for (const auto* key :
       {"sso_session", "sso_start_url", "role_arn", "web_identity_token_file", "login_session"})
    if (profile.contains(key)) return true;
  return false;
}

constexpr std::string_view kAskAws = "aws configure export-credentials";

/// Of a command's stderr, for a message.
std::string last_line(std::string_view text) {
  text = trim(text);
  return printable(text.substr(text.rfind('\n') + 1));
}

/// Version 1 of the aws command does not know `configure export-credentials`, and prints its usage.
bool is_unknown_to_aws(std::string_view said) {
  return said.contains("Invalid choice") || said.contains("invalid choice");
}

/// What a failed command has said in the end.
std::string last_words(std::string_view text) {
  auto line = last_line(text);
  return line.empty() ? "it said nothing; run it by hand to see why" : line;
}

HttpRequest metadata_request(std::string service, const std::string& path, const std::string& token) {
  if (!service.ends_with('/')) service += '/';
  HttpRequest request;
  // IMDSv2: a PUT gets a token, and every GET shows the token.
  request.method = token.empty() ? "PUT" : "GET";
  request.url = service + "latest/" + path;
  request.headers.push_back(token.empty() ? "X-aws-ec2-metadata-token-ttl-seconds: 300"
                                          : "X-aws-ec2-metadata-token: " + token);
  request.connect_timeout = kMetadataTime;
  request.timeout = kMetadataTime;
  return request;
}

Error no_credentials(const std::string& profile) {
  return {
      ErrorKind::usage,
      fmt::format("no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or make the profile "
                  "'{}' by aws configure",
                  printable(profile))};
}

/// Another source would be another account.
Error half_set(const char* missing, const char* given, const std::string& where) {
  return {ErrorKind::usage, fmt::format("{} has {}, but no {}; set both, or none", where, given, missing)};
}

}  // namespace

std::optional<Credentials> parse_credentials(std::string_view text) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  Credentials found{text_in(json, "AccessKeyId"),
                    text_in(json, "SecretAccessKey"),
                    text_in(json, "SessionToken"),
                    parse_launch_time(text_in(json, "Expiration")),
                    {}};
  // The metadata service calls it "Token", a credential_process "SessionToken".
  if (found.token.empty()) found.token = text_in(json, "Token");
  if (found.key_id.empty() || found.secret.empty()) return std::nullopt;
  // They become lines of a header.
  for (const auto* part : {&found.key_id, &found.secret, &found.token})
    if (has_control_characters(*part)) return std::nullopt;
  return found;
}

asio::awaitable<Result<Credentials>> CredentialSource::get(Limit limit) {
  const auto now = std::chrono::system_clock::now();
  if (known_ && (!known_->expires || *known_->expires - kRenewal > now)) co_return *known_;
  auto found = co_await find(limit);
  if (found) known_ = *found;
  // A renewal that fails does not spoil keys that are still valid.
  // The known keys have an end here: those without one are answered above.
  const bool may_serve =
      !found && found.error().kind != ErrorKind::cancelled && known_ && *known_->expires > now;
  if (may_serve) co_return *known_;
  co_return found;
}

/// The first source that is configured decides, in the order of docs/ec2.md. If it fails, no other one is
/// tried, so that a mistake in one source does not lead to another account.
asio::awaitable<Result<Credentials>> CredentialSource::find(Limit limit) {
  const auto key_id = environment_("AWS_ACCESS_KEY_ID");
  const auto secret = environment_("AWS_SECRET_ACCESS_KEY");
  // A profile that a flag names counts more than keys in the environment.
  if (!settings_.profile_named && key_id.has_value() != secret.has_value())
    co_return std::unexpected(half_set(key_id ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID",
                                       key_id ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY",
                                       "the environment"));
  if (!settings_.profile_named && key_id) {
    Credentials found{
        *key_id, *secret, environment_("AWS_SESSION_TOKEN").value_or(""), {}, "the environment"};
    co_return found;
  }
  const auto& name = settings_.profile;
  CO_TRY_AS(profile, load_profile(settings_.config_file, settings_.credentials_file, name));
  const auto what = fmt::format("the profile '{}'", printable(name));
  const bool has_key_id = !value_in(*profile, "aws_access_key_id").empty();
  const bool has_secret = !value_in(*profile, "aws_secret_access_key").empty();
  if (has_key_id != has_secret)
    co_return std::unexpected(half_set(has_key_id ? "aws_secret_access_key" : "aws_access_key_id",
                                       has_key_id ? "aws_access_key_id" : "aws_secret_access_key", what));
  // With a role_arn, these keys only sign the request for the role's own keys.
  if (has_key_id && !profile->contains("role_arn")) {
    Credentials found{value_in(*profile, "aws_access_key_id"),
                      value_in(*profile, "aws_secret_access_key"),
                      value_in(*profile, "aws_session_token"),
                      {},
                      what};
    co_return found;
  }
  const auto process = value_in(*profile, "credential_process");
  if (!process.empty()) {
    auto found = co_await from_command(process, "credential_process of " + what, limit);
    co_return found;
  }
  if (needs_aws_command(*profile)) {
    // The name comes from a flag or a variable; quoted, it stays one word of the shell.
    auto found = co_await from_command(
        fmt::format("{} --format process --profile {}", kAskAws, quote_word(name)), what, limit);
    co_return found;
  }
  auto found = co_await from_metadata(limit);
  // Outside EC2, the message of a service that does not exist helps nobody.
  if (found || found.error().kind == ErrorKind::cancelled) co_return found;
  co_return std::unexpected(no_credentials(name));
}

asio::awaitable<Result<Credentials>> CredentialSource::from_command(std::string command, std::string what,
                                                                    Limit limit) {
  // It may ask the user for something in another window.
  const auto executor = co_await asio::this_coro::executor;
  asio::steady_timer slow(executor, kSilence);
  slow.async_wait([what](std::error_code ended) {
    if (!ended) spdlog::warn("waiting for {}, for at most {}", what, format_duration(kCommandTime));
  });
  const bool asks_aws = command.starts_with(kAskAws);
  auto end = co_await run_local_command(std::move(command), limit.at_most(kCommandTime));
  slow.cancel();
  if (!end) co_return std::unexpected(end.error().within(what));
  // 127 is the status of a shell that does not find the command.
  if (end->status == 127)
    co_return fail(ErrorKind::usage, what + " needs a command that is not installed: " + last_line(end->err));
  if (end->status != 0 && asks_aws && is_unknown_to_aws(end->err))
    co_return fail(
        ErrorKind::usage,
        fmt::format("{} needs version 2 of the aws command; the installed one has no `{}`", what, kAskAws));
  if (end->status != 0)
    co_return fail(ErrorKind::usage, fmt::format("{} gave no credentials (exit status {}): {}", what,
                                                 end->status, last_words(end->err)));
  auto found = parse_credentials(end->out);
  // The output holds the secret key, so no message quotes it either.
  wipe(end->out);
  if (!found) co_return fail(ErrorKind::usage, what + " gave no credentials: its output has another form");
  if (found->expires && *found->expires <= std::chrono::system_clock::now())
    co_return fail(ErrorKind::usage, what + " gave keys whose Expiration is past; renew them");
  found->origin = what;
  co_return *found;
}

asio::awaitable<Result<Credentials>> CredentialSource::from_metadata(Limit limit) {
  if (environment_("AWS_EC2_METADATA_DISABLED").value_or("") == "true")
    co_return fail(ErrorKind::usage, "the metadata service is switched off");
  CO_TRY_AS(token, co_await ask_metadata("api/token", "", limit));
  const std::string roles = "meta-data/iam/security-credentials/";
  // Without a role's name, the service answers with the name.
  CO_TRY_AS(role, co_await ask_metadata(roles, *token, limit));
  CO_TRY_AS(text, co_await ask_metadata(roles + *role, *token, limit));
  auto found = parse_credentials(*text);
  if (!found) co_return fail(ErrorKind::usage, "the metadata service gave no credentials");
  found->origin = "this instance's role";
  co_return *found;
}

/// Without a token it asks for one (IMDSv2); version 1 is never used.
asio::awaitable<Result<std::string>> CredentialSource::ask_metadata(std::string path, std::string token,
                                                                    Limit limit) {
  // Both come from answers and become part of a URL and a header; a line break would add a header.
  if (has_control_characters(path) || has_control_characters(token))
    co_return fail(ErrorKind::usage, "the metadata service answers in an unknown form");
  const auto service = environment_("AWS_EC2_METADATA_SERVICE_ENDPOINT").value_or("http://169.254.169.254");
  auto request = metadata_request(service, path, token);
  CO_TRY_AS(answer, co_await http_.send(std::move(request), limit));
  if (answer->status != 200)
    co_return fail(ErrorKind::usage, fmt::format("the metadata service answers {}", answer->status));
  co_return std::string(trim(answer->body));
}

}  // namespace ec2mpi::cloud
