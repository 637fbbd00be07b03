#include "src/cli/commands/listed_instances.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <algorithm>
#include <cerrno>
#include <map>
#include <tuple>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cli/session/cluster_setup.hpp"
#include "ec2mpi/cloud/instance_list.hpp"
#include "ec2mpi/cluster/list/list_memory.hpp"
#include "ec2mpi/cluster/list/read_inventory.hpp"
#include "ec2mpi/cluster/values/address.hpp"
#include "ec2mpi/cluster/values/own_table.hpp"

namespace ec2mpi::cli {

namespace {

namespace fs = std::filesystem;

/// `how` is that of flock(2). The kernel drops the lock with the descriptor, so a killed ec2mpi leaves none.
/// A folder is locked and not the list, because each change gives the list's name to another file.
Result<UniqueFd> lock_folder(const fs::path& folder, int how) {
  UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0) return io_error("open", folder);
  int failed = 0;
  do {
    failed = ::flock(fd.get(), how);
  } while (failed != 0 && errno == EINTR);
  if (failed != 0) return io_error("lock", folder);
  return fd;
}

/// Held only while a list is read and written, without a call to EC2 between, so nobody waits long for it.
Result<UniqueFd> lock_for_writing(const fs::path& list) {
  std::error_code ignored;
  const auto real = fs::weakly_canonical(list, ignored);
  const auto folder = (real.empty() ? list : real).parent_path();
  return lock_folder(folder.empty() ? "." : folder, LOCK_EX);
}

Node skipped_node(const Skipped& skipped) {
  Node node;
  node.instance_id = skipped.instance_id;
  if (!is_ipv4(skipped.name)) node.name = skipped.name;  // of a nameless instance it is the address
  node.state = skipped.state;
  node.line = skipped.line;
  return node;
}

/// Also of instances without an address, as ended ones are. A list that is to be written must be a file.
Result<Inventory> inventory_of(const std::string& text, const fs::path& file) {
  return parse_inventory(text, file.string(), {.choose_addresses = false, .addresses_required = false});
}

/// All instances of the list in its order, also those that do not run.
std::vector<Node> all_nodes(const Inventory& inventory) {
  auto nodes = inventory.nodes;
  for (const auto& skipped : inventory.skipped) nodes.push_back(skipped_node(skipped));
  // EC2 knows a machine by its id only.
  std::erase_if(nodes, [](const Node& node) { return node.instance_id.empty(); });
  std::stable_sort(nodes.begin(), nodes.end(),
                   [](const Node& one, const Node& other) { return one.line < other.line; });
  return nodes;
}

/// A stopped instance is known by its earlier number, unless another one has it now.
void number_stopped_nodes(std::vector<Node>& nodes, const std::vector<RememberedNode>& remembered) {
  for (auto& node : nodes) {
    if (node.index != 0) continue;
    const auto earlier = std::ranges::find(remembered, node.instance_id, &RememberedNode::instance_id);
    if (earlier != remembered.end() && std::ranges::find(nodes, earlier->index, &Node::index) == nodes.end())
      node.index = earlier->index;
  }
}

std::vector<std::string> with_changed_numbers(const std::vector<Node>& nodes,
                                              const std::vector<RememberedNode>& remembered) {
  std::map<int, std::string_view> earlier;
  for (const auto& one : remembered) earlier.emplace(one.index, one.instance_id);
  std::vector<std::string> changed;
  for (const auto& node : nodes) {
    const auto before = earlier.find(node.index);
    if (before != earlier.end() && before->second != node.instance_id) changed.push_back(node.instance_id);
  }
  return changed;
}

/// The instance as the list has it.
cloud::Instance listed_instance(const Node& node) {
  cloud::Instance instance;
  instance.id = node.instance_id;
  instance.state = node.state;
  instance.type = node.type;
  instance.zone = node.availability_zone;
  instance.public_address = node.public_address;
  instance.private_address = node.private_address;
  instance.ipv6 = node.ipv6;
  instance.launched = node.launched;
  return instance;
}

/// A table that is to be written.
struct Lines {
  std::vector<cloud::Instance> instances = {};
  /// In the list. They win over the tag Name: the user may have changed them.
  std::vector<std::string> names = {};
};

bool contains(const std::vector<std::string>& ids, const std::string& id) {
  return std::ranges::count(ids, id) != 0;
}

/// Whether another command, or the user, has changed the line between the two times at which it was read.
bool has_changed(const Node& before, const Node& now) {
  const auto text = [](const Node& node) {
    return std::tie(node.state, node.public_address, node.private_address, node.ipv6, node.launched);
  };
  return text(before) != text(now);
}

/// Of the instances that are not this command's own, a line that was changed after EC2 was asked is newer
/// than EC2's answer.
cloud::Instance line_of(const Node& node, const ListedInstances& seen, const ListChange& change,
                        const std::vector<cloud::Instance>& known) {
  const auto answer = std::ranges::find(known, node.instance_id, &cloud::Instance::id);
  if (answer == known.end()) return listed_instance(node);
  const auto before = std::ranges::find(seen.nodes, node.instance_id, &Node::instance_id);
  const bool is_newer = before == seen.nodes.end() || has_changed(*before, node);
  if (contains(change.own, node.instance_id) || !is_newer) return *answer;
  auto line = *answer;  // the line of a stopped instance is read without its type and zone
  line.state = node.state;
  line.public_address = node.public_address;
  line.ipv6 = node.ipv6;
  return line;
}

void enter_newcomers(Lines& lines, const ListChange& change, const std::vector<cloud::Instance>& known) {
  for (const auto& newcomer : change.newcomers) {
    cloud::Instance instance;
    instance.id = newcomer.id;
    const auto answer = std::ranges::find(known, newcomer.id, &cloud::Instance::id);
    if (answer != known.end()) instance = *answer;
    const auto old = newcomer.replaced.empty()
                         ? lines.instances.end()
                         : std::ranges::find(lines.instances, newcomer.replaced, &cloud::Instance::id);
    if (old != lines.instances.end()) {
      *old = std::move(instance);
      continue;
    }
    // Also if another command has taken the old line out of the list: the newcomer runs, so it must be there.
    lines.instances.push_back(std::move(instance));
    lines.names.emplace_back();
  }
}

/// A list of ended instances only keeps them: it still says which ones they were.
void remove_ended(Lines& lines) {
  auto& [instances, names] = lines;
  if (std::ranges::all_of(instances, &cloud::Instance::is_gone)) return;
  for (auto i = instances.size(); i-- > 0;) {
    if (!instances[i].is_gone()) continue;
    instances.erase(instances.begin() + static_cast<std::ptrdiff_t>(i));
    names.erase(names.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

/// The user's own list must not be lost to a table of ours. The copy's name; empty if the file is a table of
/// ours.
Result<std::filesystem::path> keep_before(const std::filesystem::path& file) {
  TRY_AS(text, read_file(file));
  if (is_own_table(*text)) return std::filesystem::path();
  std::error_code error;
  for (int number = 1;; ++number) {
    auto before = file;
    before += number == 1 ? ".before" : fmt::format(".before.{}", number);
    // An earlier copy may be the only one of another list, so it is never replaced.
    // Nor is a link followed, which may lead to a file that is not there yet.
    if (std::filesystem::exists(std::filesystem::symlink_status(before, error))) continue;
    if (std::filesystem::copy_file(file, before, error)) return before;
    return fail(ErrorKind::local_io, fmt::format("cannot write {}: {}", before.string(), error.message()));
  }
}

}  // namespace

Result<ListedInstances> read_listed(const std::filesystem::path& file) {
  TRY_AS(text, read_file(file));
  TRY_AS(inventory, inventory_of(*text, file));
  TRY_AS(state, open_state(file));
  // With the remembered numbers, so that node3 is here the node3 of all other commands.
  TRY_AS(memory, state->read(std::filesystem::path("lists") / file.filename()));
  const auto remembered = parse_memory(memory->value_or(""));
  if (!inventory->nodes.empty()) std::ignore = merge_memory(*inventory, remembered);
  ListedInstances listed{file, std::move(*state), all_nodes(*inventory)};
  number_stopped_nodes(listed.nodes, remembered);
  listed.renumbered = with_changed_numbers(listed.nodes, remembered);
  // A table of EC2's answers has no users, ports or slots; they would be lost.
  const auto has_more = [](const Node& node) {
    return node.instance_id.empty() || !node.user.empty() || node.port != 0 || node.slots != 0;
  };
  listed.may_be_written = std::ranges::none_of(inventory->nodes, has_more);
  // A list of private addresses stays one: ec2mpi would connect to those of a public column.
  const auto is_private = [](const Node& node) {
    return node.public_address.empty() && node.ipv6.empty() && !node.private_address.empty();
  };
  listed.has_public_addresses = inventory->nodes.empty() ? !is_own_table(*text, false)
                                                         : !std::ranges::all_of(inventory->nodes, is_private);
  return listed;
}

Result<void> refuse_list_in_use(const fs::path& list) {
  std::error_code ignored;
  if (!fs::exists(list, ignored)) return {};
  TRY_AS(text, read_file(list));
  const auto found = inventory_of(*text, list);
  const auto has_ended = [](const Skipped& one) { return one.state == "terminated"; };
  if (found && found->nodes.empty() && std::ranges::all_of(found->skipped, has_ended)) return {};
  return fail(ErrorKind::usage,
              fmt::format("{} is there already, and up would replace it; --add N starts more of its "
                          "instances; or end them with ec2mpi down, or name another file with --list",
                          list.string()));
}

Result<UniqueFd> lock_for_launch(const fs::path& list) {
  TRY_AS(state, open_state(list));
  TRY(state->make());
  auto lock = lock_folder(state->path(), LOCK_EX | LOCK_NB);
  if (lock) return lock;
  return fail(ErrorKind::usage, fmt::format("another ec2mpi up changes {} at the moment", list.string()));
}

bool is_launch_at_work(const ListedInstances& list) {
  std::error_code ignored;
  if (!fs::exists(list.state.path(), ignored)) return false;
  return !lock_folder(list.state.path(), LOCK_SH | LOCK_NB);
}

Result<ListWritten> change_list(const ListedInstances& seen, const ListChange& change,
                                const std::vector<cloud::Instance>& known) {
  TRY_AS(lock, lock_for_writing(seen.file));
  TRY_AS(now, read_listed(seen.file));
  Lines lines;
  for (const auto& node : now->nodes) {
    lines.instances.push_back(line_of(node, seen, change, known));
    lines.names.push_back(node.name);
  }
  enter_newcomers(lines, change, known);
  if (change.ended == EndedLines::go) remove_ended(lines);
  ListWritten done{.text = cloud::list_text(lines.instances, lines.names, now->has_public_addresses)};
  if (!now->may_be_written || lines.instances.empty()) {
    // Instances that no list names are easily forgotten, so their launch must fail.
    if (!change.newcomers.empty()) return refuse_to_write(seen.file);
    return done;
  }
  TRY_AS(before, read_file(seen.file));
  done.written = true;
  done.changed = *before != done.text;
  if (!done.changed) return done;
  TRY_AS(kept, keep_before(seen.file));
  TRY(write_file_atomically(seen.file, done.text, 0644));
  done.before = *kept;
  return done;
}

std::unexpected<Error> refuse_to_write(const fs::path& list) {
  return fail(ErrorKind::usage,
              fmt::format("{} has more than a table of instances, so new ones cannot be written into it",
                          list.string()));
}

Result<void> write_new_list(const fs::path& list, std::string_view text) {
  TRY_AS(lock, lock_for_writing(list));
  // Once more: the launch took minutes, in which another list may have come to lie here.
  TRY(refuse_list_in_use(list));
  return write_file_atomically(list, text, 0644);
}

}  // namespace ec2mpi::cli
