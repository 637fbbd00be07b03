#include "src/ssh/libssh/key_forms.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pkcs12.h>
#include <memory>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/utf8.hpp"

namespace ec2mpi::ssh {

namespace {

/// "the reply of ...; make a key of it: (umask 077; jq ... e.pem > e-key.pem), then -i e-key.pem". The
/// command leaves the file as it is, for it may be the only one.
std::string convert(std::string_view kind, const std::filesystem::path& file, std::string_view command,
                    std::string_view behind_file = "") {
  auto made = file;
  made.replace_filename(file.stem().string() + "-key.pem");
  const auto to = quote_word(made.string());
  return fmt::format("{}; make a key of it: (umask 077; {} {}{} > {}), then say -i {}", kind, command,
                     quote_word(file.string()), behind_file, to, to);
}

bool has_text(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

bool holds_key_in_utf16(std::string_view content, std::size_t low_byte) {
  return has_text(utf8_from_utf16(content, low_byte).value_or(""), "PRIVATE KEY");
}

template <auto kFree>
struct Free {
  void operator()(auto* made) const { kFree(made); }
};

/// Which of openssl's binary forms of a private key this is, with the command that makes PEM of it; nothing
/// if it is none.
std::optional<std::string> binary_key(std::string_view content, const std::filesystem::path& file) {
  const auto read = [&](auto read_form) {
    const auto* at = reinterpret_cast<const unsigned char*>(content.data());
    return read_form(nullptr, &at, static_cast<long>(content.size()));
  };
  if (const std::unique_ptr<PKCS12, Free<::PKCS12_free>> made(read(::d2i_PKCS12)); made)
    return convert("a PKCS#12 file", file, "openssl pkcs12 -nocerts -nodes -in");
  const std::unique_ptr<EVP_PKEY, Free<::EVP_PKEY_free>> plain(read(::d2i_AutoPrivateKey));
  const std::unique_ptr<X509_SIG, Free<::X509_SIG_free>> encrypted(plain ? nullptr : read(::d2i_X509_SIG));
  ::ERR_clear_error();
  if (plain || encrypted) return convert("a key in DER", file, "openssl pkey -inform DER -in");
  return std::nullopt;
}

}  // namespace

std::optional<std::string> other_than_private_key(std::string_view content,
                                                  const std::filesystem::path& file) {
  const auto start = trim(content);
  const auto first_line = start.substr(0, start.find_first_of("\r\n"));
  const auto begins = [&](std::string_view words) { return first_line.starts_with(words); };
  const auto low_byte = low_byte_of_utf16(content);
  if (low_byte && holds_key_in_utf16(content, *low_byte)) {
    // iconv takes the order of the bytes from the mark, if there is one.
    const bool mark = content.starts_with("\xFF\xFE") || content.starts_with("\xFE\xFF");
    const auto* form = mark ? "UTF-16" : *low_byte == 0 ? "UTF-16LE" : "UTF-16BE";
    return convert("text in UTF-16", file, fmt::format("iconv -f {} -t UTF-8", form));
  }
  if (begins("PuTTY-User-Key-File")) {
    return fmt::format("a key of PuTTY; convert it: puttygen {} -O private-openssh -o key.pem",
                       quote_word(file.string()));
  }
  if (has_text(first_line, "BEGIN CERTIFICATE") || has_text(first_line, "-cert-v01@openssh.com "))
    return "a certificate; name the private key that belongs to it";
  if (begins("ssh-") || begins("ecdsa-sha2-") || begins("sk-") || has_text(first_line, "PUBLIC KEY"))
    return "a public key; name the private one, whose file has no .pub at its end, or ssh-add that one";
  // So begins base64 of "-----BEGIN".
  if (begins("LS0tLS1CRUdJT")) return convert("a key in base64", file, "base64 -d");
  // A private key has a line "-----BEGIN ... PRIVATE KEY-----", behind comments if there are any.
  if (has_text(content, "PRIVATE KEY")) return std::nullopt;
  // Only then: openssl takes some milliseconds to try its forms, and most commands load a key.
  if (auto binary = binary_key(content, file)) return binary;
  return "not a private key; name the .pem file that EC2 gave you with -i";
}

std::string why_unreadable(std::string_view content, const std::filesystem::path& file) {
  const auto text = trim(content);
  const auto begin = text.find("-----BEGIN ");
  const auto end = text.find("-----END ", begin);
  if (text.starts_with('{') && has_text(text, "\"KeyMaterial\""))
    return convert("the reply of `aws ec2 create-key-pair`", file, "jq -r .KeyMaterial");
  if (text.starts_with('{') || text.starts_with('['))
    return convert("JSON that holds a key", file, "jq -r '..|strings|select(test(\"PRIVATE KEY\"))'");
  if (text.starts_with("\"-----BEGIN")) return convert("a key in JSON's quotes", file, "jq -r .");
  if (begin != text.npos && end == text.npos) {
    return "not a private key that can be read: its END line is missing; copy the whole key again";
  }
  if (begin != text.npos && has_text(text.substr(begin, end - begin), "\\n"))
    return convert("a key with '\\n' in place of line ends", file, "printf '%b\\n' \"$(cat", ")\"");
  if (begin != text.npos && !has_text(text.substr(begin, end - begin), "\n")) {
    // The blanks in the first and the last line stay; base64 has 64 letters a line.
    return convert("a key without line ends", file, R"(awk '{gsub(/-----[A-Z ]+-----/,"\n&\n")}1')",
                   " | sed '/-----/!s/[[:blank:]]//g' | fold -w 64 | grep .");
  }
  if (begin != text.npos && (has_text(content, "\n ") || has_text(content, "\n\t")))
    return convert("a key with blanks at the start of its lines", file, "sed 's/^[[:blank:]]*//'");
  return "not a private key that can be read; name the .pem file that EC2 gave you with -i";
}

}  // namespace ec2mpi::ssh
