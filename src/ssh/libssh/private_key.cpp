#include "ec2mpi/ssh/libssh/private_key.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "ec2mpi/base/file.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "src/ssh/libssh/agent.hpp"
#include "src/ssh/libssh/key_forms.hpp"
#include "src/ssh/libssh/private_key.hpp"
#include "src/ssh/libssh/wire.hpp"

namespace ec2mpi::ssh {

namespace {

constexpr std::size_t kLargestKey = 64 * 1024;

/// As ssh does, refuses a key that others can read; libssh does not look at the mode.
Result<void> check_key_file(const std::filesystem::path& file) {
  struct stat info {};
  const auto shown = printable(file.string());
  if (::stat(file.c_str(), &info) != 0) {
    return fail(ErrorKind::usage, fmt::format("the key {} cannot be read: {}; name another one with -i",
                                              shown, std::strerror(errno)));
  }
  if (!S_ISREG(info.st_mode)) {
    return fail(ErrorKind::usage, fmt::format("{} is not a file; name your private key with -i", shown));
  }
  const auto content = read_file(file, kLargestKey);
  if (const auto kind = content ? other_than_private_key(*content, file) : std::nullopt)
    return fail(ErrorKind::usage, fmt::format("{} is {}", shown, *kind));
  if ((info.st_mode & 077) != 0) {
    return fail(ErrorKind::usage, fmt::format("others can read the key {} (mode {:04o}); type: chmod 600 {}",
                                              shown, info.st_mode & 07777, quote_word(file.string())));
  }
  return {};
}

/// The arguments and the result of a prompt; libssh calls back while it reads an encrypted key.
struct PromptCall {
  const PassphrasePrompt& prompt;
  const std::filesystem::path& file;
  bool asked = false;
};

/// As libssh wants it: 0 and the passphrase in `answer`, or -1 if there is none.
int answer_prompt(const char*, char* answer, std::size_t size, int, int, void* data) {
  auto& call = *static_cast<PromptCall*>(data);
  call.asked = true;
  auto passphrase = call.prompt ? call.prompt(call.file) : std::nullopt;
  if (!passphrase) return -1;
  const bool fits = passphrase->size() < size;
  if (fits) std::memcpy(answer, passphrase->c_str(), passphrase->size() + 1);
  wipe(*passphrase);
  return fits ? 0 : -1;
}

}  // namespace

namespace {

std::optional<std::string> decode_base64(std::string_view text) {
  std::string packed;
  for (const char c : text)
    if (c != '\n' && c != '\r' && c != ' ') packed += c;
  std::string bytes(packed.size() / 4 * 3 + 3, '\0');
  const int size = ::EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                     reinterpret_cast<const unsigned char*>(packed.data()),
                                     static_cast<int>(packed.size()));
  // EVP_DecodeBlock counts the padding as bytes.
  const auto padding = packed.size() - std::min(packed.find_last_not_of('=') + 1, packed.size());
  if (size < 0 || padding > 2 || static_cast<std::size_t>(size) < padding) return std::nullopt;
  bytes.resize(static_cast<std::size_t>(size) - padding);
  return bytes;
}

/// The public key of a file in OpenSSH's own form (PROTOCOL.key), where it stands unencrypted.
std::optional<std::string> public_part_of_openssh(std::string_view text) {
  constexpr std::string_view kBegin = "-----BEGIN OPENSSH PRIVATE KEY-----";
  constexpr std::string_view kMagic("openssh-key-v1\0", 15);
  const auto begin = text.find(kBegin);
  if (begin == std::string_view::npos) return std::nullopt;
  text.remove_prefix(begin + kBegin.size());
  const auto bytes = decode_base64(text.substr(0, text.find("-----END")));
  if (!bytes || !bytes->starts_with(kMagic)) return std::nullopt;
  WireReader reader(std::string_view(*bytes).substr(kMagic.size()));
  const auto cipher = reader.text();
  reader.text();  // the key derivation function
  reader.text();  // and its options
  reader.number();
  const auto key = reader.text();
  // A key without a cipher is not encrypted, and can be read itself.
  if (!cipher || *cipher == "none" || !key) return std::nullopt;
  return std::string(*key);
}

/// "TYPE BASE64 COMMENT".
std::optional<std::string> public_key_in(std::string_view text) {
  const auto fields = words(text);
  if (fields.size() < 2 || !fields[1].starts_with("AAAA")) return std::nullopt;
  return decode_base64(fields[1]);
}

/// A private key that this program cannot read itself.
struct UnreadableKey {
  std::optional<std::string> public_blob;  ///< unset: the agent's comment may name the file
  bool public_half_only = false;
};

/// Nothing for a private key that is there and not encrypted.
std::optional<UnreadableKey> unreadable_key(const std::filesystem::path& file) {
  const auto beside = read_file(file.string() + ".pub", kLargestKey);
  const auto public_beside = beside ? public_key_in(*beside) : std::nullopt;
  const auto text = read_file(file, kLargestKey);
  // Only the public half is here: the agent or a hardware key has the other one.
  if (!text) return public_beside ? std::optional(UnreadableKey{public_beside, true}) : std::nullopt;
  if (auto key = public_key_in(*text)) return UnreadableKey{std::move(key), true};
  if (auto key = public_part_of_openssh(*text)) return UnreadableKey{std::move(key)};
  const bool encrypted_pem = text->find("Proc-Type: 4,ENCRYPTED") != std::string::npos ||
                             text->find("BEGIN ENCRYPTED PRIVATE KEY") != std::string::npos;
  return encrypted_pem ? std::optional(UnreadableKey{public_beside}) : std::nullopt;
}

PrivateKey without_private_half(const std::filesystem::path& file, std::string public_blob) {
  return {std::make_shared<PrivateKey::Impl>(PrivateKey::Impl{nullptr, std::move(public_blob)}), file};
}

/// The same key, if the agent holds it.
std::optional<PrivateKey> key_among(const std::vector<AgentKey>& all_held, const UnreadableKey& wanted,
                                    const std::filesystem::path& file) {
  for (const auto& held : all_held) {
    // ssh-add gives a key that has no comment the name of its file.
    const bool same = wanted.public_blob ? held.blob == *wanted.public_blob
                                         : held.comment == file.string() ||
                                               held.comment == std::filesystem::absolute(file).string();
    if (same) return without_private_half(file, held.blob);
  }
  return std::nullopt;
}

std::string public_blob_of(ssh_key key) {
  char* encoded = nullptr;
  if (::ssh_pki_export_pubkey_base64(key, &encoded) != SSH_OK) return {};
  const StringHandle base64(encoded);
  return decode_base64(encoded).value_or("");
}

}  // namespace

std::string usual_agent() {
  const char* socket = std::getenv("SSH_AUTH_SOCK");
  return socket == nullptr ? "" : socket;
}

namespace {

/// From the file alone. A prompt that answers nothing makes an error of an encrypted key.
Result<PrivateKey::Impl> read_private_key(const std::filesystem::path& file, const PassphrasePrompt& prompt) {
  PromptCall call{prompt, file};
  ssh_key key = nullptr;
  const int loaded = ::ssh_pki_import_privkey_file(file.c_str(), nullptr, answer_prompt, &call, &key);
  if (loaded == SSH_OK) return PrivateKey::Impl{KeyHandle(key), public_blob_of(key)};
  const auto shown = printable(file.string());
  // libssh gives the same error for a wrong passphrase and for no key at all.
  if (call.asked) {
    return fail(ErrorKind::usage,
                fmt::format("the key {} is encrypted and its passphrase was not given or is wrong; "
                            "or load it with ssh-add",
                            shown));
  }
  const auto content = read_file(file, kLargestKey).value_or("");
  return fail(ErrorKind::usage, fmt::format("{} is {}", shown, why_unreadable(content, file)));
}

}  // namespace

bool is_closed(const PrivateKey& key) {
  return key.impl().public_blob.empty();
}

Result<void> open_closed_key(const PrivateKey& key, const PassphrasePrompt& prompt) {
  auto& impl = key.impl();
  if (!is_closed(key)) return {};
  if (impl.cannot_open) return std::unexpected(*impl.cannot_open);
  auto opened = read_private_key(key.file(), prompt);
  if (opened)
    impl = std::move(*opened);
  else
    impl.cannot_open = opened.error();
  return opened ? Result<void>{} : std::unexpected(opened.error());
}

Result<PrivateKey> load_private_key(const std::filesystem::path& file, const PassphrasePrompt& prompt,
                                    const std::string& agent) {
  // The agent comes first: a key that it holds needs no passphrase.
  const auto unreadable = agent.empty() ? std::nullopt : unreadable_key(file);
  const auto held = unreadable ? keys_in_agent(agent) : std::nullopt;
  if (held) {
    if (auto same = key_among(*held, *unreadable, file)) return std::move(*same);
  }
  const bool silent_agent = unreadable && !held;
  if (silent_agent && unreadable->public_half_only) {
    return fail(ErrorKind::usage,
                fmt::format("only the public half of the key {} is here, and the agent at {}, which may hold "
                            "the private one, does not answer (ssh-add -l); start it anew, or name the "
                            "private key with -i",
                            printable(file.string()), printable(agent)));
  }
  TRY(check_key_file(file));
  if (prompt && held && !held->empty() && !unreadable->public_blob) return without_private_half(file, "");
  auto key = read_private_key(file, prompt);
  if (!key && silent_agent)
    key.error().message +=
        fmt::format(", and the agent at {} does not answer (ssh-add -l)", printable(agent));
  if (!key) return std::unexpected(key.error());
  return PrivateKey(std::make_shared<PrivateKey::Impl>(std::move(*key)), file);
}

}  // namespace ec2mpi::ssh
