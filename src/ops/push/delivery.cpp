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
#include "ec2mpi/ops/node/root_access.hpp"

namespace ec2mpi::ops {

namespace {

/// Each attempt continues with the files that the attempts before it left in the node's stage.
constexpr int kAttempts = 4;
constexpr std::uint64_t kWorthLanes = 16'000'000;  ///< bytes for which additional connections are made
constexpr std::size_t kNamedChanges = 3;
constexpr auto kTimeToEnd = std::chrono::seconds(5);
constexpr int kBrokenOff = 3;  ///< and above: the script's statuses for an archive that did not arrive whole
constexpr std::uint64_t kMuch = 16'000'000;  ///< bytes whose checksum takes longer than openssl's start
constexpr std::uint64_t kWorthRelaying = 4'000'000;  ///< bytes that the uplink is spared
/// A node with less time than this is served from here: a feeder that hangs could not be replaced in time.
constexpr auto kTimeToReplace = std::chrono::seconds(40);

/// The script protects the login's .ssh and jobs, so it must know the home of the login, and not only that of
/// root.
constexpr const char* kBySudo = R"sh(exec sudo -n sh -c 'export HOME="$0"; exec "$@"' "$HOME" )sh";

/// The kind is local_io: the node is not at fault, so the delivery is not tried again.
Error changed_error(const SourceTree& tree, const std::vector<std::size_t>& changed) {
  std::string names;
  for (std::size_t i = 0; i < changed.size() && i < kNamedChanges; ++i) {
    names += (i == 0 ? "" : ", ") + printable(tree.path_of(tree.items[changed[i]]).string());
  }
  if (changed.size() > kNamedChanges) names += fmt::format(" and {} more", changed.size() - kNamedChanges);
  return {ErrorKind::local_io,
          fmt::format("changed here while being sent, so not put in place: {}; push again", names)};
}

/// Only then does the survey ask which tar the node has, for that starts a program there.
bool has_holes(const SourceTree& tree) {
  return std::any_of(tree.items.begin(), tree.items.end(),
                     [](const SourceItem& item) { return item.stored < item.size; });
}

}  // namespace

Delivery::Delivery(NodeRun& run, GroupPush& push, const asio::any_io_executor& executor)
    : run_(run),
      push_(push),
      tree_(*push.tree),
      executor_(executor),
      news_(std::make_shared<Event>(executor)) {}

asio::awaitable<Result<void>> Delivery::carry_out() {
  // The group waits for this node until it has asked for a place, or has failed for good.
  push_.expect();
  Result<void> done;
  for (attempt_ = 1;; ++attempt_) {
    auto tried = co_await attempt();
    done = std::move(tried);
    if (done || attempt_ == kAttempts || !may_try_again(done.error())) break;
  }
  stop_being_expected();
  if (!done) done = std::unexpected(reason_for(done.error()));
  if (done) push_.count.finished.insert(run_.node.index);
  note_end(done);
  co_return done;
}

/// One attempt: the survey, the wait for another writer on shared storage, and the archive. A failed attempt
/// still ends the script on the node, so that the next attempt finds the files that arrived.
asio::awaitable<Result<void>> Delivery::attempt() {
  finished_.reset();
  stop_upload_ = std::stop_source();
  auto done = co_await look();
  if (done && first_ != run_.node.index) {
    auto followed = co_await follow();
    done = std::move(followed);
  }
  if (done) {
    const int maker = push_.writers.maker_of(target_, survey_.made);
    if (maker != 0 && need_.in_place()) note_shared(maker);
    if (!std::exchange(counted_, true)) push_.note_need(need_);
    auto sent = co_await send();
    done = std::move(sent);
  }
  // The upload and the lanes are coroutines of their own that use this object; they end first.
  co_await stop_feeding();
  if (!done && talk_) {
    co_await end_talk();  // it keeps the arrived files, and reports its error
    if (place_.share) take_words();
    if (is_in_place() && done.error().kind != ErrorKind::local_io) done = {};  // it came to its end meanwhile
  }
  leave_share();
  if (talk_) co_await talk_->leave();
  co_return done;
}

/// Asks for the content of the target, and compares it with the sources.
asio::awaitable<Result<void>> Delivery::look() {
  const auto& plan = *push_.plan;
  CO_TRY_AS(target, push_target(fill_placeholders(plan.target, run_.node), plan.folder ? 2 : 1));
  target_ = target->path;
  options_.checksum = plan.checksum;
  options_.erase = plan.erase;
  talk_.reset();
  auto command = command_for(*target);
  auto talk = co_await PushTalk::begin(run_.session, std::move(command), run_.limit, news_);
  if (!talk) co_return std::unexpected(talk.error());
  talk_ = *talk;
  CO_TRY_AS(survey, co_await talk_->survey(run_.limit));
  survey_ = std::move(*survey);
  if (!survey_.into) push_.count.named.insert(run_.node.index);
  const int owner = push_.writers.owner_of(survey_.mark);
  first_ = owner == 0 ? run_.node.index : owner;
  // The node compares true paths, so it also finds a home behind a link or a bind mount.
  if (!survey_.holds.empty() && !plan.force) {
    const Error refused{ErrorKind::usage, home_refusal(survey_.holds)};
    co_return std::unexpected(refused);
  }
  auto compared = co_await compare();
  co_return compared;
}

/// Files that have to be read are read before, for the comparison itself waits for nothing.
asio::awaitable<Result<void>> Delivery::compare() {
  const auto files = files_to_compare(tree_, survey_, options_);
  for (const auto& [file, bytes] : files) {
    CO_TRY_AS(sum, co_await push_.sums.of(file, bytes, run_.limit));
  }
  need_ = push_need(tree_, survey_, options_, [this](const SourceItem& item, std::uint64_t bytes) {
    return push_.sums.known(static_cast<std::size_t>(&item - tree_.items.data()), bytes);
  });
  if (!need_.in_the_way.empty()) {
    auto refused = refuse_obstacle();
    co_return refused;
  }
  co_return Result<void>{};
}

std::unexpected<Error> Delivery::refuse_obstacle() const {
  auto place = fill_placeholders(push_.plan->target, run_.node);
  if (survey_.into && !place.ends_with('/')) place += '/';
  place += survey_.into ? need_.in_the_way : need_.in_the_way.substr(survey_.name.size());
  return fail(ErrorKind::usage, printable(place) + ' ' + need_.why_it_stays);
}

/// The head of push.sh describes the arguments.
std::string Delivery::command_for(const PushTarget& target) const {
  std::string asked = options_.checksum ? "sums" : "";
  if (has_holes(tree_)) asked += " holes";
  if (options_.erase) asked += " delete";
  // A single node feeds no other one, so its free space does not matter.
  if (push_.plan->relay != RelayMode::never && push_.nodes > 1) asked += " room";
  if (followed_) asked += " again";
  // As the survey before said; by now the writer, or an earlier push, may have made a folder of this name.
  if ((followed_ && !survey_.into) || push_.plan->named.contains(run_.node.index)) asked += " named";
  // A dry run leaves nothing on a node, not even for a moment.
  if (!followed_ && push_.nodes > 1 && !push_.plan->dry_run)
    asked += " mark=" + push_.writers.mark_for(run_.node.index, target.path) +
             push_.writers.made_words(target.path);
  std::vector<std::string> words{"sh",          "-c",
                                 push_script(), "ec2mpi-push",
                                 target.path,   target.folder ? "1" : "0",
                                 push_.key,     std::move(asked)};
  for (auto& path : asked_paths(tree_, options_.erase)) words.push_back(std::move(path));
  auto command = need_home_for({target.path});
  if (push_.plan->as_root)
    command.append(check_sudo_text()).append(kBySudo);
  else
    command += "exec ";
  return command + quote_words(words);
}

asio::awaitable<Result<void>> Delivery::send() {
  if (push_.plan->dry_run) {
    tell_need();
    co_return Result<void>{};
  }
  CO_TRY(co_await take_place());
  if (push_.plan->compress && !survey_.unpackers.gzip && !need_.items.empty())
    push_.count.note =
        run_.node.label() + " has no gzip, so nothing was compressed for it and the nodes that share with it";
  // A node that lacks nothing gets only its last steps, and makes no stage.
  if (!need_.nothing()) {
    // Before the first text, which makes a pipe on the node for each lane.
    if (wants_lanes()) lanes_ = push_.take_lanes();
    CO_TRY(co_await talk_->tell(beginning(), run_.limit));
    place_.share->begin(place_.number);
    CO_TRY(co_await attend(&Delivery::has_all, "not all was sent in time"));
  }
  auto finished = co_await finish();
  co_return finished;
}

/// A place among the nodes that share an archive, or alone.
asio::awaitable<Result<void>> Delivery::take_place() {
  const bool relayed = wants_relay();
  stop_being_expected();
  if (!relayed) {
    place_ = push_.serve_alone(candidate());
    co_return Result<void>{};
  }
  auto joined = co_await push_.join(candidate(), run_.limit);
  if (!joined) co_return std::unexpected(joined.error());
  place_ = std::move(*joined);
  co_return Result<void>{};
}

Candidate Delivery::candidate() const {
  return {.node = run_.node,
          .address = survey_.address,
          .stage = survey_.stage,
          .unpackers = survey_.unpackers,
          .room = survey_.room,
          .need = &need_,
          .news = news_};
}

bool Delivery::wants_relay() const {
  const auto& plan = *push_.plan;
  if (plan.relay == RelayMode::never || push_.nodes < 2 || need_.items.empty()) return false;
  // Other nodes would not know where to reach it.
  if (survey_.address.empty()) return false;
  if (plan.relay == RelayMode::always) return true;
  // The relay spares the uplink the data of all nodes but one.
  return run_.limit.deadline - Clock::now() > kTimeToReplace &&
         need_.bytes * (push_.nodes - 1) >= kWorthRelaying;
}

/// Shell text: the stage, the pipes of the lanes, the useless files of an earlier push, and the
/// form of the archive.
std::string Delivery::beginning() const {
  const auto& share = *place_.share;
  auto text = fmt::format("begin {}\n", quote_word(need_.left));
  if (lanes_ > 0) text += make_lanes_text(lanes_);
  for (const auto& path : need_.discard) text += fmt::format("discard {}\n", quote_word(path));
  text += "start";
  if (share.formats().gzip) text += " gzip";
  if (share.expected() >= kMuch) text += " much";
  if (share.stores(place_.number)) text += " serve";
  return text;
}

/// Each node gets its own steps from here, with the checksum of the archive.
std::string Delivery::ending() const {
  const auto& share = *place_.share;
  SentArchive sent;
  // A node without sha256sum compares the number of bytes instead (`measure` in push_survey.sh).
  if (const auto* whole = share.whole(); whole != nullptr && !need_.nothing())
    sent = {survey_.sha256 ? whole->sum() : std::to_string(whole->size()), whole->content(),
            whole->changed()};
  return push_steps(tree_, survey_, need_, sent);
}

asio::awaitable<Result<void>> Delivery::finish() {
  CO_TRY(co_await talk_->tell(ending(), run_.limit));
  constexpr auto kTooLate = "the push did not end in time on the node";
  CO_TRY(co_await attend(&Delivery::is_in_place, kTooLate));
  // The script of a node that stores the archive, or has left a mark, ends only when its input does.
  if (!need_.nothing() && !talk_->ended()) {
    if (has_left_mark()) co_await push_.wait_for_others(*finished_, run_.limit);
    CO_TRY(co_await attend(&Delivery::is_no_longer_needed, kTooLate));
    talk_->close_input();
    CO_TRY(co_await attend(&Delivery::has_ended, kTooLate));
  }
  // By now all other files are in place; the node has discarded only those that changed here.
  const auto* whole = place_.share->whole();
  if (whole == nullptr || whole->changed().empty()) co_return Result<void>{};
  co_return std::unexpected(changed_error(tree_, whole->changed()));
}

/// A node that holds the archive stays for those that may need it.
bool Delivery::is_no_longer_needed() const {
  const auto& share = *place_.share;
  if (talk_->ended() || !share.stores(place_.number)) return true;
  return !share.is_in_use(place_.number) && !push_.some_may_come(*finished_);
}

/// Only the first node of a share normally gets its data from here. If a lane broke in an earlier
/// attempt, the next one does without lanes.
bool Delivery::wants_lanes() const {
  // The program of a lane runs as the login, which may not enter the stage of root.
  return place_.number == 0 && is_far(run_.session) && !lane_broke_ && !push_.plan->as_root &&
         place_.share->expected() >= kWorthLanes;
}

/// The node gets the archive from us.
asio::awaitable<void> Delivery::upload(std::uint64_t offset) {
  const Limit limit{run_.limit.deadline, stop_upload_.get_token()};
  const auto share = place_.share;
  auto stream = share->open_stream();
  if (offset == 0) push_.count.expected += stream->expected();
  Result<bool> sent = false;
  auto position = offset;
  auto turn = co_await push_.common->uploads.enter(limit);
  // Another node may have taken over the feeding in the meantime.
  if (!turn) {
    sent = std::unexpected(turn.error());
  } else if (share->wants_upload(place_.number)) {
    sent = co_await feed_->send(*stream, offset, limit);
    position = feed_->position();
  }
  uploading_ = false;
  push_.count.connections = std::max(push_.count.connections, feed_->lanes_used() + 1);
  if (sent)
    // Only a stream that has come to its end knows the size and the checksum of the archive.
    share->note_upload(place_.number, position, *sent ? std::move(stream) : nullptr);
  else
    feed_->note_failure(sent.error());
  news_->notify_all();
}

asio::awaitable<void> Delivery::stop_feeding() {
  stop_upload_.request_stop();
  const Limit unlimited;
  while (uploading_) co_await news_->wait(unlimited);
  if (feed_) {
    co_await feed_->finish();
    lane_broke_ = lane_broke_ || feed_->lane_broke();
    feed_.reset();
  }
  push_.common->lanes += std::exchange(lanes_, 0);
}

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
                             push_.plan->as_root ? "sudo -n" : "");
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

void Delivery::stop_being_expected() {
  if (std::exchange(expected_, false)) push_.account();
}

void Delivery::leave_share() {
  if (const auto share = std::exchange(place_.share, nullptr)) share->note_gone(place_.number);
}

/// For --dry-run: one line for each planned step, with names made printable.
void Delivery::tell_need() const {
  const auto line = [this](std::string_view what, const std::string& path) {
    run_.observer.on_line(run_.node, ssh::Stream::out, fmt::format("{} {}", what, printable(path)));
  };
  const auto place = [this](std::size_t number) { return place_of(tree_, tree_.items[number], survey_); };
  for (const auto number : need_.items) {
    line("send", place(number) + (tree_.items[number].type == TarType::directory ? "/" : ""));
  }
  for (const auto number : need_.attributes) line("set mode and time", place(number));
  for (const auto& path : need_.replace) line("delete", path.substr(2));
  for (const auto& path : need_.erase) line("delete", path.substr(2));
  for (const auto& path : need_.mounted) line("keep mounted", path.substr(2));
}

}  // namespace ec2mpi::ops
