#pragma once
/// The process that stays behind with connections, and lets later commands use them.

#include <sys/types.h>
#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <chrono>
#include <filesystem>
#include <memory>
#include <vector>

#include "ec2mpi/ssh/kept/reusing_connector.hpp"

namespace ec2mpi::ssh {

class Daemon {
 public:
  virtual ~Daemon() = default;
  /// Lets commands use the sessions, until none has been used for the idle time, all are dead, `stop` is
  /// requested, or a command calls end_daemons. The sockets' names are gone then.
  [[nodiscard]] virtual asio::awaitable<void> serve(std::stop_token stop) = 0;
};

/// Makes the sockets, so that the next command finds them; a daemon that had their names before loses them.
/// Sessions that are dead already are left out; nothing if none is left. Errors: local_io, usage.
[[nodiscard]] Result<std::unique_ptr<Daemon>> make_daemon(const asio::any_io_executor& executor,
                                                          const std::filesystem::path& folder,
                                                          const SessionsToKeep& to_keep,
                                                          std::chrono::nanoseconds idle);

struct DaemonsEnd {
  std::size_t ended = 0;     ///< connections that are no longer kept
  std::vector<pid_t> stuck;  ///< processes that keep some and do not answer
};

/// Ends all daemons of a folder, and the programs that run over their connections. An Error: the folder is
/// not to be trusted, and no daemon was asked.
[[nodiscard]] asio::awaitable<Result<DaemonsEnd>> end_daemons(std::filesystem::path folder);

}  // namespace ec2mpi::ssh
