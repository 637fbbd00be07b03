#pragma once
/// The conversation with the push script on one node.

#include <asio/awaitable.hpp>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "ec2mpi/base/event.hpp"
#include "ec2mpi/ops/node/remote_program.hpp"
#include "ec2mpi/ssh/transport.hpp"
#include "src/ops/push/survey.hpp"

namespace ec2mpi::ops {

/// The output of the script is always read, so that a complaint is seen while bytes are sent.
class PushTalk : public std::enable_shared_from_this<PushTalk> {
 public:
  /// Starts the script. `news` is notified of every word and of the end.
  [[nodiscard]] static asio::awaitable<Result<std::shared_ptr<PushTalk>>> begin(ssh::Session& session,
                                                                                std::string command,
                                                                                Limit limit,
                                                                                std::shared_ptr<Event> news);
  PushTalk(std::unique_ptr<ProgramChannel> channel, std::shared_ptr<Event> news)
      : channel_(std::move(channel)), news_(std::move(news)) {}

  /// The content of the target. Errors: the script's own, if it ended before.
  [[nodiscard]] asio::awaitable<Result<PushSurvey>> survey(Limit limit);

  /// Shell text for the script to run.
  [[nodiscard]] asio::awaitable<Result<void>> tell(std::string text, Limit limit);
  /// Anything else that the script understands, as it stands.
  [[nodiscard]] asio::awaitable<Result<void>> write(std::string_view bytes, Limit limit) {
    return channel_->write(bytes, std::move(limit));
  }

  /// The next word behind the survey that was not taken yet.
  [[nodiscard]] std::optional<std::string> word();

  /// The script's own complaint so far, or "".
  [[nodiscard]] std::string complaint() const;
  [[nodiscard]] bool ended() const { return end_.has_value(); }
  /// How it ended; after ended().
  [[nodiscard]] const Result<ssh::ExitStatus>& end() const { return *end_; }
  /// The same as an error, if its work was not done.
  [[nodiscard]] Error why_ended() const;
  [[nodiscard]] const std::string& err() const { return err_; }

  void close_input() { channel_->close_input(); }
  /// Closes the input; then waits until the script has ended, or the limit does.
  [[nodiscard]] asio::awaitable<void> close(Limit limit);
  /// Stops listening; to be called before the session ends.
  [[nodiscard]] asio::awaitable<void> leave();

 private:
  static asio::awaitable<void> listen(std::shared_ptr<PushTalk> self);
  void take(const ssh::Chunk& chunk);
  bool take_fields();
  /// True if that is new.
  bool find_complaint(std::string_view bytes);

  std::unique_ptr<ProgramChannel> channel_;
  std::shared_ptr<Event> news_;
  std::stop_source stop_;
  bool listening_ = false;
  bool begun_ = false;  ///< the survey's first words were seen
  bool surveyed_ = false;
  std::size_t surveyed_bytes_ = 0;
  std::string out_;
  std::size_t searched_ = 0;     ///< of out_, for the end of a field
  std::string err_;              ///< its first bytes
  std::string err_tail_ = "\n";  ///< the line of the script's own complaint, or what may be its beginning
  std::string complaint_;
  SurveyReader reader_;
  std::optional<Error> nonsense_;
  std::deque<std::string> words_;
  std::optional<Result<ssh::ExitStatus>> end_;
};

/// The script: push.sh, whose head says how it is called and what it answers, for
/// `sh -c SCRIPT ec2mpi-push TARGET INTO KEY ASKED PATH...`.
[[nodiscard]] const std::string& push_script();

/// Shell text as the script takes it on its standard input.
[[nodiscard]] std::string do_text(std::string text);

/// The beginning of the script's own words; .bashrc may print others.
inline constexpr std::string_view kPushMark = "ec2mpi: ";

}  // namespace ec2mpi::ops
