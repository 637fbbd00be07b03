#pragma once
/// The host key of each node. A key is remembered on first sight; a changed key is never accepted.
///
/// The file is an OpenSSH known_hosts (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT) whose names are instance ids
/// where the list gives them, so that a new public address is no alarm and a reused one no trust: `i-0123…
/// ssh-ed25519 AAAA…`. Lists of names, wildcards, hashed names and @revoked are read as OpenSSH reads them.

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/base/state_folder.hpp"
#include "ec2mpi/cluster/values/node.hpp"

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

/// One line of the file.
struct KnownHost {
  int line = 0;       ///< 0: appended by this run
  std::string names;  ///< in lower case: a name, a list with commas and wildcards, or a hashed name
  HostKey key;
  bool revoked = false;
};

class HostKeys {
 public:
  /// Reads the file; a missing one is an empty one. Lines that are not understood are an error with their
  /// number, and so is a file that others could have written.
  [[nodiscard]] static Result<HostKeys> load(const std::filesystem::path& file, UnknownHostKey unknown);

  /// Judges the key that a node showed, before any credential is sent. A first sight is appended to the file
  /// at once, unless another ec2mpi has done so. Error kinds: host_key, usage, local_io.
  /// `at_least`: refuse an unknown key even if load() was told to remember it.
  [[nodiscard]] Result<void> verify(const Node& node, const HostKey& shown,
                                    UnknownHostKey at_least = UnknownHostKey::remember);

  /// For a node that has none of the known types any more.
  [[nodiscard]] Error explain_missing_type(const Node& node) const;

  /// The key types known for a node, for asking the server for one that can be compared; may be empty.
  [[nodiscard]] std::vector<std::string> known_types(const Node& node) const;
  [[nodiscard]] std::vector<HostKey> known(const Node& node) const;

 private:
  enum class Verdict { known, unknown };

  HostKeys(const std::filesystem::path& file, UnknownHostKey unknown)
      : folder_(file.parent_path()), file_(file), unknown_(unknown) {}
  [[nodiscard]] Result<void> read(std::string_view content);
  [[nodiscard]] Result<void> read_line(std::string_view line, int number);
  void add(KnownHost host);
  [[nodiscard]] std::vector<const KnownHost*> lines_for(const std::string& name) const;
  [[nodiscard]] Result<Verdict> judge(const Node& node, const HostKey& shown) const;
  [[nodiscard]] Result<void> remember(const Node& node, const HostKey& key);

  StateFolder folder_;
  std::filesystem::path file_;
  UnknownHostKey unknown_;
  std::size_t size_ = 0;  ///< of the content that was read or written
  std::multimap<std::string, KnownHost, std::less<>> by_name_;
  std::vector<KnownHost> by_pattern_;  ///< those whose names are to be tried one by one
  std::vector<KnownHost> revoked_;
};

}  // namespace ec2mpi::ssh
