// The part of a node whose target lies on the same storage as that of another node (see writers.hpp).

#include "ec2mpi/base/try.hpp"
#include "src/ops/push/delivery.hpp"

namespace ec2mpi::ops {

asio::awaitable<Result<void>> Delivery::follow() {
  if (need_.in_place()) {
    note_shared(first_);
    co_return Result<void>{};
  }
  stop_being_expected();
  // What the script has found will be out of date, and its end says nothing about this node.
  co_await end_talk();
  co_await talk_->leave();
  talk_.reset();
  CO_TRY_AS(writer, co_await wait_for_writer());
  followed_ = true;
  auto looked = co_await look();
  if (looked && need_.in_place() && *writer != run_.node.index) note_shared(*writer);
  co_return looked;
}

/// The node that has written, or this one, if it has to. Errors: those of the writer, and of the limit.
asio::awaitable<Result<int>> Delivery::wait_for_writer() {
  for (;;) {
    const int writer = push_.writers.writer_for(run_.node.index, first_);
    if (writer == run_.node.index) co_return writer;
    if (const auto* end = push_.writers.end_of(writer)) {
      if (!end->result) co_return std::unexpected(end->result.error());
      co_return writer;
    }
    const Wake wake = co_await push_.ended.wait(run_.limit);
    if (wake != Wake::notified)
      co_return wake_error(wake, "the node that writes into the same storage did not end in time");
  }
}

void Delivery::note_shared(int writer) {
  push_.count.shared[writer].others.insert(run_.node.index);
}

/// Nodes that wait for this one learn how it has ended.
void Delivery::note_end(const Result<void>& done) {
  if (done && !need_.in_place()) push_.count.shared[run_.node.index].writer = run_.node.label();
  push_.writers.note_end(run_.node.index, {done, !done && !would_fail_again(done.error())});
  push_.ended.notify_all();
}

/// So would any other node that writes into the same storage.
bool Delivery::would_fail_again(const Error& error) const {
  if (error.kind == ErrorKind::local_io || error.kind == ErrorKind::usage ||
      error.kind == ErrorKind::cancelled)
    return true;
  return error.kind == ErrorKind::remote_io && talk_ && !talk_->complaint().empty();
}

}  // namespace ec2mpi::ops
