#include "src/ops/push/sharing.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace ec2mpi::ops {

namespace {

/// bytes of tar's headers and padding
constexpr std::uint64_t kWorthCompressing = 1'000'000;

std::uint64_t bytes_of(const SourceTree& tree, const std::vector<std::size_t>& items) {
  std::uint64_t bytes = 0;
  for (const auto item : items) bytes += tree.items[item].size;
  return bytes;
}

/// More of the archive is headers and padding than content, and it is long: compressed it is a fraction of
/// that.
bool is_mostly_headers(const SourceTree& tree, const PushContent& content) {
  const auto headers = content.items.size() * kTarBesides;
  return headers >= kWorthCompressing && headers >= bytes_of(tree, content.items);
}

}  // namespace

PushContent content_for(const Seats& seats) {
  std::set<std::size_t> items;
  std::set<std::size_t> folders;
  for (const auto& seat : seats) {
    const auto& need = *seat->candidate.need;
    items.insert(need.items.begin(), need.items.end());
    folders.insert(need.folders.begin(), need.folders.end());
  }
  PushContent content{{items.begin(), items.end()}, {folders.begin(), folders.end()}};
  // A beginning is left out only if all nodes that need the rest have it.
  for (const auto& [number, bytes] : seats.front()->candidate.need->kept) {
    auto least = bytes;
    for (const auto& seat : seats) {
      const auto& kept = seat->candidate.need->kept;
      const auto found = kept.find(number);
      least = std::min(least, found == kept.end() ? 0 : found->second);
    }
    if (least > 0) content.offsets[number] = least;
  }
  return content;
}

Unpackers formats_for(const SourceTree& tree, const Seats& seats, bool compress) {
  Unpackers all{.gzip = compress || is_mostly_headers(tree, content_for(seats)), .holes = true};
  for (const auto& seat : seats) {
    all.gzip = all.gzip && seat->candidate.unpackers.gzip;
    all.holes = all.holes && seat->candidate.unpackers.holes;
  }
  return all;
}

std::vector<Seats> sharing(const SourceTree& tree, const Seats& seats) {
  using Need = std::pair<std::vector<std::size_t>, std::vector<std::size_t>>;
  std::map<Need, Seats> equal;
  for (const auto& seat : seats) {
    Need need{seat->candidate.need->items, {}};
    // Which files are begun counts, not how far: content_for() takes the least of them.
    for (const auto& [number, bytes] : seat->candidate.need->kept) need.second.push_back(number);
    equal[std::move(need)].push_back(seat);
  }
  std::uint64_t one_each = 0;
  for (const auto& [need, group] : equal) one_each += bytes_of(tree, need.first);
  const auto together = bytes_of(tree, content_for(seats).items);
  // Separate archives may cost the uplink a quarter more, for with them each node gets only the
  // files that it lacks.
  if (one_each > together + together / 4) return {seats};
  std::vector<Seats> groups;
  for (auto& [need, group] : equal) groups.push_back(std::move(group));
  return groups;
}

bool suits(const SourceTree& tree, const Share& share, const Candidate& candidate) {
  const auto& content = share.content();
  const auto& need = *candidate.need;
  const auto holds = [](const auto& all, const auto& some) {
    return std::includes(all.begin(), all.end(), some.begin(), some.end());
  };
  if (!holds(content.items, need.items) || !holds(content.folders, need.folders)) return false;
  if (share.formats().gzip && !candidate.unpackers.gzip) return false;
  if (share.formats().holes && !candidate.unpackers.holes) return false;
  // The archive has no beginnings of these files, so the node has to hold them already.
  const bool has_beginnings =
      std::all_of(content.offsets.begin(), content.offsets.end(), [&need](const auto& offset) {
        const auto kept = need.kept.find(offset.first);
        return kept != need.kept.end() && kept->second >= offset.second;
      });
  // At most half of the files may be useless to the node. A file that it has begun counts whole, as in
  // sharing(): in an archive of its own the rest of the file would cross the uplink once more.
  return has_beginnings && bytes_of(tree, need.items) >= bytes_of(tree, content.items) / 2;
}

}  // namespace ec2mpi::ops
