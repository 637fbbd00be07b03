#include "ec2mpi/ops/job/follow.hpp"

#include <fmt/format.h>
#include <sstream>
#include <utility>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/ops/job/reconnect_policy.hpp"
#include "ec2mpi/ops/job/shell.hpp"
#include "ec2mpi/ops/node/remote_program.hpp"

namespace ec2mpi::ops {

namespace {

using std::chrono::seconds;

constexpr auto kStart = seconds(20);       ///< for the master to take a text and start
constexpr auto kCancel = seconds(8);       ///< for the master to take the wish
constexpr auto kCancelling = seconds(60);  ///< from the wish to the end: TERM, KILL and a look on all nodes
constexpr auto kReachToCancel = seconds(20);  ///< for a new connection that is only wanted for cancelling

bool is_limit(const Error& error) {
  return error.kind == ErrorKind::cancelled || error.kind == ErrorKind::timeout;
}

class Follower {
 public:
  Follower(FollowWish wish, ssh::Connector& connector, FollowObserver& observer)
      : wish_(std::move(wish)),
        connector_(connector),
        observer_(observer),
        reconnect_(wish_.stop, wish_.detach, wish_.patience) {}

  void begin_with(ssh::Session& session, std::unique_ptr<ssh::Channel> channel, std::string nonce) {
    session_ = &session;
    channel_ = std::move(channel);
    listen_for(std::move(nonce));
    connected_once_ = true;
  }

  asio::awaitable<Followed> run() {
    for (;;) {
      if (channel_ == nullptr) {
        auto opened = co_await open();
        if (!opened) {
          if (!worth_another_try(opened.error())) co_return finish();
          co_await reconnect_.pause(opened.error(), observer_);
          continue;
        }
      }
      auto read = co_await read_on();
      if (read) co_return finish();
      channel_.reset();
      own_session_.reset();
      session_ = nullptr;
      if (!worth_another_try(read.error())) co_return finish();
      co_await reconnect_.pause(read.error(), observer_);
    }
  }

 private:
  Followed finish() { return std::move(result_); }

  // --- ends
  // ------------------------------------------------------------------------------------------------------

  bool end(Followed::How how) {
    result_.how = how;
    return false;
  }

  /// Whether a failed connection is to be made again. Fills in the result if not.
  bool worth_another_try(const Error& error) {
    result_.error = error;
    if (wish_.detach.stop_requested()) return end(Followed::How::detached);
    if (wish_.stop.stop_requested() && !wish_.cancels) return end(Followed::How::detached);
    if (!connected_once_ || is_final(error) || reconnect_.time_is_up()) return end(Followed::How::gave_up);
    note_stop();
    return true;
  }

  /// The user wants the job to be cancelled: from now on there is a limit to everything.
  void note_stop() {
    if (!wish_.stop.stop_requested() || !wish_.cancels || result_.stopped) return;
    result_.stopped = JobStop::interrupted;
    if (session_ == nullptr) observer_.on_stopping(JobStop::interrupted);
    reconnect_.stop_taken();
    reconnect_.give_up_within(session_ != nullptr ? kCancelling : kReachToCancel);
  }

  [[nodiscard]] bool cancelling() const { return result_.stopped.has_value(); }

  // --- connections
  // -----------------------------------------------------------------------------------------------

  asio::awaitable<Result<void>> open() {
    note_stop();
    const auto limit = reconnect_.waiting().at_most(wish_.connect_timeout);
    auto session = co_await connector_.connect(wish_.master, limit, [](ssh::Phase) {});
    if (!session) co_return std::unexpected(session.error());
    own_session_ = std::move(*session);
    session_ = own_session_.get();
    const auto starting = reconnect_.waiting().at_most(kStart);
    listen_for(make_nonce());
    ssh::Request request{.command = follow_command()};
    CO_TRY_AS(channel, co_await start_program(*session_, std::move(request), starting));
    channel_ = std::move(*channel);
    connected_once_ = true;
    reconnect_.reached(observer_);
    cancel_sent_ = cancelling();
    if (cancel_sent_) reconnect_.give_up_in(kCancelling);
    co_return Result<void>{};
  }

  void listen_for(std::string nonce) {
    nonce_ = std::move(nonce);
    introduction_.emplace(nonce_ + ".job");
    cutter_.emplace(nonce_);
  }

  [[nodiscard]] std::string follow_command() const {
    auto text = "{\n" + job_functions();
    const bool unended = wish_.unended && !connected_once_;  // our own wish may have ended it since
    if (unended) text += "unended=yes\n";
    if (wish_.takes_series) text += "takes_series=yes\n";
    text += "find_job " + quote_word(wish_.word) + "\n";
    if (unended)
      text +=
          "job_state \"$jobs/$id\"\n"
          "[ \"$state\" != ended ] || look_again || "
          "give_up \"$id has ended already; ec2mpi jobs shows how\" 2\n";
    if (!wish_.lasting) text += "once=yes\n";
    if (!wish_.output) text += "silent=yes\n";
    const bool cut = wish_.last_lines > 0 && !introduced_;
    text += set_variables({{"lines", cut ? std::to_string(wish_.last_lines) : ""}});
    if (cancelling()) text += "cancel=yes\n";
    return text + follow_text(nonce_, out_, err_) + "}\n";
  }

  // --- reading
  // ---------------------------------------------------------------------------------------------------

  /// Until there is nothing more to follow (the result is filled in) or the connection fails.
  asio::awaitable<Result<void>> read_on() {
    for (;;) {
      if (wish_.detach.stop_requested() || (wish_.stop.stop_requested() && !wish_.cancels)) {
        result_.how = Followed::How::detached;
        co_return Result<void>{};
      }
      note_stop();
      if (cancelling() && !cancel_sent_) {
        auto sent = co_await cancel();
        if (!sent) co_return sent;
      }
      const auto limit = reconnect_.waiting();
      auto chunk = co_await channel_->read(limit);
      if (!chunk && is_limit(chunk.error()) && !reconnect_.time_is_up()) continue;
      if (!chunk) co_return std::unexpected(chunk.error());
      if (!*chunk) co_return at_end();
      take(**chunk);
      if (cutter_->complete()) co_return read_record();
      co_await observer_.ready(limit);
    }
  }

  void take(const ssh::Chunk& chunk) {
    if (chunk.stream == ssh::Stream::out) {
      out_ += chunk.bytes.size();
      if (!chunk.bytes.empty()) observer_.on_output(chunk);
      return;
    }
    if (introduction_->complete()) return take_err(chunk.bytes);
    take_err(introduction_->feed(chunk.bytes));  // a refusal, or what the login shell has to say
    if (!introduction_->complete()) return;
    std::istringstream words(introduction_->record());
    std::string id;
    std::string state;
    std::uint64_t from_out = 0;
    std::uint64_t from_err = 0;
    words >> id >> state >> from_out >> from_err;
    if (!std::exchange(introduced_, true) && wish_.last_lines > 0) {
      out_ += from_out;
      err_ += from_err;
    }
    observer_.on_found(id, state == state_name(JobState::ended) || state == state_name(JobState::lost));
    take_err(introduction_->rest());
  }

  void take_err(std::string_view printed) {
    const auto bytes = cutter_->feed(printed);
    err_ += bytes.size();
    if (!bytes.empty()) observer_.on_output({ssh::Stream::err, bytes});
  }

  /// The text ended without a record: either the program has reported an error on standard error, or it was
  /// killed.
  Result<void> at_end() {
    TRY_AS(status, channel_->exit_status());
    if (!status->signal.empty() || status->code > 128)
      return fail(ErrorKind::remote_io, "the follower on the master was ended");
    result_.how = Followed::How::refused;
    result_.refusal = *status;
    return {};
  }

  Result<void> read_record() {
    auto records = parse_job_records(cutter_->record());
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

  /// The follower on the master reads along. Nobody waits for an answer: the word is on its way even if we
  /// leave now.
  asio::awaitable<Result<void>> cancel() {
    const auto limit = reconnect_.waiting().at_most(kCancel);
    auto written = co_await channel_->write("cancel\n", limit);
    if (!written) co_return written;
    cancel_sent_ = true;
    observer_.on_stopping(JobStop::interrupted);
    co_return Result<void>{};
  }

  FollowWish wish_;
  ssh::Connector& connector_;
  FollowObserver& observer_;
  ReconnectPolicy reconnect_;
  std::unique_ptr<ssh::Session> own_session_;
  ssh::Session* session_ = nullptr;
  std::unique_ptr<ssh::Channel> channel_;
  std::string nonce_;
  std::optional<RecordCutter> introduction_;  ///< says which job it is
  std::optional<RecordCutter> cutter_;
  std::uint64_t out_ = 0;  ///< bytes of the job's that have been shown or left out
  std::uint64_t err_ = 0;
  bool connected_once_ = false;
  bool introduced_ = false;  ///< the master has said which job it is, and where its last lines begin
  bool cancel_sent_ = false;
  Followed result_;
};

}  // namespace

asio::awaitable<Followed> follow_job(FollowWish wish, ssh::Connector& connector, FollowObserver& observer) {
  return conduct(std::make_unique<Follower>(std::move(wish), connector, observer));
}

asio::awaitable<Followed> follow_started(FollowWish wish, ssh::Connector& connector, FollowObserver& observer,
                                         ssh::Session& session, std::unique_ptr<ssh::Channel> channel,
                                         std::string nonce) {
  auto follower = std::make_unique<Follower>(std::move(wish), connector, observer);
  follower->begin_with(session, std::move(channel), std::move(nonce));
  return conduct(std::move(follower));
}

std::string make_nonce() {
  return "ec2mpi-" + random_hex(32);
}

}  // namespace ec2mpi::ops
