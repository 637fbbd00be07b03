#pragma once
/// Running one program on one node: the building block of every verb.

#include <asio/awaitable.hpp>
#include <functional>
#include <string>
#include <string_view>

#include "ec2mpi/base/limit.hpp"
#include "ec2mpi/fleet/fleet.hpp"
#include "ec2mpi/ops/node/remote_program.hpp"
#include "ec2mpi/ssh/transport.hpp"

namespace ec2mpi::ops {

/// Takes the output of a program as it arrives.
using ChunkSink = std::function<void(const ssh::Chunk&)>;

/// Reads a channel to its end. Before the sink gets a chunk, the observer may hold it and the reading back.
[[nodiscard]] asio::awaitable<Result<ssh::ExitStatus>> read_to_end(ssh::Channel& channel, Limit limit,
                                                                   ChunkSink sink, Observer& observer);

/// Writes to a program that may have ended by itself, which is no error here: its output and its status,
/// which the caller reads next, say why.
[[nodiscard]] asio::awaitable<Result<void>> offer_input(ssh::Channel& channel, std::string_view bytes,
                                                        Limit limit);

/// What a short program printed, and how it ended.
struct Captured {
  ssh::ExitStatus status;
  std::string out;
  std::string err;
};

/// Runs a program, text for POSIX sh, that prints little (at most 1 MiB a stream, else an error of kind
/// remote_io). Input costs a round trip, for it is held back until the program has begun; and it stands in no
/// command line.
[[nodiscard]] asio::awaitable<Result<Captured>> capture(ssh::Session& session, std::string command,
                                                        Limit limit, std::string input = {},
                                                        Environment environment = Environment::clean);

}  // namespace ec2mpi::ops
