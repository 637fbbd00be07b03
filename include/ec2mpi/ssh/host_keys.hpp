#pragma once
/// Which host key belongs to which node. Remembered on first sight; a changed key is never accepted.
///
/// The file is an OpenSSH known_hosts (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT) whose names are instance ids
/// where the list gives them, so that a new public address is no alarm and a reused one no trust: `i-0123…
/// ssh-ed25519 AAAA…`.

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/cluster/node.hpp"

namespace ec2mpi::ssh {

struct HostKey {
  std::string type;    ///< "ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa"
  std::string base64;  ///< the public key's wire form
  bool operator==(const HostKey&) const = default;
};

/// The name under which a node's key is kept: its instance id, else address or [address]:port as OpenSSH
/// writes it.
[[nodiscard]] std::string host_key_name(const Node& node);

/// How to treat a node whose key is not known yet.
enum class UnknownHostKey { remember, refuse };

class HostKeys {
 public:
  /// Reads the file; a missing one is an empty one. Lines that are not understood are an error with their
  /// number.
  [[nodiscard]] static Result<HostKeys> load(std::filesystem::path file, UnknownHostKey unknown);

  /// Judges the key that a node showed, before any credential is sent. A first sight is appended to the file
  /// at once. Error kinds: host_key, local_io.
  [[nodiscard]] Result<void> verify(const Node& node, const HostKey& shown);

  /// The key types known for a node, for asking the server for one that can be compared; may be empty.
  [[nodiscard]] std::vector<std::string> known_types(const Node& node) const;
  [[nodiscard]] std::vector<HostKey> known(const Node& node) const;

 private:
  HostKeys(std::filesystem::path file, UnknownHostKey unknown) : file_(std::move(file)), unknown_(unknown) {}
  [[nodiscard]] Result<void> remember(const std::string& name, const HostKey& key);

  std::filesystem::path file_;
  UnknownHostKey unknown_;
  std::multimap<std::string, HostKey> keys_;
};

}  // namespace ec2mpi::ssh
