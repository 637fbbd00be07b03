#pragma once
/// The texts that setup puts on every node, so that the nodes trust each other by ssh. Pure.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/ops/setup/member.hpp"
#include "ec2mpi/ops/setup/setup_state.hpp"
#include "ec2mpi/ssh/libssh/key_pair.hpp"

namespace ec2mpi::ops {

struct TrustText {
  enum class Place {
    file,        ///< a file of ours
    block,       ///< between marks at the top of a file of the user's
    root_block,  ///< the same in a file of root's
  };
  std::string name;  ///< in SetupState::states and in the scripts
  std::string path;  ///< as shown
  Place place = Place::file;
  bool secret = false;
  std::string text;  ///< whole lines

  ~TrustText() {
    if (secret) wipe(text);
  }
};

/// It takes root to write this one.
[[nodiscard]] inline bool is_of_root(const TrustText& text) {
  return text.place == TrustText::Place::root_block;
}

/// All of them, in the order of writing. For equal members they are equal on all nodes.
[[nodiscard]] std::vector<TrustText> trust_texts(const std::vector<ClusterMember>& members,
                                                 const ssh::KeyPair& pair);

/// Those that a node does not have as they should be. Errors: remote_io, for a block whose end is missing.
[[nodiscard]] Result<std::vector<TrustText>> missing_texts(const std::vector<TrustText>& wanted,
                                                           const std::map<std::string, std::string>& states);

/// The path, as shown, for a name in the state "modes": other users can write to it, so ssh or sshd refuses
/// it.
[[nodiscard]] std::string shown_loose_path(std::string_view name);
/// All of them.
[[nodiscard]] std::vector<std::string> loose_paths(const std::map<std::string, std::string>& states);

/// A file or folder of the login user's that belongs to another user.
struct ForeignPath {
  std::string path;  ///< below ~
  std::string owner;
  std::string target = {};  ///< where the path leads as a link; empty if it is none
};
/// All of them. ssh refuses them unless the owner is root, and setup cannot keep the owner of what it
/// changes.
[[nodiscard]] std::vector<ForeignPath> foreign_paths(const std::map<std::string, std::string>& states);

/// The private addresses that the key in a node's authorized_keys lets in, whichever setup wrote it.
[[nodiscard]] std::vector<Ipv4> trusted_peers(const std::map<std::string, std::string>& states);

/// The reason why an sshd with these settings (lines of `sshd -T`, and of trust.sh) does not accept the key
/// that setup has put in place, and the fix; empty if no setting explains it.
[[nodiscard]] std::string sshd_refusal(std::string_view settings, const std::string& user,
                                       const std::string& home);

/// The standard input of trust.sh: `=text NAME`, lines with | in front, `=end BYTES`.
[[nodiscard]] std::string sectioned(const std::vector<TrustText>& texts);

}  // namespace ec2mpi::ops
