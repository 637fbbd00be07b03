#include "ec2mpi/ops/pull/plan.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <algorithm>
#include <cerrno>
#include <map>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/ops/node/placeholders.hpp"
#include "ec2mpi/ops/node/remote_path.hpp"
#include "src/ops/pull/safe_path.hpp"

namespace ec2mpi::ops {

namespace {

Result<PullSource> source_from(const std::string& typed) {
  TRY_AS(path, remote_path(typed));
  PullSource source{.path = std::move(*path), .filled_in = {}, .name = {}, .glob = {}};
  source.name = name_in_target(source.path);
  source.glob = remote_glob(source.path);
  return source;
}

/// A link is written through, as by scp and push: the file that it means, there or not, is the target.
Result<std::filesystem::path> follow_links(std::filesystem::path path) {
  struct stat info {};
  while (::lstat(path.c_str(), &info) == 0 && S_ISLNK(info.st_mode)) {
    // Links in a circle; or one that another user has put into a folder like /tmp, and the kernel refuses to
    // follow.
    std::error_code failed;
    if (::stat(path.c_str(), &info) != 0 && errno != ENOENT) failed = {errno, std::generic_category()};
    const auto to = failed ? std::filesystem::path() : std::filesystem::read_symlink(path, failed);
    if (failed) {
      return fail(ErrorKind::usage,
                  fmt::format("cannot follow the link {}: {}", printable(path.string()), failed.message()));
    }
    path = path.parent_path() / to;
  }
  return path;
}

/// Depends on what is copied; an instance keeps its id when it is stopped and gets another address.
std::string mark_of(const PullSource& source, const Node& node) {
  const auto machine =
      node.instance_id.empty() ? fmt::format("{}:{}", node.address, node.port) : node.instance_id;
  return pull_temporary("new", fmt::format("{}\n{}\n{}", machine, node.user, source.path));
}

/// A folder that an interrupted pull of the same source has made as its new name.
bool is_begun(const PullPlan& plan, const std::string& target) {
  const auto name = std::filesystem::path(target).filename();
  if (name == "." || name == "..") return false;
  struct stat info {};
  return ::lstat((target + "/" + plan.mark).c_str(), &info) == 0;
}

/// scp's rule. Only looks at the target; folders are made when there is something to put into them.
Result<void> choose_place(PullPlan& plan, const std::string& target, bool only_folder) {
  struct stat info {};
  const bool exists = ::stat(target.c_str(), &info) == 0;
  const bool folder = exists && S_ISDIR(info.st_mode);
  if (only_folder || target.ends_with('/') || (folder && !is_begun(plan, target))) {
    plan.folder = target;
    if (exists && !folder)
      return fail(ErrorKind::usage, printable(target) + " is a file; a folder is needed here");
    return {};
  }
  TRY_AS(followed, follow_links(target));
  const auto& path = *followed;
  plan.folder = path.has_parent_path() ? path.parent_path() : ".";
  plan.rename = path.filename();
  return {};
}

}  // namespace

PullLayout pull_layout(const std::string& target, std::size_t nodes, bool flat) {
  if (flat) return PullLayout::flat;
  // {role} is not enough, because all workers have the same role.
  const bool own = target.find("{node}") != std::string::npos ||
                   target.find("{index}") != std::string::npos ||
                   target.find("{address}") != std::string::npos;
  return nodes == 1 || own ? PullLayout::as_named : PullLayout::per_node;
}

Result<PullPlan> pull_plan(const std::vector<std::string>& sources, const std::string& target,
                           const Node& node, PullLayout layout) {
  if (target.empty()) return fail(ErrorKind::usage, "the target is empty; '.' is this folder");
  PullPlan plan;
  std::map<std::string, std::string> paths;  // by their names
  for (const auto& typed : sources) {
    const auto filled = fill_placeholders(typed, node);
    TRY_AS(source, source_from(filled));
    source->filled_in = filled_in_note(typed, filled);
    // Names from wildcards are known only after the listing; choose_wanted() compares them.
    const bool named = !source->glob && !source->name.empty();
    if (named && paths.emplace(source->name, source->path).first->second != source->path) {
      return fail(ErrorKind::usage, "two sources are called " + printable(source->name) +
                                        "; pull them into different folders" + source->filled_in);
    }
    plan.sources.push_back(std::move(*source));
  }
  const auto& first = plan.sources.front();
  // A wildcard, or a source that gives its content, may bring more than one name.
  const bool several = plan.sources.size() > 1 || first.name.empty() || first.glob;
  const auto place = fill_placeholders(target, node);
  plan.mark = mark_of(first, node);
  auto chosen = choose_place(plan, place, several || layout != PullLayout::as_named);
  if (!chosen) return fail(chosen.error().kind, chosen.error().message + filled_in_note(target, place));
  if (layout == PullLayout::per_node) plan.folder /= node.label();
  if (layout == PullLayout::flat) plan.suffix = "." + node.label();
  return plan;
}

}  // namespace ec2mpi::ops
