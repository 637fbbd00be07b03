#include "src/ssh/private_key.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <cerrno>
#include <cstring>

#include "ec2mpi/base/file.hpp"
#include "ec2mpi/base/text.hpp"

namespace ec2mpi::ssh {

namespace {

Result<void> check_mode(const std::filesystem::path& file) {
  struct stat info {};
  const auto shown = printable(file.string());
  if (::stat(file.c_str(), &info) != 0) {
    return fail(ErrorKind::usage, fmt::format("the key {} cannot be read: {}; name another one with -i",
                                              shown, std::strerror(errno)));
  }
  if (!S_ISREG(info.st_mode)) {
    return fail(ErrorKind::usage, fmt::format("{} is not a file; name your private key with -i", shown));
  }
  if ((info.st_mode & 077) != 0) {
    return fail(ErrorKind::usage, fmt::format("others can read the key {} (mode {:04o}); type: chmod 600 {}",
                                              shown, info.st_mode & 07777, quote_word(file.string())));
  }
  return {};
}

/// What a prompt needs to know, and what came of it; libssh calls back while it reads an encrypted key.
struct PromptCall {
  const PassphrasePrompt& prompt;
  const std::filesystem::path& file;
  bool asked = false;
};

int answer_prompt(const char*, char* answer, std::size_t size, int, int, void* data) {
  auto& call = *static_cast<PromptCall*>(data);
  call.asked = true;
  const auto passphrase = call.prompt ? call.prompt(call.file) : std::nullopt;
  if (!passphrase || passphrase->size() >= size) return -1;
  std::memcpy(answer, passphrase->c_str(), passphrase->size() + 1);
  return 0;
}

}  // namespace

Result<PrivateKey> load_private_key(const std::filesystem::path& file, const PassphrasePrompt& prompt) {
  if (auto checked = check_mode(file); !checked) return std::unexpected(checked.error());
  PromptCall call{prompt, file};
  ssh_key key = nullptr;
  const int loaded = ::ssh_pki_import_privkey_file(file.c_str(), nullptr, answer_prompt, &call, &key);
  if (loaded == SSH_OK) {
    return PrivateKey(std::make_shared<PrivateKey::Impl>(PrivateKey::Impl{KeyHandle(key)}), file);
  }
  const auto shown = printable(file.string());
  if (call.asked) {
    return fail(ErrorKind::usage,
                fmt::format("the key {} is encrypted and its passphrase was not given or is wrong; "
                            "or load it with ssh-add",
                            shown));
  }
  return fail(ErrorKind::usage,
              fmt::format("{} is not a private key that can be read; name the .pem file that EC2 gave "
                          "you with -i",
                          shown));
}

}  // namespace ec2mpi::ssh
