#include "src/ops/push/delivery.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/ops/node/extra_session.hpp"
#include "ec2mpi/ops/node/placeholders.hpp"
#include "ec2mpi/ops/node/remote.hpp"
#include "ec2mpi/ops/node/remote_program.hpp"
#include "src/ops/push/script.hpp"

namespace ec2mpi::ops {

namespace {

constexpr int kAttempts = 4;
constexpr std::uint64_t kWorthLanes = 16'000'000;  ///< bytes for which additional connections are made
constexpr std::size_t kNamedChanges = 3;
/// Bytes of archives that are unpacked when all has come: so few that it hardly matters not to begin before.
constexpr std::uint64_t kMostStored = 4'000'000, kMostStoredPacked = 64'000'000;
constexpr std::uint64_t kLong = 4'000'000;   ///< bytes for which a better tee is worth its start
constexpr std::uint64_t kMuch = 16'000'000;  ///< bytes whose checksum takes longer than openssl's start
constexpr std::uint64_t kPackedTo = 4;       ///< parts of an archive that gzip may leave one of

Error changed_error(const std::vector<std::string>& changed) {
  std::string names;
  for (std::size_t i = 0; i < changed.size() && i < kNamedChanges; ++i) {
    names += (i == 0 ? "" : ", ") + printable(changed[i]);
  }
  if (changed.size() > kNamedChanges) names += fmt::format(" and {} more", changed.size() - kNamedChanges);
  return {ErrorKind::local_io,
          fmt::format("changed here while being sent, so not put in place: {}; push again", names)};
}

bool has_holes(const SourceTree& tree) {
  return std::any_of(tree.items.begin(), tree.items.end(),
                     [](const SourceItem& item) { return item.stored < item.size; });
}

/// About how many bytes it is on its way.
std::uint64_t expected_sent(const PushStream& stream) {
  return stream.expected_archive() / (stream.compressed() ? kPackedTo : 1);
}

/// The command that a node runs on another one to feed it: waits for the pipe, which may not be there yet,
/// and fills it.
std::string fill_command(const std::string& stage) {
  constexpr std::string_view kFill =
      "n=0; until [ -p \"$in\" ]; do n=$((n + 1)); [ $n -lt 100 ] || exit 1; sleep 0.1 2>/dev/null || sleep "
      "1; "
      "done; exec cat >\"$in\"";
  return shell_line(
      fmt::format("{}{}in={}; {}", clean_environment(), go_home_text(), quote_word(stage + "/in"), kFill));
}

}  // namespace

Delivery::Delivery(NodeRun& run, GroupPush& push, const asio::any_io_executor& executor)
    : run_(run),
      push_(push),
      tree_(push.tree()),
      executor_(executor),
      news_(std::make_shared<Event>(executor)) {}

asio::awaitable<Result<void>> Delivery::carry_out() {
  if (push_.plan().relay != RelayMode::never) be_expected();
  Result<void> done;
  for (attempt_ = 1;; ++attempt_) {
    auto tried = co_await attempt();
    done = std::move(tried);
    if (done || attempt_ - moves_ == kAttempts || !may_try_again(done.error())) break;
  }
  be_there();
  push_.relay(executor_)->settled();
  if (!done) done = std::unexpected(reason_for(done.error()));
  co_return done;
}

asio::awaitable<Result<void>> Delivery::attempt() {
  done_ = whole_ = passed_on_ = false;
  about_.clear();
  feed_error_.reset();
  stop_feeding_ = std::stop_source();
  auto done = co_await look();
  if (done) {
    auto sent = co_await send();
    done = std::move(sent);
  }
  if (!done && seat_ && !seat_->orphaned.empty() && !seat_->slow) be_expected();
  co_await stop_feeding();
  if (!done && talk_) {
    co_await end_talk();  // it keeps the arrived files, and reports its error
    if (seat_) take_words();
    if (done_ && done.error().kind != ErrorKind::local_io) done = {};  // it came to its end meanwhile
  }
  if (seat_) leave_seat();
  if (talk_) co_await talk_->leave();
  co_return done;
}

/// Asks for the content of the target, and compares it with the sources.
asio::awaitable<Result<void>> Delivery::look() {
  const auto& plan = push_.plan();
  CO_TRY_AS(target, push_target(fill_placeholders(plan.target, run_.node), plan.folder ? 2 : 1));
  options_.checksum = plan.checksum;
  options_.erase = plan.erase;
  talk_.reset();
  auto command = command_for(*target);
  auto talk = co_await PushTalk::begin(run_.session, std::move(command), run_.limit, news_);
  far_ = is_far(run_.session);
  if (!talk) co_return std::unexpected(talk.error());
  talk_ = *talk;
  CO_TRY_AS(survey, co_await talk_->survey(run_.limit));
  survey_ = std::move(*survey);
  options_.new_name = survey_.name;
  if (!survey_.holds.empty() && !plan.force) {
    const Error refused{ErrorKind::usage, home_refusal(survey_.holds)};
    co_return std::unexpected(refused);
  }
  if (auto compared = co_await compare(); !compared) co_return compared;
  push_.note_need(need_, attempt_ == 1);
  auto checked = co_await check_begun();
  co_return checked;
}

/// Files that have to be read are read before, for the comparison itself waits for nothing.
asio::awaitable<Result<void>> Delivery::compare() {
  for (const auto file : files_to_compare(tree_, survey_, options_)) {
    CO_TRY_AS(sum, co_await push_.sums().of(file, tree_.items[file].size, run_.limit));
  }
  need_ = push_need(tree_, survey_, options_, [this](const SourceItem& item) {
    return push_.sums().known(static_cast<std::size_t>(&item - tree_.items.data()), item.size);
  });
  co_return Result<void>{};
}

asio::awaitable<Result<void>> Delivery::check_begun() {
  if (!survey_.sha256 || push_.plan().dry_run) co_return Result<void>{};
  for (const auto number : need_.begun) {
    const auto name = member_name(tree_.items[number]);
    const auto bytes = survey_.left[need_.left][name].size;
    auto told = co_await talk_->tell(fmt::format("sum_of {} {}", quote_word(need_.left + "/" + name), bytes),
                                     run_.limit);
    if (!told) co_return told;
    CO_TRY_AS(word, co_await talk_->next_word(run_.limit));
    CO_TRY_AS(theirs, co_await talk_->next_word(run_.limit));
    CO_TRY_AS(ours, co_await push_.sums().of(number, bytes, run_.limit));
    if (first_word(trim(*theirs)).first != *ours) continue;
    need_.kept[number] = bytes;
    need_.bytes -= bytes;
  }
  co_return Result<void>{};
}

std::string Delivery::command_for(const PushTarget& target) const {
  std::string asked = options_.checksum ? "sums" : "";
  if (has_holes(tree_)) asked += " holes";
  if (options_.erase) asked += " delete";
  std::vector<std::string> words{"sh",          "-c",
                                 push_script(), "ec2mpi-push",
                                 target.path,   target.folder ? "1" : "0",
                                 push_.key(),   std::move(asked)};
  for (auto& path : asked_paths(tree_, options_.erase)) words.push_back(std::move(path));
  return "exec " + quote_words(words);
}

asio::awaitable<Result<void>> Delivery::send() {
  if (push_.plan().dry_run) {
    tell_need();
    co_return Result<void>{};
  }
  auto seated = co_await take_seat();
  if (!seated) co_return seated;
  if (push_.plan().compress && !survey_.unpackers.gzip && !need_.items.empty())
    push_.count().note =
        run_.node.label() + " has no gzip, so nothing was compressed for it and the nodes that share with it";
  if (!need_.nothing()) {
    if (wants_lanes()) lanes_ = push_.take_lanes();
    auto told = co_await talk_->tell(beginning(), run_.limit);
    if (!told) co_return told;
    if (seat_->position == 0) {
      feed_ = std::make_unique<PushFeed>(run_, talk_, survey_.stage, news_);
      feed_->add_lanes(lanes_);
      feeding_ = true;
      asio::co_spawn(executor_, feed(), asio::detached);
    }
    auto fed = co_await attend(&Delivery::streamed, "not all was sent in time");
    if (!fed) co_return fed;
  }
  if (!talk_->complaint().empty()) {  // the nodes that it feeds must get all
    auto failed = co_await attend(&Delivery::put_in_place, "the push did not end in time on the node");
    co_return failed;
  }
  auto told = co_await tell_end();
  if (!told) co_return told;
  auto done = co_await attend(&Delivery::put_in_place, "the push did not end in time on the node");
  if (done && !seat_->wave->stream->changed().empty())
    done = std::unexpected(changed_error(seat_->wave->stream->changed()));
  co_return done;
}

std::string Delivery::beginning() const {
  auto text = fmt::format("begin {}\n", quote_word(need_.left));
  if (lanes_ > 0) text += make_lanes_text(lanes_);
  for (const auto& path : need_.discard) text += fmt::format("discard {}\n", quote_word(path));
  const auto& seats = seat_->wave->seats;
  for (const auto position : fed_by(seat_->position, seats.size())) {
    const auto& fed = *seats[position];
    text += fmt::format("link {} {}\n", position,
                        quote_words({fed.address, std::to_string(fed.node.port == 0 ? 22 : fed.node.port),
                                     fed.node.user, fill_command(fed.stage)}));
  }
  const auto& stream = *seat_->wave->stream;
  const bool first = seat_->position == 0;
  const bool stored = stream.expected_archive() <= (stream.compressed() ? kMostStoredPacked : kMostStored);
  const bool only_stored = stored && first && seats.size() == 1;
  if (!only_stored && expected_sent(stream) >= kLong) text += passer_text() + '\n';
  text += only_stored ? "store" : stored ? "start stored" : "start";
  if (stream.compressed()) text += " gzip";
  if (expected_sent(stream) >= kMuch) text += " much";
  return text + (first && !only_stored ? "\nfeed" : "");
}

bool Delivery::wants_lanes() const {
  return seat_->position == 0 && far_ && !lane_broke_ && expected_sent(*seat_->wave->stream) >= kWorthLanes;
}

/// The first node of a wave gets the archive from us.
asio::awaitable<void> Delivery::feed() {
  const Limit limit{run_.limit.deadline, stop_feeding_.get_token()};
  auto& wave = *seat_->wave;
  push_.count().expected += wave.stream->expected();
  const auto on_sent = [this, &wave](const PushFeed::Part& part) {
    push_.count().sent += part.content;
    push_.count().uplink += wave.stream->compressed() ? part.bytes : part.content;
    run_.observer.on_bytes(run_.node, part.content);
    wave.progress = Clock::now();
  };
  auto sent = co_await feed_->send(*wave.stream, on_sent, limit);
  feeding_ = false;
  push_.count().connections = std::max(push_.count().connections, feed_->lanes_used() + 1);
  if (sent) {
    wave.streamed = true;
    wave.notify();
  } else {
    feed_error_ = sent.error();
  }
  news_->notify_all();
}

asio::awaitable<void> Delivery::stop_feeding() {
  stop_feeding_.request_stop();
  const Limit unlimited;
  while (feeding_) co_await news_->wait(unlimited);
  if (feed_) {
    co_await feed_->finish();
    lane_broke_ = lane_broke_ || feed_->lane_broke();
    feed_.reset();
  }
  push_.give_back_lanes(std::exchange(lanes_, 0));
}

void Delivery::tell_need() const {
  const auto line = [this](std::string_view what, const std::string& path) {
    run_.observer.on_line(run_.node, ssh::Stream::out, fmt::format("{} {}", what, printable(path)));
  };
  const auto place = [this](std::size_t number) {
    return place_of(tree_, tree_.items[number], survey_.into, options_.new_name);
  };
  for (const auto number : need_.items) {
    line("send", place(number) + (tree_.items[number].type == TarType::directory ? "/" : ""));
  }
  for (const auto number : need_.attributes) line("set mode and time", place(number));
  for (const auto& path : need_.replace) line("delete", path.substr(2));
  for (const auto& path : need_.erase) line("delete", path.substr(2));
  for (const auto& path : need_.mounted) line("keep mounted", path.substr(2));
}

}  // namespace ec2mpi::ops
