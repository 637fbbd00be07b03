#pragma once
/// A session that another process of ours keeps, as if it were our own: the command's end of it.

#include <asio/any_io_executor.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "ec2mpi/ssh/transport.hpp"
#include "src/ssh/kept/socket_folder.hpp"

namespace ec2mpi::ssh {

/// A new connection to the same node, if the kept one turns out to be dead before anything was started.
using ConnectNew = std::function<awaitable<Result<std::unique_ptr<Session>>>(Limit)>;

/// The session that is kept under this name; nothing if no daemon answers at once.
[[nodiscard]] awaitable<std::unique_ptr<Session>> find_kept_session(
    std::shared_ptr<const SocketFolder> folder, std::string name, Limit limit,
    ConnectNew connect_new_session);

}  // namespace ec2mpi::ssh
