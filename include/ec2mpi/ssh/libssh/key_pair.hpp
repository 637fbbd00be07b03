#pragma once
/// A pair of keys for the nodes among themselves.

#include <filesystem>
#include <string>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/base/text.hpp"

namespace ec2mpi::ssh {

struct KeyPair {
  std::string private_text;  ///< in OpenSSH's own form, without a passphrase; ends in a line feed
  std::string public_key;    ///< "ssh-ed25519 AAAA…", without a comment

  ~KeyPair() { wipe(private_text); }
};

/// A fresh ed25519 pair. Errors: local_io if the random source or libssh fails.
[[nodiscard]] Result<KeyPair> make_key_pair();

/// Reads a private key that make_key_pair made; `file` is where it stands. Errors: local_io.
[[nodiscard]] Result<KeyPair> parse_key_pair(std::string text, const std::filesystem::path& file);

}  // namespace ec2mpi::ssh
