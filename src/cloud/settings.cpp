#include "ec2mpi/cloud/settings.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <cstdlib>

#include "ec2mpi/base/file.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cluster/values/address.hpp"
#include "src/cloud/profile.hpp"

namespace ec2mpi::cloud {

namespace {

std::filesystem::path file_of(const Environment& environment, const char* variable, const char* otherwise) {
  return expand_home(environment(variable).value_or(otherwise));
}

/// Strict, since the region becomes part of a host's name: a slash in it would send signed requests
/// to another host.
bool is_region(std::string_view text) {
  const auto fits = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
  return !text.empty() && text.size() < 40 && text.front() != '-' && std::ranges::all_of(text, fits);
}

/// The order of the aws command. There is no default: the wrong region would look like an empty account.
Result<std::string> find_region(const CloudFlags& flags, const Environment& environment,
                                const Profile& profile) {
  for (const auto& region : {flags.region, environment("AWS_REGION"), environment("AWS_DEFAULT_REGION"),
                             std::optional(value_in(profile, "region"))}) {
    if (!region || region->empty()) continue;
    if (!is_region(*region))
      return fail(ErrorKind::usage, fmt::format("'{}' is not the name of a region", printable(*region)));
    return *region;
  }
  // `run --then` asks for it, too, and has no --region.
  return fail(ErrorKind::usage, "no region is set; name yours, as in: export AWS_REGION=us-east-2");
}

/// The host of scheme://[user@]host[:port][/path]; empty if the URL has another form or a user in it.
std::string host_in(std::string_view url) {
  const auto scheme = url.find("://");
  // A user in front of an @ can look like the host.
  if (scheme == std::string_view::npos || url.find('@') != std::string_view::npos) return {};
  auto host = url.substr(scheme + 3);
  host = host.substr(0, host.find('/'));
  if (host.starts_with('[')) return std::string(host.substr(0, host.find(']') + 1));
  return std::string(host.substr(0, host.find(':')));
}

/// "https://ec2.us-east-2.amazonaws.com/"
std::string usual_endpoint(const char* service, const std::string& region) {
  return fmt::format("https://{}.{}.amazonaws.com{}/", service, region,
                     region.starts_with("cn-") ? ".cn" : "");
}

/// Nothing else than AWS's own service may be asked by mistake, nor that one in the place of another.
Result<std::string> find_quotas_endpoint(const CloudFlags& flags, const Environment& environment,
                                         const Profile& profile, const std::string& region) {
  if (flags.endpoint) return std::string();
  for (const auto& url : {environment("AWS_ENDPOINT_URL_SERVICE_QUOTAS"), environment("AWS_ENDPOINT_URL"),
                          std::optional(value_in(profile, "endpoint_url"))}) {
    if (url && !url->empty()) return checked_endpoint(*url);
  }
  return environment("AWS_ENDPOINT_URL_EC2") ? std::string() : usual_endpoint("servicequotas", region);
}

Result<std::string> find_endpoint(const CloudFlags& flags, const Environment& environment,
                                  const Profile& profile, const std::string& region) {
  for (const auto& url :
       {flags.endpoint, environment("AWS_ENDPOINT_URL_EC2"), environment("AWS_ENDPOINT_URL"),
        std::optional(value_in(profile, "endpoint_url"))}) {
    if (url && !url->empty()) return checked_endpoint(*url);
  }
  return usual_endpoint("ec2", region);
}

}  // namespace

Result<std::string> checked_endpoint(std::string url) {
  const auto host = host_in(url);
  if (host.empty() || has_control_characters(url) ||
      (!url.starts_with("https://") && !url.starts_with("http://")))
    return fail(ErrorKind::usage,
                fmt::format("'{}' is no endpoint; its form is https://HOST[:PORT]", printable(url)));
  // All of 127/8 is this machine.
  const bool here = host == "localhost" || host == "[::1]" || (is_ipv4(host) && host.starts_with("127."));
  if (url.starts_with("http://") && !here)
    return fail(
        ErrorKind::usage,
        fmt::format("the endpoint {} would be used without encryption; plain http is for this machine only",
                    printable(url)));
  if (!url.ends_with('/')) url += '/';
  return url;
}

Environment process_environment() {
  return [](const char* name) -> std::optional<std::string> {
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0') return std::nullopt;
    return value;
  };
}

Result<CloudSettings> find_cloud_settings(const CloudFlags& flags, const Environment& environment) {
  CloudSettings settings;
  settings.profile_named = flags.profile.has_value();
  settings.profile = flags.profile ? *flags.profile : environment("AWS_PROFILE").value_or("default");
  settings.config_file = file_of(environment, "AWS_CONFIG_FILE", "~/.aws/config");
  settings.credentials_file = file_of(environment, "AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials");
  TRY_AS(profile, load_profile(settings.config_file, settings.credentials_file, settings.profile));
  // The default profile need not exist: the environment may hold all settings.
  if (profile->empty() && settings.profile != "default")
    return fail(ErrorKind::usage,
                fmt::format("there is no profile '{}' in {} or {}", printable(settings.profile),
                            settings.config_file.string(), settings.credentials_file.string()));
  TRY_AS(region, find_region(flags, environment, *profile));
  settings.region = *region;
  TRY_AS(endpoint, find_endpoint(flags, environment, *profile, *region));
  settings.endpoint = *endpoint;
  TRY_AS(quotas, find_quotas_endpoint(flags, environment, *profile, *region));
  settings.quotas_endpoint = *quotas;
  return settings;
}

CloudSettings in_region(CloudSettings settings, const std::string& region) {
  // An endpoint that is not the usual one is the user's choice.
  if (settings.endpoint == usual_endpoint("ec2", settings.region))
    settings.endpoint = usual_endpoint("ec2", region);
  if (settings.quotas_endpoint == usual_endpoint("servicequotas", settings.region))
    settings.quotas_endpoint = usual_endpoint("servicequotas", region);
  settings.region = region;
  return settings;
}

}  // namespace ec2mpi::cloud
