#pragma once
/// A program on a node over a connection that another process keeps.

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "ec2mpi/ssh/transport.hpp"
#include "src/ssh/kept/frame_socket.hpp"

namespace ec2mpi::ssh {

class KeptChannel : public Channel {
 public:
  /// Over a socket on which the request has been answered by FrameType::started.
  explicit KeptChannel(std::shared_ptr<FrameSocket> socket) : socket_(std::move(socket)) {}
  ~KeptChannel() override { socket_->close(); }

  Result<ExitStatus> exit_status() const override;
  void close_input() override { socket_->send(FrameType::end_of_input); }
  void signal(const std::string& name) override { socket_->send(FrameType::signal, name); }
  void resize(int columns, int rows) override;

 private:
  awaitable<Result<std::optional<Chunk>>> receive(Limit limit) override;
  awaitable<Result<void>> send(std::string_view bytes, Limit limit) override;
  void look();
  void take(const Frame& frame);
  /// For a frame that can't be understood.
  void give_up();
  [[nodiscard]] std::optional<Error> no_more_input() const;

  std::shared_ptr<FrameSocket> socket_;
  std::deque<std::pair<Stream, std::string>> come_;
  std::size_t come_bytes_ = 0;
  std::string held_;  ///< the bytes of the last Chunk
  std::size_t credit_ = kCredit;
  std::optional<Error> input_over_;
  std::optional<ExitStatus> exited_;
  std::optional<Error> broken_;
};

}  // namespace ec2mpi::ssh
