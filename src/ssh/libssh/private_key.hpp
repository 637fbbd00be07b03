#pragma once
#include <optional>
#include <string>

#include "ec2mpi/ssh/libssh/private_key.hpp"
#include "src/ssh/libssh/handles.hpp"

namespace ec2mpi::ssh {

struct PrivateKey::Impl {
  KeyHandle key;                          ///< unset for a key that only the agent holds
  std::string public_blob;                ///< the public key in its wire form; empty for a closed key
  std::optional<Error> cannot_open = {};  ///< of a closed key for which somebody was asked
};

/// Whether the key is encrypted, and nobody knows which key of the agent it is, if any.
[[nodiscard]] bool is_closed(const PrivateKey& key);

/// Opens a closed key, for all its copies. Asks only once, also if that fails. Errors: usage.
[[nodiscard]] Result<void> open_closed_key(const PrivateKey& key, const PassphrasePrompt& prompt);

}  // namespace ec2mpi::ssh
