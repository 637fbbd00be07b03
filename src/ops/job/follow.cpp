#include "ec2mpi/ops/job/follow.hpp"

#include <fmt/format.h>
#include <sstream>
#include <utility>

#include "ec2mpi/base/exit_code.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/ops/job/plan.hpp"
#include "ec2mpi/ops/job/reconnect_policy.hpp"
#include "ec2mpi/ops/job/shell.hpp"

namespace ec2mpi::ops {

namespace {

using std::chrono::seconds;

constexpr auto kStart = seconds(20);  ///< for the master to take a text and start
constexpr auto kCancel = seconds(8);  ///< for the master to take the request
constexpr auto kCancelling =
    seconds(60);  ///< from the request to the end: TERM, KILL and a look on all nodes
constexpr auto kReachToCancel = seconds(20);  ///< for a new connection that is only wanted for cancelling
constexpr std::size_t kMostShownOfId = 80;

bool is_limit(const Error& error) {
  return error.kind == ErrorKind::cancelled || error.kind == ErrorKind::timeout;
}

/// One of the follower's streams: an introduction, the job's own bytes, and the record, which is empty on
/// standard output.
struct Stream {
  std::optional<RecordCutter> introduction;
  std::optional<RecordCutter> record;
  std::uint64_t bytes = 0;  ///< of the job, shown or left out
};

class Follower {
 public:
  Follower(FollowRequest request, ssh::Connector& connector, FollowObserver& observer)
      : request_(std::move(request)),
        connector_(connector),
        observer_(observer),
        reconnect_(request_.stop, request_.detach, request_.patience) {}

  void begin_with(StartedFollower started) {
    session_ = &started.session;
    channel_ = std::move(started.channel);
    listen_for(std::move(started.nonce));
    connected_once_ = true;
  }

  asio::awaitable<Followed> run() {
    auto step = [this] { return follow_once(); };
    auto worth = [this](const Error& error) { return worth_another_try(error); };
    co_await reconnect_.repeat(std::move(step), std::move(worth), observer_);
    co_return std::move(result_);
  }

 private:
  /// Over one connection.
  asio::awaitable<Result<void>> follow_once() {
    if (channel_ == nullptr) CO_TRY(co_await open());
    auto read = co_await read_on();
    co_return read;
  }

  // --- ends ---

  bool end(Followed::How how) {
    result_.how = how;
    return false;
  }

  /// Whether a failed connection is to be made again. Fills in the result if not.
  bool worth_another_try(const Error& error) {
    channel_.reset();
    own_session_.reset();
    session_ = nullptr;
    result_.error = error;
    if (request_.detach.stop_requested()) return end(Followed::How::detached);
    if (request_.stop.stop_requested() && !request_.cancels) return end(Followed::How::detached);
    // A connection that never worked is not tried again.
    if (!connected_once_ || did_not_begin(error) || reconnect_.is_hopeless(error))
      return end(Followed::How::gave_up);
    // Nobody knows whether there is a job to wait for.
    if (!introduced_ && !start_ends_) start_ends_ = Clock::now() + request_.start_patience;
    if (!introduced_ && Clock::now() >= *start_ends_) return end(Followed::How::gave_up);
    note_stop();
    return true;
  }

  /// The connection is well, and the account keeps our program from its work: it will do so over the next
  /// one, too. A master that has answered before may only be overloaded.
  [[nodiscard]] bool did_not_begin(const Error& error) const {
    return opened_ && !introduced_ && error.kind == ErrorKind::remote_io;
  }

  /// The user wants the job to be cancelled: from now on there is a limit to everything.
  void note_stop() {
    if (!request_.stop.stop_requested() || !request_.cancels || result_.stopped) return;
    result_.stopped = JobStop::interrupted;
    // Over a connection, cancel() reports it when the request has been sent.
    if (session_ == nullptr) observer_.on_stopping(JobStop::interrupted);
    reconnect_.stop_taken();
    reconnect_.give_up_within(session_ != nullptr ? kCancelling : kReachToCancel);
  }

  [[nodiscard]] bool cancelling() const { return result_.stopped.has_value(); }

  // --- connections ---

  asio::awaitable<Result<void>> open() {
    note_stop();
    const auto limit = reconnect_.waiting().at_most(request_.connect_timeout);
    auto session = co_await connector_.connect(request_.master, limit, [](ssh::Phase) {});
    if (!session) co_return std::unexpected(session.error());
    own_session_ = std::move(*session);
    session_ = own_session_.get();
    const auto starting = reconnect_.waiting().at_most(kStart);
    listen_for(make_nonce());
    ssh::Request request{.command = follow_command()};
    CO_TRY_AS(channel, co_await start_program(*session_, std::move(request), starting));
    channel_ = std::move(*channel);
    opened_ = true;
    connected_once_ = true;
    reconnect_.reached(observer_);
    // The command itself has carried the request.
    cancel_sent_ = cancelling();
    if (cancel_sent_) reconnect_.give_up_in(kCancelling);
    co_return Result<void>{};
  }

  void listen_for(std::string nonce) {
    nonce_ = std::move(nonce);
    for (auto* stream : {&out_, &err_}) {
      stream->introduction.emplace(nonce_ + ".job");
      stream->record.emplace(nonce_);
    }
    found_ = false;
    report_by_ = Clock::now() + request_.first_report;
  }

  [[nodiscard]] std::string follow_command() const {
    auto text = "{\n" + job_functions();
    const bool unended = request_.unended && !connected_once_;  // our own request may have ended it since
    if (unended) text += "unended=yes\n";
    if (request_.unended) text += "whole_name=yes\n";
    if (request_.takes_series) text += "takes_series=yes\n";
    text += "find_job " + quote_word(job_word(request_.word)) + "\n";
    if (unended)
      text +=
          "job_state \"$jobs/$id\"\n"
          "[ \"$state\" != ended ] || look_again || "
          "give_up \"$id has ended already; ec2mpi jobs shows how\" 2\n";
    if (!request_.lasting) text += "once=yes\n";
    if (!request_.output) text += "silent=yes\n";
    const bool lines = request_.last_lines > 0 && !introduced_;
    const bool since = request_.since.count() > 0 && !introduced_;
    text += set_variables({{"lines", lines ? std::to_string(request_.last_lines) : ""},
                           {"since", since ? std::to_string(request_.since.count()) : ""}});
    if (cancelling()) text += "cancel=yes\n";
    return text + follow_text(nonce_, out_.bytes, err_.bytes) + "}\n";
  }

  // --- reading ---

  /// Until there is nothing more to follow (the result is filled in) or the connection fails.
  asio::awaitable<Result<void>> read_on() {
    for (;;) {
      if (request_.detach.stop_requested() || (request_.stop.stop_requested() && !request_.cancels)) {
        result_.how = Followed::How::detached;
        co_return Result<void>{};
      }
      note_stop();
      if (cancelling() && !cancel_sent_) {
        auto sent = co_await cancel();
        if (!sent) co_return sent;
      }
      const auto limit = reconnect_.waiting();
      // A job may be silent for as long as it likes; whether the master still answers, the connection finds
      // out.
      const Limit reading{found_ ? limit.deadline : std::min(limit.deadline, report_by_), limit.stop};
      auto chunk = co_await channel_->read(reading);
      if (!chunk && is_limit(chunk.error()) && !reconnect_.time_is_up()) {
        // After a stop the beginning of the loop acts on it.
        if (!found_ && Clock::now() >= report_by_)
          co_return fail(ErrorKind::timeout, "it does not report on the job");
        continue;
      }
      if (!chunk) co_return std::unexpected(chunk.error());
      if (!*chunk) co_return at_end();
      CO_TRY(take(**chunk));
      if (out_.record->complete() && err_.record->complete()) co_return read_record();
      co_await observer_.ready(limit);
    }
  }

  Result<void> take(const ssh::Chunk& chunk) {
    auto& stream = chunk.stream == ssh::Stream::out ? out_ : err_;
    if (stream.introduction->complete()) {
      take_introduced(chunk, stream);
      return {};
    }
    // A refusal, or words of the login shell: shown, but not counted as bytes of the job.
    const auto before = stream.introduction->feed(chunk.bytes);
    if (!before.empty()) observer_.on_output({chunk.stream, before});
    if (!stream.introduction->complete()) return {};
    TRY(note_introduction(stream.introduction->record()));
    take_introduced({chunk.stream, stream.introduction->rest()}, stream);
    return {};
  }

  /// In joined streams, the introduction and the record of standard error follow those of standard output.
  void take_introduced(const ssh::Chunk& chunk, Stream& stream) {
    if (!channel_->is_joined()) return take_job_bytes(chunk, stream);
    auto bytes = std::string(chunk.bytes);
    if (!err_.introduction->complete()) {
      bytes = err_.introduction->feed(bytes);
      if (err_.introduction->complete()) bytes += err_.introduction->rest();
    }
    if (!out_.record->complete()) {
      take_job_bytes({chunk.stream, bytes}, out_);
      if (!out_.record->complete()) return;
      bytes = out_.record->rest();
    }
    take_job_bytes({chunk.stream, bytes}, err_);
  }

  void take_job_bytes(const ssh::Chunk& chunk, Stream& stream) {
    const auto bytes = stream.record->feed(chunk.bytes);
    // The next connection continues behind these bytes.
    stream.bytes += bytes.size();
    if (!bytes.empty()) observer_.on_output({chunk.stream, bytes});
  }

  /// Both streams have it, for ssh may carry one before the other.
  Result<void> note_introduction(const std::string& line) {
    if (found_) return {};
    std::istringstream words(line);
    std::string id;
    std::string state;
    std::uint64_t from_out = 0;
    std::uint64_t from_err = 0;
    words >> id >> state >> from_out >> from_err;
    if (!is_job_id(id))
      return fail(
          ErrorKind::remote_io,
          fmt::format("the master has a job '{}', and no id is like that; ec2mpi jobs lists the others",
                      printable(id.substr(0, kMostShownOfId))));
    found_ = true;
    result_.found = true;
    const bool cut = request_.last_lines > 0 || request_.since.count() > 0;
    if (!std::exchange(introduced_, true) && cut) {
      out_.bytes += from_out;
      err_.bytes += from_err;
    }
    observer_.on_found(id, state == state_name(JobState::ended) || state == state_name(JobState::lost));
    return {};
  }

  /// The text ended without a record: either the program has reported an error on standard error, or it was
  /// killed.
  Result<void> at_end() {
    TRY_AS(status, channel_->exit_status());
    // A shell reports a signal as a status above 128.
    if (!status->signal.empty() || status->code > 128)
      return fail(ErrorKind::remote_io, "the follower on the master was ended");
    if (status->code == exit_code::ok) {
      // The record comes by standard error, and a start-up file may send that elsewhere.
      result_.how = Followed::How::gave_up;
      result_.error = Error{
          ErrorKind::protocol,
          "its report on the job did not arrive; does a start-up file (.bashrc) redirect standard error "
          "(exec 2>FILE)?"};
      return {};
    }
    result_.how = Followed::How::refused;
    result_.refusal = *status;
    return {};
  }

  /// At the end of the follow text. A record that cannot be read ends the following: the same master would
  /// repeat it.
  Result<void> read_record() {
    auto records = parse_job_records(err_.record->record());
    if (records && records->size() == 1) {
      result_.record = std::move(records->front());
      result_.how = Followed::How::ended;
      return {};
    }
    result_.how = Followed::How::gave_up;
    result_.error =
        records ? Error{ErrorKind::protocol, "the master did not report on the job"} : records.error();
    return {};
  }

  /// The follower on the master reads our input. We wait for no answer: the request arrives even if this
  /// command ends now.
  asio::awaitable<Result<void>> cancel() {
    const auto limit = reconnect_.waiting().at_most(kCancel);
    auto written = co_await channel_->write("cancel\n", limit);
    if (!written) co_return written;
    cancel_sent_ = true;
    observer_.on_stopping(JobStop::interrupted);
    co_return Result<void>{};
  }

  FollowRequest request_;
  ssh::Connector& connector_;
  FollowObserver& observer_;
  ReconnectPolicy reconnect_;
  std::unique_ptr<ssh::Session> own_session_;
  ssh::Session* session_ = nullptr;
  std::unique_ptr<ProgramChannel> channel_;
  std::string nonce_;
  Stream out_;
  Stream err_;
  bool opened_ = false;  ///< over a connection of our own a follower was started
  bool connected_once_ = false;
  bool found_ = false;       ///< over this connection the master has said which job it is
  bool introduced_ = false;  ///< the master has said which job it is, and where its last lines begin
  bool cancel_sent_ = false;
  Clock::time_point report_by_ = {};
  std::optional<Clock::time_point> start_ends_;  ///< from the first loss before any introduction
  Followed result_;
};

}  // namespace

asio::awaitable<Followed> follow_job(FollowRequest request, ssh::Connector& connector,
                                     FollowObserver& observer) {
  Follower follower(std::move(request), connector, observer);
  auto end = co_await follower.run();
  co_return end;
}

asio::awaitable<Followed> follow_started(FollowRequest request, ssh::Connector& connector,
                                         FollowObserver& observer, StartedFollower started) {
  Follower follower(std::move(request), connector, observer);
  follower.begin_with(std::move(started));
  auto end = co_await follower.run();
  co_return end;
}

/// Random, so that the output of a job cannot look like a record.
std::string make_nonce() {
  return "ec2mpi-" + random_hex(32);
}

}  // namespace ec2mpi::ops
