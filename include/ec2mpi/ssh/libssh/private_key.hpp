#pragma once
/// The user's private keys. No libssh type shows here.

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "ec2mpi/base/error.hpp"

namespace ec2mpi::ssh {

/// A private key in memory or in the agent; copies share it. Loaded once, used by all sessions.
class PrivateKey {
 public:
  struct Impl;
  PrivateKey(std::shared_ptr<Impl> impl, std::filesystem::path file)
      : impl_(std::move(impl)), file_(std::move(file)) {}
  [[nodiscard]] Impl& impl() const { return *impl_; }
  [[nodiscard]] const std::filesystem::path& file() const { return file_; }

 private:
  std::shared_ptr<Impl> impl_;
  std::filesystem::path file_;
};

/// Asked at most once per encrypted key; nothing means that no user can answer.
using PassphrasePrompt = std::function<std::optional<std::string>(const std::filesystem::path& key_file)>;

/// $SSH_AUTH_SOCK; empty if there is no agent.
[[nodiscard]] std::string usual_agent();

/// Reads a private key (PEM, PKCS#8 or OpenSSH form). A file that others can read is refused with the chmod
/// to type. If the file is encrypted, absent or the public key only, and the agent at this socket holds the
/// key, then the agent signs for it and no passphrase is needed. An encrypted PEM or PKCS#8 file does not
/// tell which key it holds; while the agent has any key, such a key comes back closed instead of a question
/// to `prompt`, and a login asks for the passphrase if no key of the agent lets it in. Errors: usage.
[[nodiscard]] Result<PrivateKey> load_private_key(const std::filesystem::path& file,
                                                  const PassphrasePrompt& prompt, const std::string& agent);

}  // namespace ec2mpi::ssh
