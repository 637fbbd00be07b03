#pragma once
/// The list of instances as commands on instances read and change it, and the locks for that.

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "ec2mpi/base/file.hpp"
#include "ec2mpi/base/state_folder.hpp"
#include "ec2mpi/cloud/ec2.hpp"
#include "ec2mpi/cluster/values/node.hpp"

namespace ec2mpi::cli {

/// An instance list as it was at one moment.
struct ListedInstances {
  std::filesystem::path file;
  StateFolder state;
  std::vector<Node> nodes;      ///< all with an id, in the list's order, whatever their state
  bool may_be_written = false;  ///< a table of EC2's answers would lose nothing of it
  bool has_public_addresses = true;
  /// Ids of nodes whose number was another instance's in the last command.
  std::vector<std::string> renumbered = {};
};

/// Errors: those of the list and of the state folder.
[[nodiscard]] Result<ListedInstances> read_listed(const std::filesystem::path& file);

/// A list of ended instances may be replaced, and no other. Errors: usage.
[[nodiscard]] Result<void> refuse_list_in_use(const std::filesystem::path& list);

/// For the whole time of a launch: two that replace instances would each start new ones for the same old
/// ones. Other commands may write the list meanwhile. Errors: usage, if another launch has it.
[[nodiscard]] Result<UniqueFd> lock_for_launch(const std::filesystem::path& list);
/// Whether another ec2mpi has started instances that it may still write into the list.
[[nodiscard]] bool is_launch_at_work(const ListedInstances& list);

/// A new instance of the list. It takes the line and the name of the one that it replaces, or a line at the
/// end.
struct Newcomer {
  std::string id;
  std::string replaced = {};  ///< an id, or empty
};

enum class EndedLines { stay, go };

/// The part of a list for which one command answers.
struct ListChange {
  std::vector<std::string> own = {};  ///< ids of the instances that it has changed
  std::vector<Newcomer> newcomers = {};
  EndedLines ended = EndedLines::stay;  ///< lines of ended instances may go, unless all have ended
};

struct ListWritten {
  std::string text;                   ///< the new list
  std::filesystem::path before = {};  ///< the copy of a list that was the user's own; or empty
  bool written = false;               ///< not if the file has more than a table of instances
  bool changed = false;               ///< not if the file had this text already
};

/// Reads the list anew and writes it, while no other ec2mpi can do that. `known`: the instances as EC2 had
/// them after `seen` was read. Errors: those of the files; usage, if newcomers cannot be written.
[[nodiscard]] Result<ListWritten> change_list(const ListedInstances& seen, const ListChange& change,
                                              const std::vector<cloud::Instance>& known);
[[nodiscard]] std::unexpected<Error> refuse_to_write(const std::filesystem::path& list);

/// The list of a new cluster. Errors: usage, if there is a list in use by now.
[[nodiscard]] Result<void> write_new_list(const std::filesystem::path& list, std::string_view text);

}  // namespace ec2mpi::cli
