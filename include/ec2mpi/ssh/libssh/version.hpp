#pragma once
/// The version of libssh, and what it means for the safety of connections.

#include <string>
#include <string_view>

namespace ec2mpi::ssh {

/// Whether libssh checks the tag of packets in AES-GCM; older ones take forged packets (CVE-2026-59847).
/// `version`: as ssh_version() gives it. `package`: the version of Debian's package, whose revision may have
/// the fix, or empty. Pure.
[[nodiscard]] bool checks_gcm_tags(std::string_view version, std::string_view package);

/// "libssh 0.10.6 (0.10.6-0+deb12u3): AES-GCM is safe".
[[nodiscard]] std::string describe_libssh();

}  // namespace ec2mpi::ssh
