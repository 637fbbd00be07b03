#include "src/ops/push/talk.hpp"

#include <fmt/format.h>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "src/ops/push/programs.hpp"

namespace ec2mpi::ops {

namespace {

/// bytes of standard error that are kept
constexpr std::size_t kMostErr = 64 * 1024;
constexpr std::size_t kLongestSurvey = 128UL * 1024 * 1024;  ///< some 800,000 files
/// bytes that start-up files may print in front of the survey
constexpr std::size_t kLongestGreeting = 1024 * 1024;
/// Words that were not taken yet, and bytes of one: a node must not fill the memory here. The longest
/// one holds the first complaint of an ssh between nodes.
constexpr std::size_t kMostWords = 10'000;
constexpr std::size_t kLongestWord = 64 * 1024;

Error too_many_files() {
  return {ErrorKind::protocol,
          "the node lists more files than a push can compare; push its folders one by one"};
}

Error too_many_words() {
  return {ErrorKind::protocol,
          "the node prints what no push prints; its account prints text of its own into every command"};
}

Error ended_early() {
  return {ErrorKind::remote_io, "the push ended on the node before its time"};
}

}  // namespace

/// The functions stand in front of the program that calls them. Built once for all nodes.
const std::string& push_script() {
  static const std::string script = set_variables({{"move_program", kMovePl}})
                                        .append(need_tools_text())
                                        .append(find_swift_text())
                                        .append(kPushSurveySh)
                                        .append(kPushArchiveSh)
                                        .append(kPushStepsSh)
                                        .append(kPushSh);
  return script;
}

asio::awaitable<Result<std::shared_ptr<PushTalk>>> PushTalk::begin(ssh::Session& session, std::string command,
                                                                   Limit limit, std::shared_ptr<Event> news) {
  ssh::Request request{.command = std::move(command)};
  CO_TRY_AS(channel, co_await start_program(session, std::move(request), limit));
  auto talk = std::make_shared<PushTalk>(std::move(*channel), std::move(news));
  // Set before the coroutine runs, so that leave() waits for its end in any case.
  talk->listening_ = true;
  asio::co_spawn(talk->news_->executor(), listen(talk), asio::detached);
  co_return talk;
}

/// Reads without a deadline, because those that wait for a word have their own limit.
asio::awaitable<void> PushTalk::listen(std::shared_ptr<PushTalk> self) {
  const Limit limit{Clock::time_point::max(), self->stop_.get_token()};
  for (;;) {
    auto chunk = co_await self->channel_->read(limit);
    if (!chunk) {
      self->end_ = std::unexpected(chunk.error());
      break;
    }
    if (!*chunk) {
      self->end_ = self->channel_->exit_status();
      break;
    }
    self->take(**chunk);
    // A node that prints faster than it is read must not keep the loop from the uploads.
    [[maybe_unused]] const Wake yielded = co_await yield_to_loop(limit);
    // Before the survey ends, its reader reports the fault.
    if (self->surveyed_ && self->nonsense_) {
      self->end_ = std::unexpected(*self->nonsense_);
      break;
    }
  }
  self->listening_ = false;
  self->news_->notify_all();
}

/// Standard output must begin with a survey; a short greeting of a start-up file in front of it is dropped.
/// Standard error is kept up to kMostErr.
void PushTalk::take(const ssh::Chunk& chunk) {
  if (chunk.stream == ssh::Stream::err) {
    if (err_.size() < kMostErr) err_ += chunk.bytes;
    if (find_complaint(chunk.bytes)) news_->notify_all();
    return;
  }
  // Reading continues, so that the script can end, but nothing is kept any more.
  if (nonsense_) return;
  surveyed_bytes_ += surveyed_ ? 0 : chunk.bytes.size();
  if (surveyed_bytes_ > kLongestSurvey) {
    nonsense_ = too_many_files();
    news_->notify_all();
    return;
  }
  out_ += chunk.bytes;
  if (!begun_) {
    const auto at = out_.find(kSurveyBegin);
    if (at == std::string::npos) {
      if (out_.size() <= kLongestGreeting) return;
      nonsense_ = Error{ErrorKind::protocol, "the node prints much in front of its list; see its .bashrc"};
      news_->notify_all();
      return;
    }
    out_.erase(0, at + kSurveyBegin.size());
    begun_ = true;
  }
  if (take_fields() || nonsense_) news_->notify_all();
}

/// True if there is something new to know.
bool PushTalk::take_fields() {
  bool news = false;
  std::size_t start = 0;
  // A large survey arrives in many chunks, so only the new bytes are searched.
  for (auto end = out_.find('\0', searched_); end != std::string::npos; end = out_.find('\0', start)) {
    const auto field = std::string_view(out_).substr(start, end - start);
    start = end + 1;
    if (surveyed_) {
      if (words_.size() == kMostWords || field.size() > kLongestWord) {
        nonsense_ = too_many_words();
        break;
      }
      words_.emplace_back(field);
      news = true;
      continue;
    }
    auto last = reader_.take(field);
    if (!last) {
      nonsense_ = last.error();
      break;
    }
    if (*last) surveyed_ = news = true;
  }
  out_.erase(0, start);
  searched_ = out_.size();
  // A field may have no end.
  if (surveyed_ && out_.size() > kLongestWord && !nonsense_) nonsense_ = too_many_words();
  if (out_.size() > kLongestSurvey) nonsense_ = too_many_files();
  return news;
}

asio::awaitable<Result<PushSurvey>> PushTalk::survey(Limit limit) {
  while (!surveyed_ && !nonsense_ && !end_) {
    const Wake wake = co_await news_->wait(limit);
    if (wake != Wake::notified) {
      auto why = channel_->why_silent();
      co_return wake_error(wake,
                           why.empty() ? "the node did not list the content of the target" : std::move(why));
    }
  }
  Result<PushSurvey> survey = std::unexpected(why_ended());
  if (!nonsense_ && surveyed_) survey = std::move(reader_.survey());
  co_return survey;
}

/// push.sh runs a text only if its last line is this comment. So a text that broke off on its way
/// is never run in part.
std::string do_text(std::string text) {
  text += "\n# whole";
  return fmt::format("do {}\n{}", text.size(), text);
}

asio::awaitable<Result<void>> PushTalk::tell(std::string text, Limit limit) {
  const auto message = do_text(std::move(text));
  auto told = co_await channel_->write(message, limit);
  co_return told;
}

std::optional<std::string> PushTalk::word() {
  if (words_.empty()) return std::nullopt;
  auto word = std::move(words_.front());
  words_.pop_front();
  return word;
}

Error PushTalk::why_ended() const {
  if (nonsense_) return *nonsense_;
  return end_ && !*end_ ? end_->error() : ended_early();
}

/// Start-up files may print without an end and beside the script. So no line but the complaint is kept or
/// looked at twice, and nothing is notified of the others: it would keep the loop from all other work.
bool PushTalk::find_complaint(std::string_view bytes) {
  if (!complaint_.empty()) return false;
  static const auto kLine = '\n' + std::string(kPushMark);
  err_tail_ += bytes;
  const auto at = err_tail_.find(kLine);
  if (at == std::string::npos) {
    if (err_tail_.size() > kLine.size()) err_tail_.erase(0, err_tail_.size() - kLine.size());
    return false;
  }
  err_tail_.erase(0, at);
  const auto end = err_tail_.find('\n', 1);
  if (end == std::string::npos && err_tail_.size() < kLongestWord) return false;
  complaint_ = err_tail_.substr(1, end == std::string::npos ? end : end - 1);
  return true;
}

/// The mark is in front of it; push_complaint() gives the text for the user. A line without an end is whole
/// only at the end of the script.
std::string PushTalk::complaint() const {
  const bool at_end = ended() && complaint_.empty() && err_tail_.starts_with('\n' + std::string(kPushMark));
  return at_end ? err_tail_.substr(1) : complaint_;
}

/// Gives no error; the caller looks at ended().
asio::awaitable<void> PushTalk::close(Limit limit) {
  channel_->close_input();
  while (!end_) {
    const Wake wake = co_await news_->wait(limit);
    if (wake != Wake::notified) break;
  }
}

asio::awaitable<void> PushTalk::leave() {
  stop_.request_stop();
  const Limit unlimited;
  while (listening_) co_await news_->wait(unlimited);
}

}  // namespace ec2mpi::ops
