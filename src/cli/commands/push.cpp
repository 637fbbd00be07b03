// `ec2mpi push`: checks paths and flags against this machine and the list, reads the sources once, and hands
// groups of nodes with equal sources to ops/push. The summary is made from the PushCount that the task fills.

#include <fmt/format.h>
#include <algorithm>
#include <map>
#include <set>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cli/session/flags.hpp"
#include "ec2mpi/cli/session/option_values.hpp"
#include "ec2mpi/ops/exec/exec.hpp"
#include "ec2mpi/ops/node/placeholders.hpp"
#include "ec2mpi/ops/push/push.hpp"
#include "src/cli/commands/copy.hpp"
#include "src/cli/commands/push_memory.hpp"

namespace ec2mpi::cli {

namespace {

/// Only push has these; the flags for nodes and connections are in CopyOptions.
struct PushOptions {
  std::vector<std::string> exclude;
  bool gitignore = false;
  bool checksum = false;
  bool erase = false;
  bool force = false;
  bool compress = false;
  bool dry_run = false;
  bool sudo = false;
  bool json = false;
  bool json_lines = false;
  ops::RelayMode relay = ops::RelayMode::automatic;
};

/// The paths on the nodes are looked at before any connection is made.
Result<void> check_target(const std::string& typed, const std::vector<Node>& nodes, std::size_t sources) {
  for (const auto& node : nodes) {
    TRY_AS(target, ops::push_target(ops::fill_placeholders(typed, node), sources));
  }
  return {};
}

/// What --delete must not be used on is looked for before any connection is made, too.
Result<void> check_home(const std::string& typed, const std::vector<Node>& nodes,
                        const std::vector<ops::PushGroup>& groups) {
  for (const auto& node : nodes) {
    const auto filled = ops::fill_placeholders(typed, node);
    const auto target = ops::push_target(filled, 1);
    for (const auto& group : groups) {
      if (target && ops::cleans_up_home(*target, *group.tree))
        return fail(ErrorKind::usage, ops::home_refusal(filled));
    }
  }
  return {};
}

/// --delete compares folders; a group without one gives it nothing to compare.
bool has_folder(const ops::PushGroup& group) {
  const auto& tops = group.tree->tops;
  return std::any_of(tops.begin(), tops.end(), [](const auto& top) { return top.directory; });
}

/// The target may become the new name of a folder; the next time it is a folder that takes the source.
bool may_name_a_folder(const std::vector<std::string>& sources, const std::string& target,
                       const std::vector<ops::PushGroup>& groups) {
  return sources.size() == 1 && !target.ends_with('/') && !ops::name_in_target(sources.front()).empty() &&
         std::any_of(groups.begin(), groups.end(), has_folder);
}

/// Sources that are not here may be meant as files of a node.
std::vector<std::string> missing_of(std::vector<std::string> sources) {
  std::error_code ignored;
  std::erase_if(sources, [&](const auto& source) { return std::filesystem::exists(source, ignored); });
  return sources;
}

/// The lines that are printed before the summary; `lines` is known before the push.
std::vector<std::string> add_remarks(std::vector<std::string> lines, const ops::PushCount& count) {
  if (!count.note.empty()) lines.push_back(count.note);
  return lines;
}

/// "3 nodes share this folder: written once, by node1"; "" if no folder was written for several nodes.
std::string sharing_words(const ops::PushCount& count) {
  constexpr std::size_t kNamed = 3;
  std::vector<std::string> words;
  for (const auto& [index, folder] : count.shared) {
    if (folder.writer.empty() || folder.others.empty()) continue;
    words.push_back(fmt::format("{} nodes share {}: written once, by {}", folder.others.size() + 1,
                                words.empty() ? "this folder" : "another one", folder.writer));
  }
  if (words.size() <= kNamed) return join(words, "; ");
  return fmt::format("nodes share {} folders: each was written once", words.size());
}

/// Files get their names when all have arrived; a push that failed before that has sent bytes, but
/// put nothing in place.
std::string final_words(const ops::PushCount& count, bool dry_run) {
  const auto sent = count.in_place();
  std::string text;
  if (dry_run)
    text = count_of(count.files, "file") + " to send";
  else if (sent == 0 && count.files > 0)
    text = count_of(count.files, "file") + " not put in place";
  else
    text = count_of(sent, "file") + " sent";
  if (!dry_run && sent > 0 && sent < count.files)
    text += fmt::format(", {} not put in place", count.files - sent);
  text += fmt::format(", {} unchanged", count.unchanged);
  if (count.erased > 0) text += fmt::format(", {} {}", count.erased, dry_run ? "to delete" : "deleted");
  if (dry_run) return text + " · dry run, nothing was changed";
  text += fmt::format(" · {} over the uplink", format_bytes(count.uplink));
  if (count.inside > 0) text += fmt::format(", {} between nodes", format_bytes(count.inside));
  if (const auto sharing = sharing_words(count); !sharing.empty()) text += " · " + sharing;
  return text;
}

/// The names are a part of the interface (docs/json.md): scripts read them.
Numbers totals(const ops::PushCount& count, bool dry_run) {
  return {{"files_sent", dry_run ? count.files : count.in_place()},
          {"files_unchanged", count.unchanged},
          {"deleted", count.erased},
          {"bytes_over_uplink", count.uplink},
          {"bytes_between_nodes", count.inside},
          {"connections_to_a_node", count.connections}};
}

/// The index of the node that has written the files of this one, on storage that both share.
Numbers writer_of(const ops::PushCount& count, const Node& node) {
  for (const auto& [index, folder] : count.shared) {
    if (!folder.writer.empty() && folder.others.contains(node.index))
      return {{"written_by", static_cast<std::uint64_t>(index)}};
  }
  return {};
}

/// The command with its views and without its task.
FleetCommand show_push(const PushOptions& push, const std::shared_ptr<ops::PushCount>& count,
                       std::size_t nodes, std::vector<std::string> left_out) {
  FleetCommand command{
      .style = {
          .json_lines = push.json_lines,
          .doing = "push",
          .progress = [count, began = Clock::now()] { return push_words(*count, Clock::now() - began); },
          .detail = [count, dry = push.dry_run] { return final_words(*count, dry); }},
      .notes = [count, skipped = std::move(left_out)] { return add_remarks(skipped, *count); }};
  // The plans of most nodes are equal, and equal lines are shown once.
  if (push.dry_run) {
    command.output = [nodes](Console& console) { return gathered_output(console, nodes, false); };
  }
  if (push.json) {
    command.output = [count, nodes, dry_run = push.dry_run](Console& console) {
      return json_output(
          console, nodes, "push", [count](const Node& node) { return writer_of(*count, node); },
          [count, dry_run] { return totals(*count, dry_run); }, dry_run);
    };
  }
  return command;
}

/// Checks the words, then the list, the sources and the keys. Nothing is connected before all of them are
/// right.
Result<int> run_push(const CopyOptions& options, const PushOptions& push, const CommonOptions& common) {
  // --force-delete is a stronger --delete and needs no second flag.
  const bool erase = push.erase || push.force;
  const auto sources = options.sources();
  // Before the list is read: a wrong target needs no list.
  TRY(ops::push_target(options.target(), sources.size()));
  TRY_AS(cluster, open_cluster(options.list));
  TRY(check_target(options.target(), cluster->nodes, sources.size()));
  TRY(check_remote_paths("push", {options.target()}, *cluster));
  TRY(refuse_host_in_target("push", options.target()));
  TRY(check_remote_paths("pull", missing_of(sources), *cluster));
  TRY(check_excluded_paths(push.exclude, *cluster));
  // The sources are read once, so that every node gets the same state of them.
  auto exclude = push.exclude;
  // Git has no .git in a tree, so no .gitignore names it. A rule of the user's comes later and wins.
  if (push.gitignore) exclude.insert(exclude.begin(), ".git");
  auto groups = ops::push_groups(sources, cluster->nodes,
                                 {.exclude = exclude,
                                  .gitignore = push.gitignore,
                                  .kept_back = private_files(*cluster, options.connect)});
  if (!groups) return std::unexpected(groups.error());
  if (erase && !std::all_of(groups->begin(), groups->end(), has_folder))
    return fail(ErrorKind::usage, "--delete needs a folder among the sources; a file says nothing of others");
  if (erase && !push.force) {
    TRY(check_home(options.target(), cluster->nodes, *groups));
  }
  TRY_AS(access, open_access(*cluster, options.connect));

  const auto count = std::make_shared<ops::PushCount>();
  auto notes = left_out_notes(*groups);
  const bool may_name = may_name_a_folder(sources, options.target(), *groups);
  const auto id = push_id(sources.front(), ops::push_target(options.target(), 1)->path);
  const auto unfinished = may_name ? recall_push(cluster->state, id) : UnfinishedPush();
  auto named = named_nodes(unfinished, cluster->nodes);
  if (!named.empty())
    notes.push_back(
        fmt::format("continued the push that some nodes had not finished: {0} is the new name of "
                    "{1}, which was not copied into it; for that push to {0}/",
                    printable(options.target()), printable(sources.front())));
  auto command = show_push(push, count, cluster->nodes.size(), std::move(notes));
  // Comes last, because it takes the groups away.
  command.task = ops::push_task({.groups = std::move(*groups),
                                 .target = options.target(),
                                 .folder = sources.size() > 1,
                                 .named = std::move(named),
                                 .checksum = push.checksum,
                                 .erase = erase,
                                 .force = push.force,
                                 // The other nodes' logins may not read the files of root.
                                 .relay = push.sudo ? ops::RelayMode::never : push.relay,
                                 .as_root = push.sudo,
                                 .compress = push.compress,
                                 .dry_run = push.dry_run,
                                 .count = count});
  const auto flow = fleet_options(*cluster, options.connect, options.fleet);
  const int code = run_fleet_command(*cluster, *access, flow, common, std::move(command));
  if (may_name && !push.dry_run)
    remember_push(cluster->state, id, unfinished, cluster->nodes, cluster->inventory.nodes, *count);
  return code;
}

void add_push_options(CLI::App& command, PushOptions& options) {
  add_flag(command, "-c,--checksum", options.checksum,
           "Compare contents; else size and time of the last change");
  add_flag(
      command, "--delete", options.erase,
      "Remove files from the nodes that the source folders no longer have; refused in the home and above it");
  add_flag(command, "--force-delete", options.force,
           "The same, even there; only ~/.ssh and ~/.ec2mpi stay in any case");
  add_flag(command, "-C,--compress", options.compress,
           "Compress the data once for all nodes; for slow uplinks");
  add_flag(command, "-n,--dry-run", options.dry_run, "List files to send and to delete; change nothing");
  add_option(command, "--exclude", options.exclude,
             "Leave out matching files, here and with --delete; written as in a .gitignore. May be repeated")
      .type_name("PATTERN")
      .allow_extra_args(false);
  add_flag(command, "--gitignore", options.gitignore,
           "Leave out .git and the files that the .gitignore files of the sources name");
  const auto json = add_flag(command, "--json", options.json, "One JSON document with every node's outcome");
  add_flag(command, "--json-lines", options.json_lines, "One JSON object for each event, while it happens")
      .excludes(json);
  const auto sudo = add_flag(command, "--sudo", options.sudo,
                             "Write the files as root, by a sudo that asks for no password; without relays");
  add_option(command, "--relay", options.relay,
             "Nodes relay the data to each other: auto (if that saves uplink), always, never "
             "[auto]")
      .transform(one_of<ops::RelayMode>({{"auto", ops::RelayMode::automatic},
                                         {"always", ops::RelayMode::always},
                                         {"never", ops::RelayMode::never}}))
      .type_name("WHEN")
      .excludes(sudo);
}

}  // namespace

void add_push_command(CLI::App& app, Dispatch& dispatch) {
  auto push = std::make_shared<PushOptions>();
  auto& command = add_copy_command(
      app, dispatch,
      {.name = "push",
       .description = "Copies files and folders to the chosen nodes, to all at once; only what they lack",
       .example = "ec2mpi push train.py data proj/             into ~/proj on every node\n"
                  "  ec2mpi push code proj/                       ~/proj/code; code/ is the same\n"
                  "  ec2mpi push code/. proj/                     the content of code, as code/ in rsync\n"
                  "  ec2mpi push 'conf/{node}.conf' app.conf      each node its own\n"
                  "  ec2mpi push -w workers a.conf b.conf         under a new name\n"
                  "  ec2mpi push --sudo limits.conf /etc/security/limits.d/   as root\n"
                  "  ec2mpi push --delete --exclude '*.o' -n src proj/   what would be sent and removed",
       .paths = "Local files and folders, and their place on the nodes. DST is a folder if it is one there, "
                "ends in / "
                "or "
                "takes several SRC; else it is the new name. A relative DST begins at the home",
       .run = [push](const CopyOptions& options, const CommonOptions& common) {
         return run_push(options, *push, common);
       }});
  add_push_options(command, *push);
}

}  // namespace ec2mpi::cli
