#include "ec2mpi/ops/push.hpp"

#include <fmt/format.h>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/ops/push_stream.hpp"
#include "ec2mpi/ops/remote_path.hpp"
#include "src/ops/push_script.hpp"

namespace ec2mpi::ops {

namespace {

constexpr std::string_view kMark =
    "ec2mpi: ";  // what the script's own words begin with; .bashrc may say more
constexpr std::size_t kMostErr = 64 * 1024;
constexpr std::size_t kNamedChanges = 3;

std::string command_for(const PushTarget& target) {
  return quote_words({"sh", "-c", kPushScript, "ec2mpi-push", target.path, target.folder ? "1" : "0"});
}

asio::awaitable<Result<void>> send(NodeRun& run, ssh::Channel& channel, PushStream& stream) {
  for (;;) {
    const auto block = stream.next();
    if (block.empty()) break;
    if (auto sent = co_await channel.write(block, run.limit); !sent) co_return sent;
    run.observer.on_bytes(run.node, block.size());
  }
  channel.close_input();
  co_return Result<void>{};
}

/// What the script says at its end. It says little, so that nobody need listen while the files are sent.
asio::awaitable<Result<std::string>> listen(ssh::Channel& channel, Limit limit) {
  std::string err;
  for (;;) {
    auto chunk = co_await channel.read(limit);
    if (!chunk) co_return std::unexpected(chunk.error());
    if (!*chunk) co_return err;
    if ((*chunk)->stream == ssh::Stream::err && err.size() < kMostErr) err += (*chunk)->bytes;
  }
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
  for (const auto tool : {"tar: ", "mv: ", "mkdir: ", "sh: "}) {
    if (line.starts_with(tool)) line.remove_prefix(std::string_view(tool).size());
  }
  const auto end = line.find_first_not_of("0123456789");
  const auto number = parse_number(line.substr(0, end));
  const bool member = end != std::string_view::npos && (line[end] == '/' || line[end] == ':');
  if (!number || !member || *number >= tree.tops.size()) return printable(line);
  return printable(tree.tops[*number].path.string()) + printable(line.substr(end));
}

asio::awaitable<Result<ssh::ExitStatus>> push(NodeRun run, std::shared_ptr<const SourceTree> tree,
                                              PushTarget target) {
  ssh::Request request{.command = command_for(target)};
  auto channel = co_await run.session.start(std::move(request), run.limit);
  if (!channel) co_return std::unexpected(channel.error());

  PushStream stream(tree);
  auto sent = co_await send(run, **channel, stream);
  const bool gave_up =
      !sent && (sent.error().kind == ErrorKind::timeout || sent.error().kind == ErrorKind::cancelled);
  if (gave_up) co_return std::unexpected(sent.error());
  auto err = co_await listen(**channel, run.limit);
  const auto complaint = err ? push_complaint(*err, *tree) : std::string();
  if (!complaint.empty()) co_return fail(ErrorKind::remote_io, complaint);
  if (!sent) co_return std::unexpected(sent.error());
  if (!err) co_return std::unexpected(err.error());

  auto status = (*channel)->exit_status();
  if (status && !status->ok()) {
    co_return fail(ErrorKind::remote_io,
                   fmt::format("the push ended with {} on the node{}{}", status->describe(),
                               err->empty() ? "" : ": ", printable(trim(*err))));
  }
  if (status && !stream.changed().empty()) co_return changed_error(stream.changed());
  co_return status;
}

}  // namespace

std::string push_complaint(std::string_view err, const SourceTree& tree) {
  for (const auto line : split(err, '\n')) {
    if (line.starts_with(kMark)) return readable(line.substr(kMark.size()), tree);
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

NodeTask push_task(std::shared_ptr<const SourceTree> tree, PushTarget target) {
  return
      [tree = std::move(tree), target = std::move(target)](NodeRun run) { return push(run, tree, target); };
}

}  // namespace ec2mpi::ops
