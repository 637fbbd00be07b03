#pragma once
/// What a node reports about itself; ec2mpi/ops/node/facts.hpp asks for it.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/cluster/values/mpi_version.hpp"

namespace ec2mpi {

/// An IPv4 address as a number in host order, so that networks are arithmetic.
struct Ipv4 {
  std::uint32_t value = 0;

  [[nodiscard]] std::string text() const;
  auto operator<=>(const Ipv4&) const = default;
};

/// Dotted decimal, four parts, no leading zeros; nothing otherwise.
[[nodiscard]] std::optional<Ipv4> parse_ipv4(std::string_view text);

/// A setting of Open MPI that is in force on a node.
struct MpiSetting {
  std::string name;   ///< "pml"
  std::string place;  ///< "FILE:LINE", or the variable, "FILE:LINE:VARIABLE" where its file was found
  std::string value;

  auto operator<=>(const MpiSetting&) const = default;
};

/// From "NAME PLACE VALUE"; nothing without a place. The texts are printable and cut at 300 bytes.
[[nodiscard]] std::optional<MpiSetting> parse_setting(std::string_view text);

struct NodeFacts {
  Ipv4 private_address;         ///< the one that sshd was reached at, as the node itself sees it
  std::vector<Ipv4> addresses;  ///< of all interfaces; may be empty where `ip` is missing
  std::string hostname;
  std::string home;                  ///< of the login user, absolute
  std::string boot_id;               ///< new with each boot; empty if the node has none
  int cores = 0;                     ///< online physical cores
  int threads = 0;                   ///< online hardware threads, what EC2 calls vCPUs
  std::string mpirun;                ///< absolute path; empty if there is none
  std::optional<MpiVersion> mpi;     ///< nothing if mpirun is missing or says something unknown
  std::string mpi_error;             ///< the first words of that mpirun in place of a version; printable
  std::string python3;               ///< absolute path; empty if there is none
  bool mpi4py = false;               ///< that python3 can import it
  bool has_settings = false;         ///< Open MPI has settings there beside those of its distribution
  std::vector<MpiSetting> settings;  ///< of Open MPI, in force there, on which the nodes of a job must agree
  bool efa = false;                  ///< an Elastic Fabric Adapter or other RDMA device is there

  bool operator==(const NodeFacts&) const = default;
};

/// Reads what the facts script printed. Text before its first line is a login script's greeting and is
/// skipped; behind it every line counts: an unknown, repeated, missing or unlikely fact is an error of kind
/// remote_io, for the text comes from a machine that may be anything.
[[nodiscard]] Result<NodeFacts> parse_facts(std::string_view printed);

/// The first and last line of the script's output.
inline constexpr std::string_view kFactsBegin = "ec2mpi-facts 1";
inline constexpr std::string_view kFactsEnd = "ec2mpi-facts end";

}  // namespace ec2mpi
