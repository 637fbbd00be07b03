#include "src/cli/commands/push_memory.hpp"

#include "ec2mpi/base/sha256.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cluster/values/selection.hpp"

namespace ec2mpi::cli {

namespace {

/// A file of the state folder.
constexpr const char* kUnfinished = "unfinished-pushes";
constexpr const char* kNamed = "named";
constexpr const char* kLacking = "lacking";

/// A file that cannot be read is an empty one.
std::string read_unfinished(const StateFolder& state) {
  const auto kept = state.read(kUnfinished);
  return kept ? kept->value_or("") : std::string();
}

}  // namespace

std::string push_id(const std::string& source, const std::string& target) {
  std::error_code ignored;
  auto path = std::filesystem::absolute(source, ignored).lexically_normal().string();
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return sha256(path + '\0' + target).substr(0, 16);
}

UnfinishedPush recall_push(const StateFolder& state, const std::string& id) {
  UnfinishedPush push;
  const auto text = read_unfinished(state);
  for (const auto line : split(text, '\n')) {
    const auto [of, rest] = first_word(line);
    const auto [what, node] = first_word(rest);
    if (of != id) continue;
    if (what == kNamed) push.named.emplace(node);
    if (what == kLacking) push.lacking.emplace(node);
  }
  return push;
}

std::set<int> named_nodes(const UnfinishedPush& push, const std::vector<Node>& nodes) {
  std::set<int> indices;
  for (const auto& node : nodes) {
    if (push.named.contains(node_key(node))) indices.insert(node.index);
  }
  return indices;
}

void remember_push(const StateFolder& state, const std::string& id, UnfinishedPush push,
                   const std::vector<Node>& nodes, const std::vector<Node>& listed,
                   const ops::PushCount& count) {
  for (const auto& node : nodes) {
    if (count.named.contains(node.index)) push.named.insert(node_key(node));
    if (count.finished.contains(node.index))
      push.lacking.erase(node_key(node));
    else
      push.lacking.insert(node_key(node));
  }
  // A node that has left the list will never finish.
  std::set<std::string> keys;
  for (const auto& node : listed) keys.insert(node_key(node));
  std::erase_if(push.lacking, [&keys](const auto& key) { return !keys.contains(key); });

  std::string text;
  const auto before = read_unfinished(state);
  for (const auto line : split(before, '\n')) {
    if (!line.empty() && first_word(line).first != id) text.append(line).push_back('\n');
  }
  if (!push.lacking.empty() && !push.named.empty()) {
    for (const auto& key : push.named) text += id + ' ' + kNamed + ' ' + key + '\n';
    for (const auto& key : push.lacking) text += id + ' ' + kLacking + ' ' + key + '\n';
  }
  if (text.empty()) return state.remove({kUnfinished});
  [[maybe_unused]] const auto kept =
      state.write(kUnfinished, text);  // where it cannot be kept, scp's rule holds
}

}  // namespace ec2mpi::cli
