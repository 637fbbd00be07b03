#include "ec2mpi/ssh/known_host_names.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <algorithm>
#include <optional>
#include <string>

#include "ec2mpi/base/text.hpp"

namespace ec2mpi::ssh {

namespace {

/// HMAC-SHA1 of the name with a salt as its key: the only hash that known_hosts knows.
constexpr std::string_view kHashMark = "|1|";
constexpr std::size_t kSha1Bytes = 20;

/// 20 bytes that stand in base64.
std::optional<std::string> decode_sha1(std::string_view base64) {
  constexpr std::size_t kBase64Characters = 28;
  if (base64.size() != kBase64Characters || !base64.ends_with('=')) return std::nullopt;
  std::string bytes(kBase64Characters / 4 * 3, '\0');
  const int size = ::EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                     reinterpret_cast<const unsigned char*>(base64.data()),
                                     static_cast<int>(base64.size()));
  if (size < 0) return std::nullopt;
  bytes.resize(kSha1Bytes);
  return bytes;
}

struct HashedName {
  std::string salt;
  std::string digest;
};

std::optional<HashedName> parse_hashed(std::string_view names) {
  const auto parts = split(names.substr(kHashMark.size()), '|');
  if (parts.size() != 2) return std::nullopt;
  auto salt = decode_sha1(parts[0]);
  auto digest = decode_sha1(parts[1]);
  if (!salt || !digest) return std::nullopt;
  return HashedName{std::move(*salt), std::move(*digest)};
}

/// Compares the digests; the name itself cannot be read from the line.
bool hashed_names_host(std::string_view names, std::string_view host) {
  const auto hashed = parse_hashed(names);
  std::string digest(EVP_MAX_MD_SIZE, '\0');
  unsigned size = 0;
  return hashed &&
         ::HMAC(::EVP_sha1(), hashed->salt.data(), static_cast<int>(hashed->salt.size()),
                reinterpret_cast<const unsigned char*>(host.data()), host.size(),
                reinterpret_cast<unsigned char*>(digest.data()), &size) != nullptr &&
         std::string_view(digest).substr(0, size) == hashed->digest;
}

/// `*` is any text, `?` any character; brackets are themselves, for they hold addresses.
bool matches_wildcards(std::string_view pattern, std::string_view host) {
  std::size_t at = 0;
  std::size_t in = 0;
  std::size_t star = std::string_view::npos;
  std::size_t resume = 0;
  while (in < host.size()) {
    if (at < pattern.size() && pattern[at] == '*') {
      star = at++;
      resume = in;
    } else if (at < pattern.size() && (pattern[at] == '?' || pattern[at] == host[in])) {
      ++at;
      ++in;
      // Back to the last '*', which now takes one character more. A loop over one
      // '*' is enough, and a hostile pattern cannot make it recursive.
    } else if (star != std::string_view::npos) {
      at = star + 1;
      in = ++resume;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', at) == std::string_view::npos;
}

}  // namespace

bool are_host_names(std::string_view names) {
  // A name with zeros in front, as a crash leaves them in a file, would be another host's.
  if (!std::ranges::all_of(names, [](char c) { return c > ' ' && c <= '~'; })) return false;
  return names.starts_with(kHashMark) ? parse_hashed(names).has_value() : names.find('|') == names.npos;
}

bool is_plain_host_name(std::string_view names) {
  return names.find_first_of("|,*?!") == std::string_view::npos;
}

bool names_host(std::string_view names, std::string_view host) {
  if (names.starts_with(kHashMark)) return hashed_names_host(names, host);
  bool named = false;
  for (auto pattern : split(names, ',')) {
    const bool excludes = pattern.starts_with('!');
    if (!matches_wildcards(pattern.substr(excludes ? 1 : 0), host)) continue;
    // A negated match wins over all other patterns of the line, as sshd(8) says.
    if (excludes) return false;
    named = true;
  }
  return named;
}

}  // namespace ec2mpi::ssh
