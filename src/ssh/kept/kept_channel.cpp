#include "src/ssh/kept/kept_channel.hpp"

#include <algorithm>

#include "ec2mpi/base/text.hpp"

namespace ec2mpi::ssh {

awaitable<Result<std::optional<Chunk>>> KeptChannel::receive(Limit limit) {
  for (;;) {
    look();
    if (!come_.empty()) {
      const auto stream = come_.front().first;
      // The chunk points into `held_`, which stays until the next call.
      held_ = std::move(come_.front().second);
      come_.pop_front();
      come_bytes_ -= held_.size();
      // Credit goes back when the caller takes the bytes: a slow reader slows the node down.
      socket_->send(FrameType::taken, number_text(static_cast<std::uint32_t>(held_.size())));
      co_return Chunk{stream, held_};
    }
    // Behind the output: the daemon sends the status when it has sent all of it.
    if (exited_) co_return std::nullopt;
    if (broken_) co_return std::unexpected(*broken_);
    const Wake wake = co_await socket_->activity(limit);
    if (wake != Wake::notified) co_return wake_error(wake, "the command did not end in time");
  }
}

Result<ExitStatus> KeptChannel::exit_status() const {
  if (exited_) return *exited_;
  if (broken_) return std::unexpected(*broken_);
  return fail(ErrorKind::protocol, "the command has not ended yet");
}

awaitable<Result<void>> KeptChannel::send(std::string_view bytes, Limit limit) {
  while (!bytes.empty()) {
    look();
    if (auto over = no_more_input()) co_return std::unexpected(std::move(*over));
    if (credit_ == 0) {
      const Wake wake = co_await socket_->activity(limit);
      if (wake != Wake::notified) co_return wake_error(wake, "the node stopped taking data");
      continue;
    }
    const auto part = std::min({bytes.size(), credit_, kMostBytes});
    socket_->send(FrameType::input, bytes.substr(0, part));
    credit_ -= part;
    bytes.remove_prefix(part);
  }
  co_return Result<void>{};
}

/// Why no more input can be sent. The daemon's own reason comes first, as it has heard the node.
std::optional<Error> KeptChannel::no_more_input() const {
  if (input_over_) return input_over_;
  if (broken_) return broken_;
  if (exited_)
    return Error{ErrorKind::remote_io, "the remote program ended before it had read all its input"};
  return std::nullopt;
}

void KeptChannel::resize(int columns, int rows) {
  socket_->send(FrameType::resize, size_text({columns, rows}));
}

void KeptChannel::look() {
  bool news = false;
  while (!exited_ && !broken_) {
    const auto frame = socket_->receive();
    if (!frame) {
      give_up();
      break;
    }
    if (!*frame) {
      if (socket_->closed())
        broken_ = Error{ErrorKind::unreachable, "connection lost: the process that kept it has ended"};
      break;
    }
    take(**frame);
    news = true;
  }
  // Another coroutine may wait for one of these frames.
  if (news || broken_) socket_->pass_on();
}

void KeptChannel::take(const Frame& frame) {
  switch (frame.type) {
    case FrameType::output:
    case FrameType::error_output:
      come_bytes_ += frame.payload.size();
      // More than the credit that it has: no daemon of ours does that.
      if (come_bytes_ > kCredit) return give_up();
      come_.emplace_back(frame.type == FrameType::output ? Stream::out : Stream::err, frame.payload);
      return;
    case FrameType::taken: {
      const auto count = parse_number_frame(frame.payload);
      if (!count || *count > kCredit - credit_) return give_up();
      credit_ += *count;
      return;
    }
    case FrameType::input_over:
      input_over_ = parse_error(frame.payload);
      return input_over_ ? void() : give_up();
    case FrameType::exited:
      exited_ = parse_status(frame.payload);
      // The name of the signal is the node's text.
      if (exited_) exited_->signal = printable(exited_->signal);
      return exited_ ? void() : give_up();
    case FrameType::broken:
      broken_ = parse_error(frame.payload);
      return broken_ ? void() : give_up();
    default:
      return give_up();
  }
}

/// A stream that is not understood cannot be continued: nothing shows where its next frame begins.
void KeptChannel::give_up() {
  broken_ = Error{ErrorKind::protocol, "a kept connection spoke in an unknown way"};
}

}  // namespace ec2mpi::ssh
