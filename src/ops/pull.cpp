#include "ec2mpi/ops/pull.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <algorithm>
#include <optional>
#include <set>

#include "ec2mpi/base/tar.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/ops/remote_path.hpp"
#include "ec2mpi/ops/safe_tree.hpp"
#include "ec2mpi/ops/source_tree.hpp"
#include "src/ops/pull_script.hpp"

namespace ec2mpi::ops {

namespace {

constexpr std::string_view kMark = "ec2mpi: ";
constexpr std::size_t kMostErr = 64 * 1024;
constexpr std::size_t kMostBefore = 64 * 1024;  // what .bashrc may say
constexpr std::size_t kMostNotes = 20;

/// Puts what the archive tells into the tree.
class Unpacker : public TarVisitor {
 public:
  Unpacker(const PullPlan& plan, NodeRun& run, SafeTree tree)
      : plan_(plan), run_(run), tree_(std::move(tree)) {}

  Result<void> on_entry(const TarEntry& entry) override {
    writing_ = false;
    auto path = place_of(entry.name);
    if (!path) return std::unexpected(path.error());
    switch (entry.type) {
      case TarType::directory:
        return tree_.make_folder(*path, entry.mode, entry.mtime);
      case TarType::symlink:
        return take_link(*path, entry);
      case TarType::file:
        writing_ = true;
        return tree_.begin_file(*path, entry.mode, entry.mtime);
      default:
        note(entry.name, "it is a device, pipe or hard link");
        return {};
    }
  }

  Result<void> on_data(std::string_view bytes) override {
    return writing_ ? tree_.write(bytes) : Result<void>{};
  }
  Result<void> on_entry_end() override { return writing_ ? tree_.end_file() : Result<void>{}; }

  Result<void> finish() {
    if (notes_ > kMostNotes) say(fmt::format("skipped {} more", notes_ - kMostNotes));
    return tree_.finish();
  }

 private:
  /// Where an entry goes. The node must not send what was not asked for: it would replace other files of the
  /// user's.
  [[nodiscard]] Result<std::string> place_of(std::string_view name) const {
    auto rest = name;
    while (rest.starts_with("./")) {
      rest.remove_prefix(1);
      while (rest.starts_with('/')) rest.remove_prefix(1);
    }
    const auto slash = rest.find('/');
    const auto first = rest.substr(0, slash);
    const bool asked = std::any_of(plan_.names.begin(), plan_.names.end(),
                                   [first](const auto& wanted) { return wanted.empty() || wanted == first; });
    if (!asked) {
      return fail(
          ErrorKind::protocol,
          fmt::format("the node sent a file named {}, which was not asked for; refused", printable(name)));
    }
    if (plan_.rename.empty()) return rest.empty() ? std::string(".") : std::string(rest);
    return plan_.rename + (slash == std::string_view::npos ? std::string() : std::string(rest.substr(slash)));
  }

  Result<void> take_link(const std::string& path, const TarEntry& entry) {
    const auto made = tree_.make_link(path, entry.link);
    if (!made) return std::unexpected(made.error());
    if (!*made) note(entry.name, "its link to " + printable(entry.link) + " leads out of what is pulled");
    return {};
  }

  void note(std::string_view name, std::string_view why) {
    if (++notes_ <= kMostNotes) say(fmt::format("skipped {}: {}", printable(name), why));
  }
  void say(const std::string& words) { run_.observer.on_line(run_.node, ssh::Stream::err, words); }

  const PullPlan& plan_;
  NodeRun& run_;
  SafeTree tree_;
  bool writing_ = false;
  std::size_t notes_ = 0;
};

/// Drops what comes before the line with the token.
class Beginning {
 public:
  explicit Beginning(std::string token) : token_(std::move(token) + "\n") {}

  /// What of these bytes belongs to the archive. Errors: protocol if the token doesn't come.
  Result<std::string_view> after(std::string_view bytes) {
    if (found_) return bytes;
    before_ += bytes;
    const auto place = before_.find(token_);
    if (place == std::string::npos) {
      if (before_.size() > kMostBefore)
        return fail(ErrorKind::protocol, "the node prints much before any file; see its .bashrc");
      return std::string_view();
    }
    found_ = true;
    return std::string_view(before_).substr(place + token_.size());
  }
  [[nodiscard]] bool found() const { return found_; }

 private:
  std::string token_;
  std::string before_;
  bool found_ = false;
};

/// A node's word on why it failed, without the tool's name.
std::string complaint_in(std::string_view err) {
  for (const auto line : split(err, '\n')) {
    if (line.starts_with(kMark)) return printable(line.substr(kMark.size()));
  }
  for (const auto line : split(err, '\n')) {
    if (line.starts_with("tar: ")) return printable(line.substr(5));
  }
  return printable(trim(err).substr(0, 200));
}

/// The error for how the node's side ended, if it did not end well.
Result<ssh::ExitStatus> judge(const Result<ssh::ExitStatus>& status, std::string_view err, bool began,
                              const TarDecoder& decoder) {
  if (!status) return status;
  if (!status->ok()) {
    const auto complaint = complaint_in(err);
    return fail(ErrorKind::remote_io, complaint.empty() ? "tar ended with " + status->describe() : complaint);
  }
  if (!began) return fail(ErrorKind::protocol, "the node sent nothing");
  if (auto whole = decoder.finish(); !whole) return std::unexpected(whole.error());
  return status;
}

asio::awaitable<Result<ssh::ExitStatus>> receive(NodeRun& run, ssh::Channel& channel, TarVisitor& visitor,
                                                 std::string token) {
  Beginning beginning(std::move(token));
  TarDecoder decoder(visitor);
  std::string err;
  for (;;) {
    auto chunk = co_await channel.read(run.limit);
    if (!chunk) co_return std::unexpected(chunk.error());
    if (!*chunk) break;
    if ((*chunk)->stream == ssh::Stream::err) {
      if (err.size() < kMostErr) err += (*chunk)->bytes;
      continue;
    }
    run.observer.on_bytes(run.node, (*chunk)->bytes.size());
    const auto archive = beginning.after((*chunk)->bytes);
    if (!archive) co_return std::unexpected(archive.error());
    if (auto fed = decoder.feed(*archive); !fed) co_return std::unexpected(fed.error());
    co_await run.observer.ready(run.limit);
  }
  co_return judge(channel.exit_status(), err, beginning.found(), decoder);
}

std::string command_for(const PullPlan& plan, const std::string& token) {
  std::vector<std::string> words = {"sh", "-c", kPullScript, "ec2mpi-pull", token};
  words.insert(words.end(), plan.sources.begin(), plan.sources.end());
  return quote_words(words);
}

asio::awaitable<Result<ssh::ExitStatus>> pull(NodeRun run, PullPlan plan) {
  auto tree = SafeTree::open(plan.per_node ? plan.folder / run.node.label() : plan.folder);
  if (!tree) co_return std::unexpected(tree.error());
  Unpacker unpacker(plan, run, std::move(*tree));
  const auto token = random_hex(32);
  ssh::Request request{.command = command_for(plan, token), .bulk = true};
  auto channel = co_await run.session.start(std::move(request), run.limit);
  if (!channel) co_return std::unexpected(channel.error());
  (*channel)->close_input();
  auto status = co_await receive(run, **channel, unpacker, token);
  const auto finished = unpacker.finish();
  if (status && !finished) co_return std::unexpected(finished.error());
  co_return status;
}

bool is_folder(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

Result<void> choose_place(PullPlan& plan, const std::string& target) {
  const bool folder = is_folder(target);
  if (plan.per_node || folder || target.ends_with('/') || plan.sources.size() > 1 ||
      plan.names.front().empty()) {
    plan.folder = target;
    struct stat info {};
    if (!folder && ::stat(target.c_str(), &info) == 0) {
      return fail(ErrorKind::usage, printable(target) + " is a file; a folder is needed here");
    }
    return {};
  }
  const std::filesystem::path path = target;
  plan.folder = path.has_parent_path() ? path.parent_path() : ".";
  plan.rename = path.filename();
  return {};
}

}  // namespace

Result<PullPlan> pull_plan(const std::vector<std::string>& sources, const std::string& target,
                           bool per_node) {
  if (target.empty()) return fail(ErrorKind::usage, "the target is empty; '.' is this folder");
  PullPlan plan;
  plan.per_node = per_node;
  std::set<std::string> names;
  for (const auto& typed : sources) {
    auto path = remote_path(typed);
    if (!path) return std::unexpected(path.error());
    auto name = name_in_target(*path);
    if (!name.empty() && !names.insert(name).second) {
      return fail(ErrorKind::usage,
                  "two sources are called " + printable(name) + "; pull them one after the other");
    }
    plan.sources.push_back(std::move(*path));
    plan.names.push_back(std::move(name));
  }
  if (auto chosen = choose_place(plan, target); !chosen) return std::unexpected(chosen.error());
  return plan;
}

NodeTask pull_task(PullPlan plan) {
  return [plan = std::move(plan)](NodeRun run) { return pull(run, plan); };
}

}  // namespace ec2mpi::ops
