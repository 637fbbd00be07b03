#include "ec2mpi/ops/profile/profile.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <set>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cluster/values/selection.hpp"
#include "src/ops/profile/programs.hpp"

namespace ec2mpi::ops {

namespace {

/// As in shim.c.
enum Slot : std::uint64_t {
  kFormat,
  kRank,
  kSize,
  kPid,
  kSpawned,
  kEpoch,
  kBegin,
  kEnd,
  kLast,
  kCurrent,
  kSince,
  kPartner,
  kInMpi,
  kCollectives,
  kFirstCall = 16
};
/// Larger numbers are damage, and would only cost memory.
constexpr std::uint64_t kMostRanks = 1'000'000;
constexpr std::uint64_t kMostIndex = 1 << 16;
constexpr double kNano = 1e-9;

/// The names in the table of calls of shim.c, in its order.
std::vector<std::string> read_call_names() {
  // The source of the library is the only list of calls, so that writer and reader cannot differ.
  const auto table = kShimC.substr(0, kShimC.find("#define AS_ID"));
  std::vector<std::string> names;
  for (auto at = table.find(" X("); at != std::string_view::npos; at = table.find(" X(", at + 1)) {
    const auto name = table.substr(at + 3, table.find(',', at) - at - 3);
    names.emplace_back(name);
  }
  return names;
}

const std::vector<std::string>& call_names() {
  static const auto names = read_call_names();
  return names;
}

/// The counters of one rank by their index.
class Counters {
 public:
  /// A word of another form is an error: a rank without some of its counters would be misjudged.
  static Result<Counters> parse(std::string_view text) {
    Counters counters;
    for (const auto word : words(text)) {
      const auto colon = word.find(':');
      const auto index = parse_number(word.substr(0, colon));
      const auto value =
          colon == std::string_view::npos ? std::nullopt : parse_number(word.substr(colon + 1));
      if (!index || *index > kMostIndex || !value)
        return fail(ErrorKind::remote_io, fmt::format("'{}' is no counter", printable(word.substr(0, 40))));
      counters.values_[*index] = *value;
    }
    return counters;
  }

  [[nodiscard]] std::uint64_t at(std::uint64_t index) const {
    const auto found = values_.find(index);
    return found == values_.end() ? 0 : found->second;
  }
  /// Seconds between two times of the node's clock.
  [[nodiscard]] double between(std::uint64_t from, std::uint64_t to) const {
    return to > from ? static_cast<double>(to - from) * kNano : 0;
  }
  [[nodiscard]] const std::map<std::uint64_t, std::uint64_t>& all() const { return values_; }

 private:
  std::map<std::uint64_t, std::uint64_t> values_;
};

/// When the counters stop to be true, by the node's clock. A rank that was killed did not write its end.
std::uint64_t end_of(const Counters& counters, std::int64_t ended, std::uint64_t now) {
  if (counters.at(kEnd) != 0) return counters.at(kEnd);
  const auto last = std::max(
      {counters.at(kLast), counters.at(kBegin), counters.at(kCurrent) != 0 ? counters.at(kSince) : 0});
  // The job runs, so the counters hold until now.
  if (ended == 0) return std::max(last, now);
  // `ended` is wall time, as kEpoch is, which stands for kBegin on the node's clock.
  const auto epoch = static_cast<std::uint64_t>(ended) * 1'000'000'000U;
  if (epoch <= counters.at(kEpoch)) return last;
  return std::max(last, counters.at(kBegin) + (epoch - counters.at(kEpoch)));
}

void read_calls(const Counters& counters, RankProfile& rank) {
  const auto& names = call_names();
  for (std::size_t i = 0; i < names.size(); ++i) {
    // Each call has three counters (count, time, bytes), each partner two (waiting, bytes).
    const auto slot = kFirstCall + 3 * i;
    const auto count = counters.at(slot);
    if (count != 0)
      rank.calls.push_back(
          {names[i], count, static_cast<double>(counters.at(slot + 1)) * kNano, counters.at(slot + 2)});
  }
  const auto partners = kFirstCall + 3 * names.size();
  for (const auto& [index, value] : counters.all()) {
    if (index < partners) continue;
    const auto partner = static_cast<int>((index - partners) / 2);
    if (partner >= rank.size) continue;
    if ((index - partners) % 2 == 0)
      rank.waited[partner] = static_cast<double>(value) * kNano;
    else
      rank.sent[partner] = value;
  }
}

/// The call that has not ended.
void add_current(const Counters& counters, std::uint64_t end, RankProfile& rank) {
  const auto& names = call_names();
  const auto current = counters.at(kCurrent);
  // Outside of MPI: the rank computes since the end of its last call.
  if (current == 0 || current > names.size()) {
    rank.current.seconds = counters.between(counters.at(kLast), end);
    return;
  }
  rank.current.name = names[current - 1];
  rank.current.seconds = counters.between(counters.at(kSince), end);
  if (const auto partner = counters.at(kPartner); partner > 0 && partner <= kMostRanks)
    rank.current.partner = static_cast<int>(partner - 1);
  rank.in_mpi += rank.current.seconds;
  auto call = std::ranges::find(rank.calls, rank.current.name, &CallProfile::name);
  if (call == rank.calls.end()) call = rank.calls.insert(call, CallProfile{rank.current.name});
  // The library has not counted the call yet, as it has not ended.
  ++call->count;
  call->seconds += rank.current.seconds;
}

void sort_calls(std::vector<CallProfile>& calls) {
  std::ranges::stable_sort(calls, std::greater(), &CallProfile::seconds);
}

std::optional<RankProfile> make_rank(const Counters& counters, std::int64_t ended, std::uint64_t now) {
  // A file without its format is one that MPI_Init has not filled yet.
  if (counters.at(kFormat) != 1 || counters.at(kSize) > kMostRanks ||
      counters.at(kRank) >= counters.at(kSize))
    return std::nullopt;
  RankProfile rank;
  rank.rank = static_cast<int>(counters.at(kRank));
  rank.size = static_cast<int>(counters.at(kSize));
  rank.pid = static_cast<int>(counters.at(kPid) & 0x3fffffffU);
  rank.spawned = counters.at(kSpawned) != 0;
  rank.finalized = counters.at(kEnd) != 0;
  const auto end = end_of(counters, ended, now);
  rank.seconds = counters.between(counters.at(kBegin), end);
  rank.in_mpi = static_cast<double>(counters.at(kInMpi)) * kNano;
  rank.collectives = counters.at(kCollectives);
  read_calls(counters, rank);
  if (!rank.finalized) add_current(counters, end, rank);
  // The counters of a running job change while they are read, so they may contradict each other.
  rank.in_mpi = std::min(rank.in_mpi, rank.seconds);
  sort_calls(rank.calls);
  return rank;
}

/// "12345.67" in nanoseconds.
std::uint64_t parse_uptime(std::string_view text) {
  const auto dot = text.find('.');
  const auto seconds = parse_number(text.substr(0, dot)).value_or(0);
  const auto hundredths = dot == std::string_view::npos ? 0 : parse_number(text.substr(dot + 1)).value_or(0);
  // Bounded first, so that the product stays within 64 bits.
  return std::min<std::uint64_t>(seconds, 1'000'000'000) * 1'000'000'000U +
         std::min<std::uint64_t>(hundredths, 99) * 10'000'000U;
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

using Ranks = std::vector<const RankProfile*>;

double median_of(const Ranks& ranks, double (*value)(const RankProfile&)) {
  std::vector<double> values;
  for (const auto* rank : ranks) values.push_back(value(*rank));
  return median(std::move(values));
}

double computing(const RankProfile& rank) {
  return rank.computing();
}
double share_in_mpi(const RankProfile& rank) {
  return rank.seconds > 0 ? rank.in_mpi / rank.seconds : 0;
}

/// Ranks that compute much longer than the others, if there are a few.
struct Split {
  Ranks slow;
  Ranks others;
};

Split split_ranks(const JobProfile& profile) {
  Ranks all;
  for (const auto& rank : profile.ranks) all.push_back(&rank);
  const auto longest = std::ranges::max(profile.ranks, {}, &RankProfile::computing).computing();
  const auto shortest = std::ranges::min(profile.ranks, {}, &RankProfile::computing).computing();
  // median() of two values is the larger one, and then no rank would be slower than usual.
  const double usual = all.size() == 2 ? shortest : median_of(all, computing);
  Split split;
  for (const auto* rank : all)
    (rank->computing() > (usual + longest) / 2 ? split.slow : split.others).push_back(rank);
  return split;
}

/// Smaller differences are by chance on a machine with other work.
constexpr double kLeastRatio = 1.3;
/// Of the job's time: less is not worth a sentence.
constexpr double kLeastShare = 0.1;
/// In a short job, even a large share is hardly any time.
constexpr double kLeastSeconds = 0.3;

/// The sentence about slow ranks, or nothing if nobody waits for them.
std::string describe_slow(const Split& split) {
  // The others must be the rule: where many ranks are slow, none of them is the odd one.
  if (split.slow.empty() || split.slow.size() > std::max<std::size_t>(1, split.others.size() / 2)) return {};
  const double slow = median_of(split.slow, computing);
  const double usual = median_of(split.others, computing);
  const double whole = split.slow.front()->seconds;
  const double more = slow - usual;
  const auto& nearest = **std::ranges::max_element(split.others, {}, &RankProfile::computing);
  const auto& least = **std::ranges::min_element(split.slow, {}, &RankProfile::computing);
  if (least.computing() - nearest.computing() < more / 2) return {};  // no gap between the two groups
  if (slow < kLeastRatio * usual || more < kLeastShare * whole || more < kLeastSeconds) return {};
  Ranks waiting;
  for (const auto* rank : split.others)
    // A rank counts as waiting if half of the excess appears as its time in MPI.
    if (rank->in_mpi >= more / 2) waiting.push_back(rank);
  if (waiting.size() * 2 < split.others.size() || waiting.empty()) return {};
  const bool one = split.slow.size() == 1;
  return fmt::format(
      "{} {} {:.1f} s where {} {:.1f} s; {} for {} {:.0f} % of {} time", name_ranks(split.slow),
      one ? "computes" : "compute", slow, split.others.size() == 1 ? "the other needs" : "the others need",
      usual,
      waiting.size() == 1 ? name_ranks(waiting) + " waits" : fmt::format("{} ranks wait", waiting.size()),
      one ? "it" : "them", 100 * median_of(waiting, share_in_mpi), waiting.size() == 1 ? "its" : "their");
}

}  // namespace

std::string profile_folder(const std::string& home, const std::string& id) {
  return home + "/.ec2mpi/profile/" + id;
}

std::string profile_library(const std::string& folder) {
  return folder + "/libprofile.so";
}

std::string profiler_script(const ProfilerSetup& setup) {
  std::string wanted;
  if (setup.mpi.flavour == MpiFlavour::open_mpi) wanted = fmt::format("-DWANT_OPEN_MPI={}", setup.mpi.major);
  if (setup.mpi.flavour == MpiFlavour::mpich) wanted = "-DWANT_MPICH";
  const auto build = set_variables({{"EC2MPI_JOB", setup.id},
                                    {"folder", setup.folder},
                                    {"mpirun", setup.mpirun},
                                    {"wanted", wanted},
                                    {"source", kShimC}}) +
                     "export EC2MPI_JOB\n" + std::string(kBuildLibrarySh);
  const auto collect = set_variables({{"folder", setup.folder}, {"remove", "yes"}}) + std::string(kCollectSh);
  // Moved into its place when it is whole: no rank may load half of a library.
  const auto receive =
      fmt::format("cd {} && umask 077 && cat >libprofile.new && mv -f libprofile.new libprofile.so",
                  quote_word(setup.folder));
  return set_variables({{"build", build},
                        {"collect", collect},
                        {"folder", setup.folder},
                        {"receive", "exec sh -c " + quote_word(receive)}}) +
         std::string(kProfilerSh);
}

std::string read_counters_script(const std::string& id) {
  return fmt::format("folder=$HOME/.ec2mpi/profile/{}\nremove=\n{}", quote_word(id), kCollectSh);
}

/// The text comes from the master, so every name is made printable, and lines with an unknown key are
/// skipped.
Result<JobProfile> parse_profile(std::string_view text, std::int64_t ended) {
  JobProfile profile;
  std::string node;
  std::uint64_t now = 0;
  std::map<int, RankProfile> ranks;
  // Without a list of the lines: a hostile text of ends of lines alone would fill the memory.
  for (std::size_t start = 0; start < text.size();) {
    const auto line = text.substr(start, text.find('\n', start) - start);
    start += line.size() + 1;
    const auto [key, value] = first_word(line);
    if (key == "node") node = printable(value);
    if (key == "lost") profile.lost.push_back(printable(value));
    if (key == "now") now = parse_uptime(value);
    if (key != "rank") continue;
    TRY_AS(counters, Counters::parse(value));
    auto rank = make_rank(*counters, ended, now);
    if (!rank) continue;  // MPI_Init had not ended
    rank->node = node;
    // Ranks of MPI_Comm_spawn have a world of their own: their numbers repeat the job's.
    if (rank->spawned)
      ++profile.spawned;
    else
      ranks[rank->rank] = std::move(*rank);
  }
  for (auto& [number, rank] : ranks) profile.ranks.push_back(std::move(rank));
  return profile;
}

std::string name_ranks(const std::vector<const RankProfile*>& ranks) {
  std::vector<int> numbers;
  std::set<std::string> nodes;
  for (const auto* rank : ranks) {
    numbers.push_back(rank->rank);
    nodes.insert(rank->node);
  }
  return fmt::format(
      "{} {}{}", numbers.size() == 1 ? "rank" : "ranks", fold_indices(numbers),
      nodes.size() == 1 && !nodes.begin()->empty() ? fmt::format(" ({})", *nodes.begin()) : "");
}

std::string describe_balance(const JobProfile& profile) {
  if (profile.ranks.size() < 2) return {};
  if (auto slow = describe_slow(split_ranks(profile)); !slow.empty()) return slow;
  const auto& most = std::ranges::max(profile.ranks, {}, &RankProfile::computing);
  const auto& least = std::ranges::min(profile.ranks, {}, &RankProfile::computing);
  Ranks all;
  for (const auto& rank : profile.ranks) all.push_back(&rank);
  const double share = 100 * median_of(all, share_in_mpi);
  if (most.computing() - least.computing() < std::max(kLeastSeconds, kLeastShare * most.seconds))
    return fmt::format("the ranks compute equally long, {:.1f} s; MPI takes {:.0f} % of their time",
                       median_of(all, computing), share);
  return fmt::format(
      "the ranks compute from {:.1f} s for {} to {:.1f} s for {}; MPI takes {:.0f} % of their time",
      least.computing(), name_ranks({&least}), most.computing(), name_ranks({&most}), share);
}

/// The table in shim.c marks calls of all ranks with a `c`.
bool is_collective(std::string_view call) {
  return !call.empty() && kShimC.find(fmt::format(" X({}, c)", call)) != std::string_view::npos;
}

std::vector<CallProfile> sum_calls(const JobProfile& profile) {
  std::map<std::string, CallProfile> sums;
  for (const auto& rank : profile.ranks) {
    for (const auto& call : rank.calls) {
      auto& sum = sums[call.name];
      sum.name = call.name;
      sum.count += call.count;
      sum.seconds += call.seconds;
      sum.bytes += call.bytes;
    }
  }
  std::vector<CallProfile> calls;
  for (auto& [name, sum] : sums) calls.push_back(std::move(sum));
  sort_calls(calls);
  return calls;
}

}  // namespace ec2mpi::ops
