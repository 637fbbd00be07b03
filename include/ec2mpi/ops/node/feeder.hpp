#pragma once
/// Writes a program's standard input while another coroutine reads its output.

#include <asio/awaitable.hpp>
#include <memory>
#include <string>

#include "ec2mpi/base/event.hpp"
#include "ec2mpi/base/file.hpp"
#include "ec2mpi/ssh/transport.hpp"

namespace ec2mpi::ops {

class Feeder : public std::enable_shared_from_this<Feeder> {
 public:
  /// Sends `text`, then the file (a plain one, read from its start), then closes the input. `channel` is
  /// borrowed until finish() has returned.
  static std::shared_ptr<Feeder> over(const asio::any_io_executor& executor, ssh::Channel& channel,
                                      std::shared_ptr<const std::string> text,
                                      std::shared_ptr<const UniqueFd> file);
  Feeder(const asio::any_io_executor& executor, ssh::Channel& channel,
         std::shared_ptr<const std::string> text, std::shared_ptr<const UniqueFd> file)
      : channel_(channel), text_(std::move(text)), file_(std::move(file)), done_(executor) {}

  /// Sends this now, before the text and the file; at most once, and only before start().
  void answer(std::string words);

  /// Begins to send the text and the file.
  void start();

  /// Stops and waits until the channel is no longer used.
  [[nodiscard]] asio::awaitable<void> finish();

 private:
  static asio::awaitable<void> run(std::shared_ptr<Feeder> self);
  void run_once();
  asio::awaitable<void> feed(Limit limit);

  ssh::Channel& channel_;
  std::string answer_;
  std::shared_ptr<const std::string> text_;
  std::shared_ptr<const UniqueFd> file_;
  std::stop_source stop_;
  Event done_;
  bool started_ = false;
  bool running_ = false;
};

}  // namespace ec2mpi::ops
