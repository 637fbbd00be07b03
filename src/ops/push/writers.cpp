#include "src/ops/push/writers.hpp"

#include <fmt/format.h>

#include "ec2mpi/base/sha256.hpp"
#include "ec2mpi/base/text.hpp"

namespace ec2mpi::ops {

namespace {

constexpr std::size_t kDigits = 32;  ///< hexadecimal
/// Nodes with storage of their own that could be shared each make a folder; only a few of them fit into every
/// command.
constexpr std::size_t kMostMade = 32;
constexpr std::size_t kLongestId = 48;  ///< two numbers of 64 bits

}  // namespace

Writers::Writers(const std::vector<int>& nodes) : secret_(random_hex(kDigits)) {
  for (const auto node : nodes) owners_.emplace(own_mark(node), node);
}

std::string Writers::own_mark(int node) const {
  return sha256(fmt::format("{} node {}", secret_, node)).substr(0, kDigits);
}

std::string Writers::mark_for(int node, std::string_view target) const {
  const auto name = sha256(fmt::format("{} target {}", secret_, target)).substr(0, kDigits);
  return name + "." + own_mark(node);
}

int Writers::owner_of(std::string_view found) const {
  const auto owner = owners_.find(std::string(found.substr(0, found.find('.'))));
  return owner == owners_.end() ? 0 : owner->second;
}

int Writers::writer_for(int node, int first) {
  auto& writer = writers_.try_emplace(first, first).first->second;
  const auto* end = end_of(writer);
  if (end != nullptr && end->lost) writer = node;
  // Of nodes that would wait for each other, one writes itself.
  const int chosen = waits_for(writer, node) ? node : writer;
  if (chosen == node)
    waiting_.erase(node);
  else
    waiting_[node] = chosen;
  return chosen;
}

void Writers::note_end(int node, WriterEnd end) {
  waiting_.erase(node);
  ends_.insert_or_assign(node, std::move(end));
}

const WriterEnd* Writers::end_of(int node) const {
  const auto end = ends_.find(node);
  return end == ends_.end() ? nullptr : &end->second;
}

/// The words go into the command lines of other nodes, so nothing but two numbers is accepted.
void Writers::note_made(int node, const std::string& target, const std::string& id) {
  if (id.empty() || id.size() > kLongestId || id.find_first_not_of("0123456789.") != std::string::npos)
    return;
  auto& makers = makers_[target];
  if (makers.size() < kMostMade) makers.try_emplace(id, node);
}

std::string Writers::made_words(const std::string& target) const {
  std::string words;
  const auto makers = makers_.find(target);
  if (makers == makers_.end()) return words;
  for (const auto& [id, node] : makers->second) words += fmt::format(" made={},", id);
  return words;
}

int Writers::maker_of(const std::string& target, const std::string& id) const {
  const auto makers = makers_.find(target);
  if (makers == makers_.end()) return 0;
  const auto maker = makers->second.find(id);
  return maker == makers->second.end() ? 0 : maker->second;
}

/// Perhaps by way of other nodes. No node ever waits for itself, so the way has an end.
bool Writers::waits_for(int node, int other) const {
  for (auto at = waiting_.find(node); at != waiting_.end(); at = waiting_.find(at->second)) {
    if (at->second == other) return true;
  }
  return false;
}

}  // namespace ec2mpi::ops
