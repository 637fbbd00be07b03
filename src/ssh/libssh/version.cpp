#include "ec2mpi/ssh/libssh/version.hpp"

#include <fmt/format.h>
#include <libssh/libssh.h>
#include <algorithm>
#include <array>

#include "ec2mpi/base/file.hpp"
#include "ec2mpi/base/text.hpp"

namespace ec2mpi::ssh {

namespace {

using Version = std::array<std::uint64_t, 3>;
constexpr Version kFixed = {0, 11, 5};
constexpr Version kStillWrong = {0, 12, 0};  // a later branch, fixed in 0.12.1
/// Debian has fixed 0.10.6 without a new version number, so the package must be asked.
constexpr std::string_view kFixedPackage = "0.10.6-0+deb12u";
constexpr std::uint64_t kFixedRevision = 3;

std::string_view number_of(std::string_view version) {
  return version.substr(0, version.find('/'));  // "0.10.6/openssl/zlib"
}

/// The version of Debian's package, or "".
std::string installed_package() {
  const auto status = read_file("/var/lib/dpkg/status", 64 << 20);
  if (!status) return {};
  bool found = false;
  for (const auto line : split(*status, '\n')) {
    if (line.empty()) found = false;
    if (line == "Package: libssh-4") found = true;
    if (found && line.starts_with("Version: ")) return std::string(line.substr(9));
  }
  return {};
}

}  // namespace

bool checks_gcm_tags(std::string_view version, std::string_view package) {
  const auto parts = split(number_of(version), '.');
  Version numbers{};
  for (std::size_t i = 0; i < std::min(parts.size(), numbers.size()); ++i)
    numbers.at(i) = parse_number(parts[i]).value_or(0);
  if (numbers >= kFixed) return numbers != kStillWrong;
  return number_of(version) == "0.10.6" && package.starts_with(kFixedPackage) &&
         parse_number(package.substr(kFixedPackage.size())).value_or(0) >= kFixedRevision;
}

std::string describe_libssh() {
  const std::string_view version = ::ssh_version(0);
  const auto package = installed_package();
  return fmt::format(
      "libssh {}{}: {}", number_of(version), package.empty() ? "" : " (" + package + ")",
      checks_gcm_tags(version, package)
          ? "AES-GCM is safe"
          : "AES-GCM takes forged packets (CVE-2026-59847); update libssh to 0.11.5 or Debian's "
            "0.10.6-0+deb12u3");
}

}  // namespace ec2mpi::ssh
