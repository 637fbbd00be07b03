#pragma once
/// Where the keys come from: the environment, the profile's own keys, its credential_process, the aws command
/// for everything else that a profile can name, and last the metadata service of an EC2 instance.

#include <asio/awaitable.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "ec2mpi/cloud/settings.hpp"
#include "src/cloud/http.hpp"

namespace ec2mpi::cloud {

/// Reads the JSON of a credential_process or of the metadata service; nothing if it is not that. No message
/// ever quotes the text, because it has a secret in it.
[[nodiscard]] std::optional<Credentials> parse_credentials(std::string_view text);

class CredentialSource {
 public:
  CredentialSource(CloudSettings settings, Environment environment, HttpSender& http)
      : settings_(std::move(settings)), environment_(std::move(environment)), http_(http) {}

  /// The credentials: looked for at the first call, and again five minutes before they expire. Errors: usage,
  /// with the next step.
  [[nodiscard]] asio::awaitable<Result<Credentials>> get(Limit limit);
  /// EC2 says that they have ended: the next get() looks for new ones.
  void forget() { known_.reset(); }

 private:
  asio::awaitable<Result<Credentials>> find(Limit limit);
  asio::awaitable<Result<Credentials>> from_command(std::string command, std::string what, Limit limit);
  asio::awaitable<Result<Credentials>> from_metadata(Limit limit);
  asio::awaitable<Result<std::string>> ask_metadata(std::string path, std::string token, Limit limit);

  CloudSettings settings_;
  Environment environment_;
  HttpSender& http_;
  std::optional<Credentials> known_;
};

}  // namespace ec2mpi::cloud
