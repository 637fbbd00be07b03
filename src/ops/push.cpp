#include "ec2mpi/ops/push.hpp"

#include <fmt/format.h>
#include <unistd.h>
#include <asio/this_coro.hpp>
#include <set>

#include "ec2mpi/base/sha256.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/ops/exec.hpp"
#include "ec2mpi/ops/push_plan.hpp"
#include "ec2mpi/ops/push_stream.hpp"
#include "ec2mpi/ops/remote_path.hpp"
#include "src/ops/push_script.hpp"
#include "src/ops/push_talk.hpp"

namespace ec2mpi::ops {

namespace {

constexpr auto kTimeToEnd = std::chrono::seconds(5);
constexpr std::size_t kNamedChanges = 3;
constexpr int kBrokenOff = 3;  ///< and above: the script's statuses for what did not arrive whole

/// What is the same for all nodes of a push.
struct Push {
  PushPlan plan;
  std::string key;  ///< names the sources in the stages' names
  std::unordered_map<const SourceItem*, std::string> sums = {};
  std::set<std::size_t> sent = {};  ///< items that some node lacked

  const std::string& sum_of(const SourceItem& item);
  void count(const PushNeed& need);
};

/// Stages of other sources, or of the same for another place, are not ours to go on with.
std::string key_of(const PushPlan& plan) {
  std::string sources;
  for (const auto& top : plan.tree->tops) {
    std::error_code failed;
    sources +=
        std::filesystem::absolute(top.path, failed).lexically_normal().string() + '\0' + top.name + '\0';
  }
  return sha256(sources).substr(0, 16);
}

/// Read once, however many nodes ask. An unreadable file has a sum like no other.
const std::string& Push::sum_of(const SourceItem& item) {
  auto& sum = sums[&item];
  if (!sum.empty()) return sum;
  sum = "unreadable";
  const auto file = open_item(*plan.tree, item);
  if (!file) return sum;
  Sha256 hash;
  std::string block(1024 * 1024, '\0');
  for (;;) {
    const auto got = ::read(file->get(), block.data(), block.size());
    if (got < 0) return sum;
    if (got == 0) break;
    hash.add(std::string_view(block).substr(0, static_cast<std::size_t>(got)));
  }
  sum = hash.finish();
  return sum;
}

void Push::count(const PushNeed& need) {
  for (const auto number : need.items) {
    if (plan.tree->items[number].type == TarType::file) sent.insert(number);
  }
  std::size_t files = 0;
  for (const auto& item : plan.tree->items) files += item.type == TarType::file ? 1U : 0U;
  plan.count->files = sent.size();
  plan.count->unchanged = files - sent.size();
  plan.count->erased += need.erase.size();
}

std::unexpected<Error> changed_error(const std::vector<std::string>& changed) {
  std::string names;
  for (std::size_t i = 0; i < changed.size() && i < kNamedChanges; ++i) {
    names += (i == 0 ? "" : ", ") + printable(changed[i]);
  }
  if (changed.size() > kNamedChanges) names += fmt::format(" and {} more", changed.size() - kNamedChanges);
  return fail(ErrorKind::local_io,
              fmt::format("changed here while being sent, so not put in place: {}; push again", names));
}

/// Tool's name off: "tar: 0/x: Cannot open: ..." begins with the number of a source.
std::string readable(std::string_view line, const SourceTree& tree) {
  for (const auto tool : {"tar: ", "mv: ", "mkdir: ", "sh: ", "chmod: ", "touch: ", "rm: "}) {
    if (line.starts_with(tool)) line.remove_prefix(std::string_view(tool).size());
  }
  const auto end = line.find_first_not_of("0123456789");
  const auto number = parse_number(line.substr(0, end));
  const bool member = end != std::string_view::npos && (line[end] == '/' || line[end] == ':');
  if (!number || !member || *number >= tree.tops.size()) return printable(line);
  return printable(tree.tops[*number].path.string()) + printable(line.substr(end));
}

/// One node's part.
class Delivery {
 public:
  Delivery(NodeRun& run, Push& push, std::shared_ptr<Event> news)
      : run_(run), push_(push), tree_(*push.plan.tree), news_(std::move(news)) {}

  asio::awaitable<Result<ssh::ExitStatus>> carry_out() {
    auto done = co_await look();
    if (done) {
      auto sent = co_await send();
      done = std::move(sent);
    }
    const Limit patience{Clock::now() + kTimeToEnd, {}};
    if (talk_ && !done) co_await talk_->close(patience);  // it keeps what arrived, and says what is wrong
    if (talk_) co_await talk_->leave();
    Result<ssh::ExitStatus> status;
    if (!done) status = std::unexpected(reason_for(done.error()));
    co_return status;
  }

 private:
  /// Asks what is there, and finds out what is lacking.
  asio::awaitable<Result<void>> look() {
    auto target = push_target(fill_placeholders(push_.plan.target, run_.node), push_.plan.folder ? 2 : 1);
    if (!target) co_return std::unexpected(target.error());
    options_.new_name = target->path.substr(target->path.rfind('/') + 1);
    options_.checksum = push_.plan.checksum;
    options_.erase = push_.plan.erase;
    auto talk = co_await PushTalk::begin(run_.session, command_for(*target), run_.limit, news_);
    if (!talk) co_return std::unexpected(talk.error());
    talk_ = *talk;
    auto survey = co_await talk_->survey(run_.limit);
    if (!survey) co_return std::unexpected(survey.error());
    survey_ = std::move(*survey);
    need_ =
        push_need(tree_, survey_, options_, [this](const SourceItem& item) { return push_.sum_of(item); });
    push_.count(need_);
    co_return Result<void>{};
  }

  [[nodiscard]] std::string command_for(const PushTarget& target) const {
    std::vector<std::string> words{"sh",        "-c",
                                   kPushScript, "ec2mpi-push",
                                   target.path, target.folder ? "1" : "0",
                                   push_.key,   options_.checksum ? "1" : "0"};
    for (auto& path : asked_paths(tree_, options_.erase)) words.push_back(std::move(path));
    return "exec " + quote_words(words);
  }

  asio::awaitable<Result<void>> send() {
    if (push_.plan.dry_run) {
      tell_need();
      co_return Result<void>{};
    }
    if (need_.nothing()) {
      auto told = co_await talk_->tell("steps() { :; }\napply", run_.limit);
      if (!told) co_return told;
      auto heard = co_await hear_done();
      co_return heard;
    }
    push_.plan.count->expected += need_.bytes;
    PushStream stream(push_.plan.tree, {need_.items, need_.folders});
    auto told = co_await talk_->tell(beginning() + "start\nfeed", run_.limit);
    if (!told) co_return told;
    auto fed = co_await feed(stream);
    if (!fed) co_return fed;
    auto finished = co_await finish(stream);
    co_return finished;
  }

  [[nodiscard]] std::string beginning() const {
    auto text = fmt::format("begin {}\n", quote_word(need_.left));
    for (const auto& path : need_.discard) text += fmt::format("discard {}\n", quote_word(path));
    return text;
  }

  asio::awaitable<Result<void>> feed(PushStream& stream) {
    for (;;) {
      const auto before = stream.content_bytes();
      const auto block = stream.next();
      if (block.empty()) break;
      if (auto sent = co_await talk_->data(block, run_.limit); !sent) co_return sent;
      const auto bytes = stream.content_bytes() - before;
      push_.plan.count->uplink += bytes;
      run_.observer.on_bytes(run_.node, bytes);
    }
    co_return Result<void>{};
  }

  asio::awaitable<Result<void>> finish(const PushStream& stream) {
    const auto sum = survey_.sha256 ? stream.sum() : std::to_string(stream.size());
    auto told = co_await talk_->tell(
        push_steps(tree_, survey_, need_, options_, sum, stream.folders(), stream.discarded()), run_.limit);
    if (!told) co_return told;
    auto done = co_await hear_done();
    if (done && !stream.changed().empty()) done = changed_error(stream.changed());
    co_return done;
  }

  asio::awaitable<Result<void>> hear_done() {
    for (;;) {
      auto word = co_await talk_->next_word(run_.limit);
      if (!word) co_return std::unexpected(word.error());
      if (*word == "done") co_return Result<void>{};
    }
  }

  void tell_need() {
    const auto line = [this](std::string_view what, const std::string& path) {
      run_.observer.on_line(run_.node, ssh::Stream::out, fmt::format("{} {}", what, printable(path)));
    };
    const auto place = [this](std::size_t number) {
      return place_of(tree_, tree_.items[number], survey_.into, options_.new_name);
    };
    for (const auto number : need_.items) {
      line("send", place(number) + (tree_.items[number].type == TarType::directory ? "/" : ""));
    }
    for (const auto number : need_.mends) line("mend", place(number));
    for (const auto& path : need_.erase) line("delete", path.substr(2));
  }

  /// The node's own words, if it said any, tell more than that it ended.
  [[nodiscard]] Error reason_for(const Error& error) const {
    if (error.kind == ErrorKind::timeout || error.kind == ErrorKind::cancelled || !talk_) return error;
    const auto complaint = push_complaint(talk_->err(), tree_);
    if (!complaint.empty()) return {ErrorKind::remote_io, complaint};
    if (error.kind == ErrorKind::local_io || !talk_->ended() || !talk_->end()) return error;
    const auto& status = *talk_->end();
    if (status.code >= kBrokenOff)
      return {ErrorKind::remote_io, "the archive did not arrive whole; nothing was changed; push again"};
    if (status.ok()) return error;
    return {ErrorKind::remote_io,
            fmt::format("the push ended with {} on the node{}{}", status.describe(),
                        talk_->err().empty() ? "" : ": ", printable(trim(talk_->err())))};
  }

  NodeRun& run_;
  Push& push_;
  const SourceTree& tree_;
  std::shared_ptr<Event> news_;
  std::shared_ptr<PushTalk> talk_;
  DiffOptions options_;
  PushSurvey survey_;
  PushNeed need_;
};

asio::awaitable<Result<ssh::ExitStatus>> deliver(NodeRun run, std::shared_ptr<Push> push) {
  const auto executor = co_await asio::this_coro::executor;
  Delivery delivery(run, *push, std::make_shared<Event>(executor));
  auto status = co_await delivery.carry_out();
  co_return status;
}

}  // namespace

std::string push_complaint(std::string_view err, const SourceTree& tree) {
  for (const auto line : split(err, '\n')) {
    if (line.starts_with(kPushMark)) return readable(line.substr(kPushMark.size()), tree);
  }
  return {};
}

Result<PushTarget> push_target(std::string_view typed, std::size_t sources) {
  auto path = remote_path(typed);
  if (!path) return std::unexpected(path.error());
  PushTarget target{.path = std::move(*path), .folder = sources > 1 || typed.ends_with('/')};
  while (target.path.size() > 1 && target.path.ends_with('/')) target.path.pop_back();
  return target;
}

NodeTask push_task(PushPlan plan) {
  auto push = std::make_shared<Push>();
  push->key = key_of(plan);
  push->plan = std::move(plan);
  return [push](NodeRun run) { return deliver(std::move(run), push); };
}

}  // namespace ec2mpi::ops
