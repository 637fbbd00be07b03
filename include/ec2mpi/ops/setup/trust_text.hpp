#pragma once
/// The texts that setup puts on every node, so that the nodes trust each other by ssh. Pure.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "ec2mpi/ops/setup/peer.hpp"
#include "ec2mpi/ops/setup/survey.hpp"
#include "ec2mpi/ssh/libssh/key_pair.hpp"

namespace ec2mpi::ops {

struct TrustText {
  enum class Place {
    file,        ///< a file of ours
    block,       ///< between marks at the top of a file of the user's
    root_block,  ///< the same in a file of root's
  };
  std::string name;  ///< in Survey::states and in the scripts
  std::string path;  ///< as shown
  Place place = Place::file;
  bool secret = false;
  std::string text;  ///< whole lines
};

/// All of them, in the order of writing. For equal peers they are equal on all nodes.
[[nodiscard]] std::vector<TrustText> trust_texts(const std::vector<Peer>& peers, const ssh::KeyPair& pair);

/// Those that a node does not have as they should be. Errors: remote_io, for a block whose end is missing.
[[nodiscard]] Result<std::vector<TrustText>> missing_texts(const std::vector<TrustText>& wanted,
                                                           const std::map<std::string, std::string>& states);

/// The path, as shown, for a name in the state "modes": what others can write to, so that ssh or sshd refuses
/// it.
[[nodiscard]] std::string shown_loose_path(std::string_view name);
/// All of them.
[[nodiscard]] std::vector<std::string> loose_paths(const std::map<std::string, std::string>& states);

/// Why an sshd with these settings (lines of `sshd -T`) does not accept the key that setup has put in place,
/// and what to do; empty if no setting explains it.
[[nodiscard]] std::string sshd_refusal(std::string_view settings, const std::string& user,
                                       const std::string& home);

/// What the writing script reads from its standard input: `=text NAME`, lines with | in front, `=end BYTES`.
[[nodiscard]] std::string sectioned(const std::vector<TrustText>& texts);

}  // namespace ec2mpi::ops
