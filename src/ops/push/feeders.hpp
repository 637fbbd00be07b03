#pragma once
/// Which node gets the archive from which: the one rule of the relay. Pure.
///
/// Every node that feeds others holds the archive in a file, and a node can continue at any offset from any
/// node that has more bytes. So one remedy fits a feeder that is lost, frozen, full or slow, or that cannot
/// reach its child: the child gets another feeder, from its offset. The laptop is the last feeder of all.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <vector>

namespace ec2mpi::ops {

enum class NodePhase : std::uint8_t {
  joining,     ///< its script cannot receive yet
  waiting,     ///< for a feeder
  receiving,   ///< from its feeder
  moving,      ///< its old feeder is being stopped; `feeder` is the next one
  committing,  ///< it has the whole archive
  done,        ///< and every file is in its place
  failed,
};

/// The laptop, as a feeder.
inline constexpr std::size_t kLaptop = static_cast<std::size_t>(-1);

struct NodeState {
  NodePhase phase = NodePhase::waiting;
  std::uint64_t offset = 0;                ///< bytes that have arrived, as far as is known
  std::uint64_t earlier = 0;               ///< the same, kStill ago
  std::chrono::milliseconds still{};       ///< since the offset last grew
  std::chrono::milliseconds fed{};         ///< since it got its feeder
  std::optional<std::size_t> feeder = {};  ///< a node or the laptop
  bool stores = true;                      ///< holds the archive, so that it can feed others
  std::set<std::size_t> unreachable = {};  ///< feeders that could not reach this node
};

struct FeederRules {
  /// A node that no other node can feed gets its bytes from the laptop, beside the one that always does.
  bool laptop_serves_all = true;
  /// The upload is slow: try a second one, to another node; the faster one of both continues.
  bool try_second_upload = false;
};

struct Repoint {
  std::size_t node = 0;
  std::size_t feeder = kLaptop;
  bool operator==(const Repoint&) const = default;
};

inline constexpr std::size_t kMostChildren = 4;
/// The same for nodes whose feeder was lost: they must not wait.
inline constexpr std::size_t kMostInTrouble = 8;
/// A link that does not advance for this time counts as dead if another feeder has more.
inline constexpr std::chrono::seconds kStill{3};
/// The same for an upload: over a slow uplink that many nodes share, its bytes come in bursts.
inline constexpr std::chrono::seconds kDeadUpload{10};
/// A new feeder has this long to show how fast it is.
inline constexpr std::chrono::seconds kTimeToSettle{5};
/// Bytes that may be on their way in ssh and in the kernel.
inline constexpr std::uint64_t kOnItsWay = 4'000'000;

/// The feeders to change now. Looked at once a second, and when a node's phase changes. A node that waits
/// gets a feeder. A node that receives gets another one if it stands still while another feeder has more, or
/// if its feeder has fallen behind another one. The laptop feeds one node; another one only if no node can,
/// or to find a faster way.
[[nodiscard]] std::vector<Repoint> next_feeders(const std::vector<NodeState>& nodes,
                                                const FeederRules& rules);

/// Whether the next node of a push must hold the archive: so that the nodes to come have places, and that one
/// feeder more than needed is there.
[[nodiscard]] bool must_store(const std::vector<NodeState>& nodes, std::size_t to_come);

}  // namespace ec2mpi::ops
