#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "ec2mpi/cluster/values/address.hpp"

namespace ec2mpi {

/// Whether a word without a dot, such as "node1", may be a host: only where the form of the list says so.
enum class BareWords { allowed, refused };

/// The machine that a word of a list names: an IP address, a name with a dot, or a bare word where these are
/// allowed. Never a file, region, zone, state, instance type, instance id, "true", nor this machine itself
/// (localhost). The error says what the word looks like.
[[nodiscard]] std::expected<HostSpec, std::string> host_of(std::string_view word, BareWords bare);

/// True for a word that stands in another column than that of names: a state, "true", "none".
[[nodiscard]] bool is_word_of_other_column(std::string_view word);

/// Why `word` is no instance id, for a message: "'i-0a1b' looks like an instance id, but has 4 digits ...".
[[nodiscard]] std::string why_no_id(std::string_view word);

}  // namespace ec2mpi
