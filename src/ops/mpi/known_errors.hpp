#pragma once
/// The table of known error texts, which hints.cpp looks up. Pure.

#include <span>
#include <string_view>

namespace ec2mpi::ops {

/// One known text. A `*` in it stands for the word that the cause and the command call `{}`. A cause may name
/// `{node}`, the node that Open MPI's page or the word names, else "a node"; a command `{where}`, the "exec
/// -w 3" or "exec-all" of that node, and `{program}`, the word in front of the text.
struct KnownError {
  /// Programs of the user print words of ssh and of sockets, too (git, rsync, a database).
  enum class About {
    anything,
    launch,  ///< ssh between the nodes: only if a launcher has failed as well, or the word names a node of
             ///< the job
    node,    ///< only if the word names a node of the job
    connection,  ///< only if, besides, the next line says that this node lets no connection in, and the rank
                 ///< that failed first did not run there: its end would explain that
    page,        ///< only in a page of Open MPI's: the program of the user may print the same words
  };

  std::string_view text;
  std::string_view cause;
  std::string_view command;
  std::string_view setting = {};  ///< a setting of the user's with this in its name may cause it
  About about = About::anything;
};

inline constexpr std::string_view kAnySetting = "_";  ///< only for `setting`; of any name
inline constexpr std::string_view kDoctor = "ec2mpi doctor";

/// Causes stand above their consequences, since an output may hold both.
[[nodiscard]] std::span<const KnownError> known_errors();

}  // namespace ec2mpi::ops
