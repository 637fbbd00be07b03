// How one attempt of a node ends: its last steps, its script, and the meaning of a failure.

#include <fmt/format.h>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/ops/node/remote.hpp"
#include "src/ops/push/delivery.hpp"

namespace ec2mpi::ops {

namespace {

constexpr auto kTimeToEnd = std::chrono::seconds(5);
constexpr int kBrokenOff = 3;  ///< and above: the script's statuses for an archive that did not arrive whole

}  // namespace

/// Closing its input ends the script; if it waits for the rest of an archive that won't come, a signal does.
asio::awaitable<void> Delivery::end_talk() {
  // A node that does not answer would hear neither the end of its input nor the signal.
  if (frozen_) co_return;
  const Limit first{Clock::now() + std::chrono::seconds(1), {}};
  co_await talk_->close(first);
  if (talk_->ended()) co_return;
  const auto process = survey_.stage.substr(survey_.stage.rfind('.') + 1);
  if (!parse_number(process))
    co_return;  // it has not begun; a node that says other things without end never will
  const Limit patience{Clock::now() + kTimeToEnd, {}};
  // The whole group: the shell hears no signal while it waits for a part that does not come.
  auto command = fmt::format("{1} kill -TERM -- -{0} || {1} kill -TERM {0}", process,
                             push_.plan().as_root ? "sudo -n" : "");
  [[maybe_unused]] const auto ignored = co_await capture(run_.session, std::move(command), patience);
  co_await talk_->close(patience);
}

/// The connection and the node are well; its feeder was not.
bool Delivery::may_try_again(const Error& error) const {
  if (error.kind == ErrorKind::timeout || error.kind == ErrorKind::cancelled ||
      error.kind == ErrorKind::local_io || error.kind == ErrorKind::usage)
    return false;
  if (out_of_reach_ || !talk_ || !talk_->ended() || !talk_->end() || !talk_->complaint().empty())
    return false;
  return talk_->end()->code >= kBrokenOff && talk_->end()->signal.empty();
}

/// The node's own complaint, if there is one, explains more than its exit status.
Error Delivery::reason_for(const Error& error) const {
  if (error.kind == ErrorKind::timeout || error.kind == ErrorKind::cancelled ||
      error.kind == ErrorKind::usage || out_of_reach_ || !talk_)
    return error;
  const auto complaint = talk_->complaint();
  if (!complaint.empty()) return {ErrorKind::remote_io, push_complaint(complaint, tree_)};
  if (error.kind == ErrorKind::local_io || !talk_->ended() || !talk_->end()) return error;
  const auto& status = *talk_->end();
  if (status.code >= kBrokenOff)
    return {ErrorKind::remote_io, "the archive did not arrive whole; nothing was changed; push again"};
  if (status.ok()) return error;
  return {ErrorKind::remote_io, fmt::format("the push ended with {} on the node{}{}", status.describe(),
                                            talk_->err().empty() ? "" : ": ", printable(trim(talk_->err())))};
}

}  // namespace ec2mpi::ops
