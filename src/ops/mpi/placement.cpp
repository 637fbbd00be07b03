#include "ec2mpi/ops/mpi/placement.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <bit>
#include <map>
#include <numeric>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/ops/mpi/map_by.hpp"

namespace ec2mpi {

namespace {

/// Of one node; a guard against a slip of the keyboard.
constexpr std::uint64_t kMostSlots = 100'000;

/// A node without a number in the list is not full: it gets its cores.
int slots_of(const Place& place, const Slots& slots) {
  switch (slots.kind) {
    // A list without slots, or a node without them, counts by cores.
    case Slots::Kind::listed:
      return place.listed > 0 ? place.listed : place.cores;
    case Slots::Kind::cores:
      return place.cores;
    case Slots::Kind::threads:
      return place.threads;
    case Slots::Kind::fixed:
      return slots.count;
  }
  return place.cores;
}

/// The unit in which the room of a node is counted.
std::string_view unit(const std::vector<Place>& places, Ranks wanted, const Slots& slots) {
  const bool listed =
      std::any_of(places.begin(), places.end(), [](const auto& place) { return place.listed > 0; });
  if (wanted.per_node > 0) return "rank";
  if (slots.kind == Slots::Kind::threads) return "thread";
  if (slots.kind == Slots::Kind::fixed || (slots.kind == Slots::Kind::listed && listed)) return "slot";
  return "core";
}

/// "6 nodes x 2 cores"; unequal nodes stand in groups.
std::string arithmetic(const std::vector<int>& room, std::string_view what) {
  std::map<int, std::size_t, std::greater<>> groups;
  for (const int slots : room) ++groups[slots];
  std::string text;
  for (const auto& [slots, nodes] : groups) {
    text += fmt::format("{}{} x {}", text.empty() ? "" : " + ", count_of(nodes, "node"),
                        count_of(static_cast<std::size_t>(slots), what));
  }
  return text;
}

/// Says what there is, and the flag that makes room. `room` has the slots of each place.
Error too_many(const std::vector<Place>& places, int np, const std::vector<int>& room, Ranks wanted,
               Slots slots) {
  const auto nodes = static_cast<int>(places.size());
  const int have = std::accumulate(room.begin(), room.end(), 0);
  const int needed = (np + nodes - 1) / nodes;
  auto text = fmt::format("{} ranks, {} ({}); use --per-node {}", np,
                          count_of(static_cast<std::size_t>(have), "slot"),
                          arithmetic(room, unit(places, wanted, slots)), needed);
  // Only advice that helps: with threads as slots, the ranks have to fit.
  const int threads = std::accumulate(places.begin(), places.end(), 0,
                                      [](int sum, const auto& p) { return sum + p.threads; });
  if (wanted.per_node == 0 && slots.kind <= Slots::Kind::cores && threads >= np)
    text += " or --slots threads";
  return {ErrorKind::usage, text};
}

/// The ranks that a node must hold if they are dealt evenly to a fixed number of nodes.
int least_room(Need need) {
  return need.nodes > 0 ? (need.np + need.nodes - 1) / need.nodes : 1;
}

/// No room on the others.
void keep_only(std::vector<int>& room, const std::vector<std::size_t>& chosen) {
  std::vector<int> kept(room.size(), 0);
  for (const auto i : chosen) kept[i] = room[i];
  room = std::move(kept);
}

/// Fills each node before the next one.
/// As mpirun's --map-by slot and core do, so that the hostfile has slots where mpirun puts ranks.
void fill(std::vector<Place>& places, const std::vector<int>& room, int np) {
  for (std::size_t i = 0; i < places.size(); ++i) {
    const int taken = std::min(room[i], np);
    places[i].ranks += taken;
    np -= taken;
  }
}

/// Gives each node in turn one rank more, up to its room.
void deal(std::vector<Place>& places, const std::vector<int>& room, int np) {
  for (int level = 1; np > 0; ++level) {
    for (std::size_t i = 0; i < places.size() && np > 0; ++i) {
      if (room[i] < level) continue;
      ++places[i].ranks;
      --np;
    }
  }
}

/// The room of the nodes that are busy, or of those that are not; none on the others.
std::vector<int> room_where(const std::vector<Place>& places, std::vector<int> room, bool busy) {
  for (std::size_t i = 0; i < places.size(); ++i)
    if (places[i].busy != busy) room[i] = 0;
  return room;
}

/// The ranks that fit on all nodes together.
int sum_of(const std::vector<int>& room) {
  return std::accumulate(room.begin(), room.end(), 0);
}

/// Nodes that have no other job get ranks before busy ones.
template <class Give>
void idle_first(std::vector<Place>& places, const std::vector<int>& room, int np, Give give) {
  const auto idle = room_where(places, room, false);
  const int first = std::min(np, sum_of(idle));
  give(places, idle, first);
  give(places, room_where(places, room, true), np - first);
}

/// For mpirun's own mapping; it takes no more than the free slots.
void open_room(std::vector<Place>& places, const std::vector<int>& room, bool also_unused) {
  for (std::size_t i = 0; i < places.size(); ++i) {
    auto& place = places[i];
    if (place.ranks > 0 || (also_unused && !place.busy)) place.spare = room[i] - place.ranks;
  }
}

/// Words of --map-by with which the slots of a node are filled before those of the next one, but for "node".
std::vector<std::string> mapped_objects() {
  return {"slot", "node",    "core",    "hwthread", "socket", "package",
          "numa", "l1cache", "l2cache", "l3cache",  "board"};
}

/// Open MPI takes its words in any case, and their beginnings. In front of a colon there may be none.
Result<void> check_word(std::string_view option, std::string_view given,
                        const std::vector<std::string>& words) {
  const auto first = given.substr(0, given.find_first_of(":="));
  const auto is_it = [first = lower_case(first)](const auto& word) { return word.starts_with(first); };
  if (std::ranges::any_of(words, is_it)) return {};
  return fail(ErrorKind::usage, fmt::format("{} {}: Open MPI does not know '{}', but {}", option,
                                            printable(given), printable(first), join(words, ", ")));
}

}  // namespace

Result<Slots> parse_slots(std::string_view text) {
  if (text == "cores") return Slots{Slots::Kind::cores};
  if (text == "threads") return Slots{Slots::Kind::threads};
  const auto count = parse_number(text);
  if (count && *count > 0 && *count <= kMostSlots) return Slots{Slots::Kind::fixed, static_cast<int>(*count)};
  return fail(ErrorKind::usage,
              fmt::format("--slots takes cores, threads or a number above 0, not '{}'", printable(text)));
}

std::vector<int> room_of(const std::vector<Place>& places, Ranks wanted, Slots slots) {
  // --per-node alone decides: slots do not limit it.
  std::vector<int> room;
  for (const auto& place : places)
    room.push_back(wanted.per_node > 0 ? wanted.per_node : slots_of(place, slots));
  return room;
}

Result<Need> need_of(const std::vector<Place>& places, Ranks wanted, Slots slots) {
  const auto room = room_of(places, wanted, slots);
  const auto count = static_cast<int>(places.size());
  if (wanted.nodes > count)
    return fail(ErrorKind::usage,
                fmt::format("{} are wanted, there are {}",
                            count_of(static_cast<std::size_t>(wanted.nodes), "node"), count));
  const int have = std::accumulate(room.begin(), room.end(), 0);
  Need need{wanted.np, wanted.nodes};
  if (need.np == 0)
    // On a fixed number of nodes: as many on each as the smallest node has room for.
    need.np = need.nodes == 0 ? have : need.nodes * *std::min_element(room.begin(), room.end());
  const int least = least_room(need);
  const auto fit = std::count_if(room.begin(), room.end(), [&](int free) { return free >= least; });
  if (need.nodes == 0 && need.np > have)
    return std::unexpected(too_many(places, need.np, room, wanted, slots));
  if (need.nodes > 0 && fit < need.nodes) {
    return fail(
        ErrorKind::usage,
        fmt::format("{} ranks on {} need room for {} on each; only {} of {} have it ({}); use --per-node {}",
                    need.np, count_of(static_cast<std::size_t>(need.nodes), "node"), least, fit, count,
                    arithmetic(room, unit(places, wanted, slots)), least));
  }
  return need;
}

std::vector<std::size_t> first_fit(const std::vector<int>& room, Need need) {
  std::vector<std::size_t> chosen;
  int have = 0;
  for (std::size_t i = 0; i < room.size(); ++i) {
    const bool enough = need.nodes > 0 ? static_cast<int>(chosen.size()) == need.nodes : have >= need.np;
    if (enough) break;
    if (room[i] < least_room(need)) continue;
    chosen.push_back(i);
    have += room[i];
  }
  return chosen;
}

Result<void> check_map_by(std::string_view map_by) {
  const auto parts = split(map_by, ':');
  if (parts.front() == "ppr" && (parts.size() < 3 || parse_number(parts[1]).value_or(0) == 0))
    return fail(ErrorKind::usage, fmt::format("--map-by {}: Open MPI takes ppr:N:OBJECT, such as ppr:2:node",
                                              printable(map_by)));
  auto words = mapped_objects();
  words.insert(words.end(), {"seq", "dist", "pe-list", "rankfile", "ppr"});
  return check_word("--map-by", map_by, words);
}

Result<void> check_rank_by(std::string_view rank_by) {
  return check_word("--rank-by", rank_by,
                    {"slot", "node", "fill", "span", "core", "hwthread", "socket", "package", "numa",
                     "l1cache", "l2cache", "l3cache", "board"});
}

std::string plain_map_by(std::string_view map_by) {
  auto parts = split(map_by, ':');
  // Behind the word, only the object of "ppr" is a word; there may also be the name of a file.
  const auto word = lower_case(parts.front());
  std::string plain = word;
  const auto known = mapped_objects();
  const auto is_it = [&](const auto& object) { return !word.empty() && object.starts_with(word); };
  if (std::ranges::count_if(known, is_it) == 1) plain = *std::ranges::find_if(known, is_it);
  for (std::size_t i = 1; i < parts.size(); ++i)
    plain += ":" + (word == "ppr" && i == 2 ? lower_case(parts[i]) : std::string(parts[i]));
  return plain;
}

bool is_foreseen(std::string_view map_by) {
  return map_by.empty() || ranks_a_node(map_by) > 0 || std::ranges::count(mapped_objects(), map_by) > 0;
}

/// Of Open MPI's "ppr:N:node"; 0 for all other mappings.
int ranks_a_node(std::string_view map_by) {
  const auto parts = split(map_by, ':');
  const bool is_it = parts.size() == 3 && parts[0] == "ppr" && parts[2] == "node";
  const auto count = is_it ? parse_number(parts[1]) : std::nullopt;
  return count && *count <= kMostSlots ? static_cast<int>(*count) : 0;
}

std::vector<std::string> labels_by_rank(std::string_view map_by, const std::vector<Place>& places) {
  std::vector<std::string> labels;
  if (map_by != "slot" && map_by != "node") return labels;
  const auto ranks = static_cast<std::size_t>(total_ranks(places));
  // All slots of a node at once, or one in each round.
  int most = 1;
  for (const auto& place : places) most = std::max(most, place.ranks + place.spare);
  for (int round = 0; round < (map_by == "slot" ? 1 : most); ++round) {
    for (const auto& place : places) {
      const int slots = place.ranks + place.spare;
      const int taken = map_by == "slot" ? slots : slots > round ? 1 : 0;
      labels.insert(labels.end(), static_cast<std::size_t>(taken), place.label);
    }
  }
  labels.resize(std::min(labels.size(), ranks));
  return labels;
}

Result<std::vector<Place>> place_ranks(std::vector<Place> places, Ranks wanted, Slots slots) {
  return place_ranks_by({}, std::move(places), wanted, slots);
}

/// Ranks are dealt out in turn by default, because a program is usually to use all nodes evenly. Idle nodes
/// come first, unless the job wants a number of nodes and too few of them are idle.
Result<std::vector<Place>> place_ranks_by(std::string_view map_by, std::vector<Place> places, Ranks wanted,
                                          Slots slots) {
  auto room = room_of(places, wanted, slots);
  if (wanted.nodes > 0) {
    TRY_AS(need, need_of(places, wanted, slots));
    wanted.np = need->np;
    const auto idle = first_fit(room_where(places, room, false), *need);
    keep_only(room, static_cast<int>(idle.size()) == need->nodes ? idle : first_fit(room, *need));
  }
  const auto have = sum_of(room);
  const int np = wanted.np > 0 ? wanted.np : have;
  if (np > have) return std::unexpected(too_many(places, np, room, wanted, slots));
  const auto give = map_by.empty() || map_by == "node" ? deal : fill;
  if (wanted.nodes > 0)
    give(places, room, np);
  else
    idle_first(places, room, np, give);
  if (!map_by.empty()) {
    const bool has_options = map_by.find(':') != std::string_view::npos && ranks_a_node(map_by) == 0;
    open_room(places, room, has_options);
  }
  return places;
}

/// Two addresses of one machine would fill its cores twice.
Result<void> refuse_same_machine(const std::vector<Place>& places) {
  std::map<Ipv4, std::string> seen;
  for (const auto& place : places) {
    const auto [other, is_new] = seen.emplace(place.address, place.label);
    if (!is_new)
      return fail(ErrorKind::usage,
                  fmt::format("{} and {} are the same machine, {}; leave one out with --exclude",
                              other->second, place.label, place.address.text()));
  }
  return {};
}

/// For ranks that the program spawns: each time to the node with most cores left.
void leave_slots_free(std::vector<Place>& places, int slots) {
  const auto left = [](const Place& place) { return place.cores - place.ranks - place.spare; };
  for (; slots > 0; --slots) {
    ++std::max_element(places.begin(), places.end(), [&](const Place& a, const Place& b) {
        return left(a) < left(b);
      })->spare;
  }
}

int total_ranks(const std::vector<Place>& places) {
  return std::accumulate(places.begin(), places.end(), 0,
                         [](int sum, const auto& place) { return sum + place.ranks; });
}

bool oversubscribed(const std::vector<Place>& places) {
  return std::any_of(places.begin(), places.end(),
                     [](const auto& place) { return place.ranks + place.spare > place.cores; });
}

std::string hostfile(const std::vector<Place>& places) {
  std::string text;
  // With the slots for spawned ranks: Open MPI starts no rank without a free slot.
  for (const auto& place : places) {
    const int slots = place.ranks + place.spare;
    if (slots > 0) text += fmt::format("{} slots={}\n", place.address.text(), slots);
  }
  return text;
}

std::string address_list(const std::vector<Place>& places) {
  std::string text;
  for (const auto& place : places) text += place.address.text() + "\n";
  return text;
}

std::string Network::text() const {
  return fmt::format("{}/{}", base.text(), prefix);
}

bool Network::holds(Ipv4 address) const {
  // A shift by 32 is undefined.
  return prefix == 0 || (address.value ^ base.value) >> (32 - prefix) == 0;
}

Network covering_network(const std::vector<Ipv4>& addresses) {
  if (addresses.empty()) return {};
  const auto [least, most] = std::minmax_element(addresses.begin(), addresses.end());
  // Bits that the lowest and the highest address share are shared by all between them.
  const int prefix = std::countl_zero(least->value ^ most->value);
  const std::uint32_t mask = prefix == 0 ? 0 : ~std::uint32_t{0} << (32 - prefix);
  return {Ipv4{least->value & mask}, prefix};
}

}  // namespace ec2mpi
