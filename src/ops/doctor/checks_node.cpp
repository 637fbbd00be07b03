#include <fmt/format.h>
#include <algorithm>
#include <cmath>
#include <set>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cluster/values/quote.hpp"
#include "ec2mpi/fleet/gather.hpp"
#include "src/ops/doctor/checks.hpp"

namespace ec2mpi::ops {

namespace {

constexpr std::uint64_t kMb = 1'000'000;
constexpr std::uint64_t kLeastDisk = 100 * kMb;  ///< a job's files and sessions take a tenth of it
constexpr std::uint64_t kLeastShm = 32 * kMb;    ///< Open MPI's shared memory, 4 MB a rank
constexpr std::uint64_t kLeastInodes = 50;       ///< a job's files in /tmp, a dozen a rank
constexpr double kLeastMemory = 0.03;            ///< of the machine's
constexpr double kClockApart = 2;                ///< seconds; with NTP it is less than a hundredth of that
/// Of the leftovers on one node; the text of a finding stays on one line.
constexpr std::size_t kNamedProcesses = 5;

/// The next step after a failed connection. One kind has several causes; the message, which ec2mpi wrote
/// itself, tells them apart. Empty: no fix is known.
std::string fix_for(ErrorKind kind, const std::string& message) {
  switch (kind) {
    case ErrorKind::unreachable:
      // A refusal is an answer, so the machine runs.
      if (message.find("refused") != std::string::npos)
        return "no sshd listens on that port, or a firewall on the node rejects it: is the node still "
               "booting?";
      [[fallthrough]];
    case ErrorKind::timeout:
      if (message.starts_with("let us in"))
        return "is it very busy, or does a file system there hang? ec2mpi exec -w {} uptime; more time: "
               "ec2mpi "
               "doctor -u 120";
      if (message.starts_with("connected, but its sshd says nothing"))
        return "wait if it is very busy; otherwise reboot it in the EC2 console";
      return "is it running, and the list new? Its security group must let TCP port 22 in from your address";
    case ErrorKind::auth:
      return "name the image's user and the key pair that the instance was launched with: ec2mpi doctor -l "
             "USER -i "
             "KEY.pem";
    case ErrorKind::remote_io:
    case ErrorKind::protocol:
      return "see what the login prints: ec2mpi login {}";
    default:
      return {};
  }
}

/// The bounds of a node's clock against ours: it read `clock` at some time between question and answer.
struct ClockSpan {
  int index = 0;
  double least = 0;  ///< seconds ahead of ours
  double most = 0;

  /// Seconds between span and offset: 0 if the clock can have this offset, below 0 if it is behind it.
  [[nodiscard]] double distance(double offset) const {
    if (offset < least) return least - offset;
    return offset > most ? most - offset : 0;
  }
};

/// The offset that most nodes can have, as far as we know.
double common_offset(const std::vector<ClockSpan>& spans) {
  std::vector<double> begins;
  std::vector<double> ends;
  for (const auto& span : spans) {
    begins.push_back(span.least);
    ends.push_back(span.most);
  }
  std::ranges::sort(begins);
  std::ranges::sort(ends);
  double best = 0;
  std::ptrdiff_t most = 0;
  // One of the beginnings is enough: where most spans overlap, one of them begins.
  for (const auto& candidate : spans) {
    const auto begun = std::ranges::upper_bound(begins, candidate.least) - begins.begin();
    const auto ended = std::ranges::lower_bound(ends, candidate.least) - ends.begin();
    if (begun - ended > most) {
      most = begun - ended;
      best = candidate.least;
    }
  }
  return best;
}

/// `seconds` as distance() returns them.
std::string clock_text(double seconds) {
  const auto rounded = std::chrono::seconds(std::lround(std::abs(seconds)));
  return fmt::format("its clock is {} {} the others'", format_duration(rounded),
                     seconds < 0 ? "behind" : "ahead of");
}

std::string processes_text(const std::vector<Process>& processes) {
  std::string text = fmt::format("{} of an earlier job", count_of(processes.size(), "rank"));
  for (std::size_t i = 0; i < processes.size() && i < kNamedProcesses; ++i)
    text += fmt::format("{} pid {} {}", i == 0 ? ":" : ",", processes[i].pid, processes[i].name);
  return text + (processes.size() > kNamedProcesses ? ", …" : "");
}

/// Nothing is wrong with a folder, or only that its disk is full.
bool is_fine_or_full(const std::string& error) {
  return error.empty() || error.find("No space left") != std::string::npos;
}

}  // namespace

/// Failures are grouped by kind, for the fix, and by text.
Check check_ssh(const Records& records) {
  Check check{.name = "ssh", .summary = {}, .findings = {}};
  std::map<ErrorKind, Groups> troubles;
  std::set<std::string> users;
  for (const auto& record : records) {
    if (record.trouble)
      troubles[record.trouble->kind][printable(record.trouble->message)].push_back(record.node.index);
    if (record.answer) users.insert(record.answer->health.user);
  }
  for (const auto& [kind, groups] : troubles)
    for (const auto& [nodes, why] : folded(groups, records))
      add_groups(check, records, {{why, nodes}}, "ec2mpi exec -w {} true", fix_for(kind, why));
  if (!check.findings.empty()) check.verdict = Verdict::failed;
  check.summary = fmt::format("{} answered, as {}", count_of(records.size(), "node"),
                              some_of({users.begin(), users.end()}));
  return check;
}

/// Only a warning: ec2mpi finds its own output by marks, but scp, rsync and other tools break.
Check check_shell(const Records& records) {
  Check check{
      .name = "shell", .summary = "commands over ssh print nothing but their own output", .findings = {}};
  Groups loud;
  for_each_answer(records, [&](const auto& record, const auto&, const auto& health) {
    if (!health.quiet) loud["its login shell prints text before every command"].push_back(record.node.index);
  });
  if (!loud.empty()) check.verdict = Verdict::warning;
  add_groups(check, records, loud, "ec2mpi exec -w {} true",
             "put this at the top of its ~/.bashrc: case $- in *i*) ;; *) return ;; esac");
  return check;
}

/// A node is at fault only if its clock cannot be right by any guess about the time that its answer took.
Check check_clock(const Records& records) {
  Check check{.name = "clock", .summary = "the clocks agree", .findings = {}};
  std::vector<ClockSpan> spans;
  for_each_answer(records, [&](const auto& record, const auto&, const auto& health) {
    spans.push_back({record.node.index, health.clock - record.answered_at, health.clock - record.asked_at});
  });
  const auto common = common_offset(spans);
  for (const auto& span : spans) {
    const auto distance = span.distance(common);
    if (std::abs(distance) <= kClockApart) continue;
    check.verdict = Verdict::failed;
    add_groups(check, records, {{clock_text(distance), {span.index}}}, "ec2mpi exec-all date",
               "ec2mpi exec -w {} --sudo 'timedatectl set-ntp true'");
  }
  return check;
}

/// Four faults with four fixes: a home that takes no file, a full disk, a small /dev/shm, a full /dev/shm.
Check check_disk(const Records& records) {
  Check check{.name = "disk", .summary = {}, .findings = {}};
  Groups full;
  Groups closed;
  Groups small_shm;
  Groups full_shm;
  auto least = std::numeric_limits<std::uint64_t>::max();
  for_each_answer(records, [&](const auto& record, const auto&, const auto& health) {
    const int index = record.node.index;
    std::string what;
    const auto look = [&what](std::uint64_t free, std::string_view where) {
      if (free < kLeastDisk)
        what += fmt::format("{}{} free in {}", what.empty() ? "only " : ", ", format_bytes(free), where);
    };
    if (!is_fine_or_full(health.home_error))
      closed[fmt::format("nothing can be made in the home: {}", health.home_error)].push_back(index);
    else
      look(health.home_free, "the home");
    // If nothing can be made in /tmp, check_temp reports it.
    if (is_fine_or_full(health.temp_error) || health.temp != "/tmp") look(health.tmp_free, "/tmp");
    if (!what.empty()) full[what].push_back(index);
    least = std::min({least, health.home_free, health.tmp_free});
    if (health.shm_free >= kLeastShm) return;
    // A small one needs another size, a full one has to be emptied.
    const bool is_small = health.shm_size > 0 && health.shm_size < 2 * kLeastShm;
    (is_small ? small_shm : full_shm)[fmt::format("only {} free in /dev/shm", format_bytes(health.shm_free))]
        .push_back(index);
  });
  if (!full.empty() || !closed.empty() || !small_shm.empty() || !full_shm.empty())
    check.verdict = Verdict::failed;
  add_groups(check, records, closed, "ec2mpi exec -w {} 'ls -ld ~; df -h ~'", {});
  add_groups(check, records, full, "ec2mpi exec -w {} 'df -h ~ /tmp'",
             "remove or move some of the largest: ec2mpi exec -w {} 'du -xh ~ /tmp | sort -h | tail'");
  add_groups(check, records, small_shm, "ec2mpi exec -w {} 'df -h /dev/shm'",
             as_root("mount -o remount,size=50% /dev/shm"));
  add_groups(check, records, full_shm, "ec2mpi exec -w {} 'df -h /dev/shm'",
             "remove what no program uses any more: ec2mpi exec -w {} 'ls -l /dev/shm'");
  check.summary = fmt::format("at least {} free in home and /tmp", format_bytes(least));
  return check;
}

/// mpirun's daemon makes its folder there before it can print anything.
Check check_temp(const Records& records) {
  Check check{.name = "temp", .summary = "temporary files can be made", .findings = {}};
  struct Advice {
    std::string look;
    std::string fix;
    auto operator<=>(const Advice&) const = default;
  };
  std::map<Advice, Groups> found;
  const auto add = [&found](int index, const std::string& what, std::string look, std::string fix) {
    found[{std::move(look), std::move(fix)}][what].push_back(index);
  };
  for_each_answer(records, [&](const auto& record, const auto&, const auto& health) {
    const int index = record.node.index;
    const auto shown = printable(health.temp);
    const auto path = quote_word(health.temp);
    if (health.temp_inodes && *health.temp_inodes < kLeastInodes) {
      add(index, fmt::format("only {} free in {}", count_of(*health.temp_inodes, "inode"), shown),
          "df -i " + path,
          health.temp_type == "tmpfs" ? "mount -o remount,nr_inodes=1m " + path
                                      : "find " + path + " -xdev -mindepth 1 -mtime +2 -delete");
    } else if (!is_fine_or_full(health.temp_error)) {
      const bool read_only = health.temp_error.find("Read-only") != std::string::npos;
      add(index, fmt::format("nothing can be made in {}: {}", shown, health.temp_error), "ls -ld " + path,
          read_only ? "" : "install -d -m 1777 " + path);
    }
    for (const auto& session : health.foreign_sessions) {
      add(index, printable(session) + " belongs to another user, and mpirun needs it",
          "ls -ld " + quote_word(session), "rm -rf " + quote_word(session));
    }
    for (const auto& session : health.closed_sessions) {
      add(index, printable(session) + " does not let its own user write, and mpirun needs it",
          "ls -ld " + quote_word(session), "rm -rf " + quote_word(session));
    }
  });
  if (!found.empty()) check.verdict = Verdict::failed;
  for (const auto& [advice, groups] : found)
    add_groups(check, records, groups, "ec2mpi exec -w {} " + quote_word(advice.look),
               advice.fix.empty() ? std::string() : as_root(advice.fix));
  return check;
}

/// A warning only: how much a job will need is not known.
Check check_memory(const Records& records) {
  Check check{.name = "memory", .summary = {}, .findings = {}};
  Groups short_of;
  auto least = std::numeric_limits<std::uint64_t>::max();
  for_each_answer(records, [&](const auto& record, const auto&, const auto& health) {
    // In parts of the machine's memory, since nodes differ in size.
    const auto enough = kLeastMemory * static_cast<double>(health.memory);
    least = std::min(least, health.memory_available);
    if (static_cast<double>(health.memory_available) >= enough) return;
    short_of[fmt::format("only {} of {} is free", format_bytes(health.memory_available),
                         format_bytes(health.memory))]
        .push_back(record.node.index);
  });
  if (!short_of.empty()) check.verdict = Verdict::warning;
  add_groups(check, records, short_of, "ec2mpi exec -w {} 'free -m'",
             "ec2mpi exec -w {} 'ps axo rss,pid,args | sort -rn | head'");
  check.summary = fmt::format("at least {} free", format_bytes(least));
  return check;
}

/// Leftovers that --fix has ended are no fault any more.
Check check_leftovers(const Records& records) {
  Check check{.name = "leftovers", .summary = "no ranks of earlier jobs", .findings = {}};
  Groups left;
  Groups ended;
  for_each_answer(records, [&](const auto& record, const auto&, const auto& health) {
    if (health.leftovers.empty()) return;
    (record.leftovers_ended ? ended : left)[processes_text(health.leftovers)].push_back(record.node.index);
  });
  if (!left.empty()) check.verdict = Verdict::failed;
  add_groups(check, records, left, "ec2mpi exec -w {} 'ps axo pid,ppid,args'",
             "ec2mpi doctor --fix ends them");
  for (const auto& [what, nodes] : ended) check.summary = "ended " + what + " on " + nodes_label(nodes);
  return check;
}

/// `files` are in the order in which each report has their states.
Check check_files(const Records& records, const std::vector<std::string>& files) {
  Check check{.name = "files", .summary = {}, .findings = {}};
  std::size_t nodes = 0;
  for_each_answer(records, [&nodes](const auto&...) { ++nodes; });
  for (std::size_t i = 0; i < files.size(); ++i) {
    Groups sums;
    Groups troubles;
    for_each_answer(records, [&](const auto& record, const auto&, const auto& health) {
      const auto& state = health.files[i];
      if (state.kind == FileState::Kind::sum)
        sums[state.sum].push_back(record.node.index);
      else
        troubles[state.kind == FileState::Kind::missing ? "is missing" : "cannot be read"].push_back(
            record.node.index);
    });
    // The content that most nodes have counts as the right one.
    const auto most = majority(sums);
    for (const auto& [sum, indices] : sums) {
      if (sum == most) continue;
      troubles[fmt::format("differs from that on {}", nodes_label(sums[most]))].insert(
          troubles[fmt::format("differs from that on {}", nodes_label(sums[most]))].end(), indices.begin(),
          indices.end());
    }
    Groups told;
    for (auto& [what, indices] : troubles) {
      std::sort(indices.begin(), indices.end());
      told[printable(files[i]) + " " + what] = indices;
    }
    const auto folder = files[i].substr(0, files[i].rfind('/') + 1);
    add_groups(check, records, told, "ec2mpi exec-all -b " + quote_word("sha256sum " + quote_word(files[i])),
               "ec2mpi push -w {} " + quote_words({files[i], folder.empty() ? "./" : folder}));
  }
  if (!check.findings.empty()) check.verdict = Verdict::failed;
  check.summary =
      fmt::format("{} the same on {}", files.size() == 1 ? printable(files.front()) + " is" : "all are",
                  count_of(nodes, "node"));
  return check;
}

/// Unequal nodes are no fault, but equal ranks on them wait for the slowest node.
Check check_slots(const Records& records) {
  Check check{.name = "slots", .summary = {}, .findings = {}};
  Groups sizes;
  int cores = 0;
  for_each_answer(records, [&](const auto& record, const auto& facts, const auto&) {
    cores += facts.cores;
    sizes[fmt::format("{} and {}", count_of(static_cast<std::size_t>(facts.cores), "core"),
                      count_of(static_cast<std::size_t>(facts.threads), "thread"))]
        .push_back(record.node.index);
  });
  const auto most = majority(sizes);
  check.summary = fmt::format("{} a node: {} in all, one for each core", most,
                              count_of(static_cast<std::size_t>(cores), "slot"));
  sizes.erase(most);
  if (!sizes.empty()) check.verdict = Verdict::warning;
  Groups told;
  for (const auto& [size, nodes] : sizes) told[size + ", most have " + most] = nodes;
  add_groups(check, records, told, "ec2mpi exec -w {} lscpu",
             "ranks wait for the slowest: leave nodes out with --exclude {}");
  return check;
}

}  // namespace ec2mpi::ops
