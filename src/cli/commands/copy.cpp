#include "src/cli/commands/copy.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <chrono>
#include <memory>
#include <set>

#include "ec2mpi/base/file.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cli/session/flags.hpp"
#include "ec2mpi/cli/terminal/standard_output.hpp"
#include "ec2mpi/cluster/values/lookalike.hpp"
#include "ec2mpi/cluster/values/quote.hpp"
#include "ec2mpi/cluster/values/selection.hpp"

namespace ec2mpi::cli {

std::string transfer_words(std::uint64_t done, std::uint64_t expected, std::string_view where,
                           Clock::duration elapsed) {
  if (done == 0) return {};
  const auto seconds = std::chrono::duration<double>(elapsed).count();
  // The first blocks leave at once; by a shorter time they would show an absurd rate.
  const auto rate = static_cast<double>(done) / std::max(seconds, 0.1);
  // `expected` is only what is known so far, so it may be behind `done`.
  auto text = fmt::format("{} of {}{} · {}/s", format_bytes(done), format_bytes(std::max(done, expected)),
                          where, format_bytes(static_cast<std::uint64_t>(rate)));
  if (expected <= done) return text;
  const std::chrono::duration<double> left(static_cast<double>(expected - done) / rate);
  return text +
         fmt::format(" · {} left", format_duration(std::chrono::duration_cast<std::chrono::seconds>(left)));
}

std::string push_words(const ops::PushCount& count, Clock::duration elapsed) {
  std::string where = " over the uplink";
  // They differ where the archive is compressed: `sent` counts the content before that.
  if (count.uplink != count.sent) where = fmt::format(", {} over the uplink", format_bytes(count.uplink));
  if (count.inside > 0) where += fmt::format(", {} between nodes", format_bytes(count.inside));
  auto text = transfer_words(count.sent, count.expected, where, elapsed);
  const auto less = [](const auto& a, const auto& b) { return a.second < b.second; };
  const auto [least, most] = std::minmax_element(count.arrived.begin(), count.arrived.end(), less);
  if (text.empty() || least == most || least->second > most->second / 10 * 9) return text;
  return text + fmt::format(" · slowest: node{} with {}", least->first, format_bytes(least->second));
}

namespace {

/// A private key on a node would let anybody on it log in to all others.
std::vector<std::string> kept_back_notes(const std::set<std::string>& paths) {
  std::vector<std::string> notes;
  for (const auto& path : paths)
    notes.push_back(
        fmt::format("not sent: {}, which belongs to this machine (a private key, or ec2mpi's state); to send "
                    "it, name it",
                    printable(path)));
  return notes;
}

}  // namespace

/// Each path once, although several groups may have it.
std::vector<std::string> left_out_notes(const std::vector<ops::PushGroup>& groups) {
  std::set<std::string> paths;
  std::set<std::string> kept_back;
  for (const auto& group : groups) {
    paths.insert(group.tree->skipped.begin(), group.tree->skipped.end());
    kept_back.insert(group.tree->kept_back.begin(), group.tree->kept_back.end());
  }
  auto notes = kept_back_notes(kept_back);
  for (const auto& path : paths)
    notes.push_back(fmt::format("skipped {}: it is a device, pipe or socket", printable(path)));
  return notes;
}

Result<void> check_excluded_paths(const std::vector<std::string>& patterns, const Cluster& cluster) {
  for (const auto& pattern : patterns) {
    const bool looks_like_nodes = pattern.find_first_not_of("0123456789-,") == std::string::npos ||
                                  pattern.starts_with("node") || pattern.starts_with("i-");
    // A file may have such a name, too; only a word that selects nodes of this list is refused.
    if (!looks_like_nodes || !select_nodes(cluster.inventory, {pattern}, {})) continue;
    return fail(
        ErrorKind::usage,
        fmt::format("--exclude {0} leaves out paths here; nodes: -x {0}; paths of that name: --exclude "
                    "'**/{0}'",
                    printable(pattern)));
  }
  return {};
}

Result<void> check_remote_paths(const std::string& name, const std::vector<std::string>& paths,
                                const Cluster& cluster) {
  for (const auto& path : paths) {
    const auto colon = path.find(':');
    if (colon == std::string::npos || path.find('/') < colon) continue;
    if (colon == 0)
      return fail(ErrorKind::usage,
                  fmt::format("'{}' is a path on the nodes without the colon; ./{} is a file of that "
                              "name",
                              printable(path), printable(path)));
    auto node = path.substr(0, colon);
    node.erase(0, node.find('@') + 1);  // npos + 1 is 0
    ListOptions named;
    named.wanted = {node};
    if (node.empty() || !choose_nodes(cluster, named)) continue;
    const auto rest = colon + 1 == path.size() ? "./" : path.substr(colon + 1);
    const auto form = name == "push" ? "SRC... " + quote_word(rest) : quote_word(rest) + " DST";
    return fail(ErrorKind::usage, fmt::format("nodes stand behind -w: ec2mpi {} -w {} {}", name,
                                              quote_word(node), printable(form)));
  }
  return {};
}

Result<void> refuse_host_in_target(const std::string& name, const std::string& target) {
  const auto colon = target.find(':');
  if (colon == std::string::npos || target.find('/') < colon) return {};
  const auto shown = printable(target);
  const auto host = printable(target.substr(0, colon));
  if (name == "pull")
    return fail(
        ErrorKind::usage,
        fmt::format("pull copies to this machine, and '{0}' names the host {1}; to nodes: ec2mpi push; "
                    "./{0} is a folder of that name",
                    shown, in_quotes(host)));
  return fail(ErrorKind::usage,
              fmt::format("'{0}' names the host {1}, which is no node of the list; nodes stand "
                          "behind -w, and ./{0} is a path of that name on them",
                          shown, in_quotes(host)));
}

/// Keyboards for Chinese give these for . and ~/, and nobody wants a file of that name on each node.
Result<void> check_target(std::string_view target) {
  constexpr std::string_view kPlaces[] = {".", "./", "..", "../", "~", "~/", "/"};
  const auto sign = describe_lookalike(target);
  if (sign.empty() || std::ranges::count(kPlaces, with_plain_signs(target)) == 0) return {};
  return fail(ErrorKind::usage, fmt::format("{}; ./{} is a file of that name", sign, target));
}

/// Of a command that failed: the shell here writes this machine's home for a ~.
void hint_at_home(const std::vector<std::string>& on_nodes) {
  const auto home = home_folder().string();
  for (const auto& path : on_nodes) {
    if (home.size() < 2 || (path != home && !path.starts_with(home + "/"))) continue;
    print_talk(fmt::format(
        "hint: {} lies in the home of this machine; if you typed ~, quote it for that of the nodes: '~{}'\n",
        printable(path), printable(path.substr(home.size()))));
    return;
  }
}

/// What push and pull have in common: the selection, and SRC... DST with checks for both.
CLI::App& add_copy_command(CLI::App& app, Dispatch& dispatch, const CopyCommand& copy) {
  auto options = std::make_shared<CopyOptions>();
  auto& command = add_command(app, copy.name, copy.description, copy.example);
  add_selection_options(command, options->list, "-x,--exclude-nodes");  // --exclude is for paths here
  add_connect_options(command, options->connect);
  add_fleet_options(command, options->fleet);
  add_option(command, "paths", options->paths, copy.paths)
      .required()
      // One word is accepted here: the message below says more than CLI11 could.
      .expected(1, 1 << 20)
      .type_name("SRC... DST");
  when_typed(command, [options, run = copy.run, name = copy.name, &dispatch] {
    dispatch.chosen = [options, run, name](const CommonOptions& common) -> Result<int> {
      if (options->paths.size() < 2) {
        return fail(ErrorKind::usage, fmt::format("where to? ec2mpi {} {} DST (./ is {})", name,
                                                  quote_word(printable(options->paths.front())),
                                                  name == "push" ? "the home on each node" : "this folder"));
      }
      TRY(check_target(options->paths.back()));
      TRY_AS(code, run(*options, common));
      if (*code != exit_code::ok)
        hint_at_home(name == "push" ? std::vector{options->target()} : options->sources());
      return *code;
    };
  });
  return command;
}

}  // namespace ec2mpi::cli
