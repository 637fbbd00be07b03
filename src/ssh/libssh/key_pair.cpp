#include "ec2mpi/ssh/libssh/key_pair.hpp"

#include <fmt/format.h>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "src/ssh/libssh/handles.hpp"

namespace ec2mpi::ssh {

namespace {

Result<std::string> public_part(ssh_key key) {
  char* base64 = nullptr;
  if (::ssh_pki_export_pubkey_base64(key, &base64) != SSH_OK) {
    return fail(ErrorKind::local_io, "libssh cannot write the key that it has made");
  }
  const StringHandle owned(base64);
  return fmt::format("{} {}", ::ssh_key_type_to_char(::ssh_key_type(key)), base64);
}

}  // namespace

Result<KeyPair> make_key_pair() {
  ssh_key made = nullptr;
  if (::ssh_pki_generate(SSH_KEYTYPE_ED25519, 0, &made) != SSH_OK)
    return fail(ErrorKind::local_io, "libssh cannot make a key pair");
  const KeyHandle key(made);
  char* text = nullptr;
  if (::ssh_pki_export_privkey_base64(made, nullptr, nullptr, nullptr, &text) != SSH_OK)
    return fail(ErrorKind::local_io, "libssh cannot write the key that it has made");
  const StringHandle owned(text);
  TRY_AS(public_key, public_part(made));
  // One line end, whatever libssh writes.
  return KeyPair{std::string(trim(text)) + "\n", std::move(*public_key)};
}

Result<KeyPair> parse_key_pair(std::string text, const std::filesystem::path& file) {
  ssh_key read = nullptr;
  // No passphrase and no prompt: setup has made this key without one.
  if (::ssh_pki_import_privkey_base64(text.c_str(), nullptr, nullptr, nullptr, &read) != SSH_OK) {
    return fail(ErrorKind::local_io, fmt::format("{} is not the key that ec2mpi setup has made; remove it, "
                                                 "and the next setup makes a new one",
                                                 printable(file.string())));
  }
  const KeyHandle key(read);
  TRY_AS(public_key, public_part(read));
  return KeyPair{std::move(text), std::move(*public_key)};
}

}  // namespace ec2mpi::ssh
