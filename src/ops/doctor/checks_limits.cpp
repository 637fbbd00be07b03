#include <fmt/format.h>
#include <map>
#include <utility>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cluster/values/quote.hpp"
#include "src/ops/doctor/checks.hpp"

namespace ec2mpi::ops {

namespace {

constexpr std::uint64_t kBasicFiles = 256;  ///< that mpirun and a program open by themselves
constexpr std::uint64_t kFilesPerNode = 4;  ///< of mpirun: sockets and the pipes of an ssh

/// A limit below which MPI does not run.
struct LeastLimit {
  const char* letter;  ///< of `ulimit`
  std::uint64_t least;
  const char* text;  ///< of the limit and the least one
  const char* item;  ///< of limits.conf(5)
};
/// Measured with Open MPI 4.1 and mpi4py: with a third less, mpirun's daemon or its first rank fails.
constexpr LeastLimit kLeast[] = {
    {"v", 300'000, "a process may have {} kB of address space; a rank wants {}", "as"},
    {"d", 30'000, "a process may have {} kB of data; a rank wants {}", "data"},
    {"s", 500, "a process may have a stack of {} kB; mpirun's daemon wants {}", "stack"},
    {"u", 45, "the user may have {} processes and threads; mpirun's daemon with a rank wants {}", "nproc"},
};

/// What to do with the line of a start-up file that sets the limit, or `other` if there is none. Such a file
/// sets it after limits.d.
std::string limit_fix(const ProcessLimit& limit, const std::string& change, const std::string& other) {
  // As `grep -n` prints it.
  const auto fields = split(limit.line, ':');
  if (fields.size() < 3 || !parse_number(fields[1])) return other;
  if (!limit.can_go) return fmt::format("{} in {}, line {}", change, printable(fields[0]), fields[1]);
  const auto command = fmt::format("sed -i {}d {}", fields[1], quote_word(fields[0]));
  // A file below /etc is root's, any other one is the user's.
  return fields[0].starts_with("/etc/") ? as_root(command) : "ec2mpi exec -w {} " + quote_word(command);
}

std::string in_limits_d(const char* item, const char* value) {
  return as_root(fmt::format("echo \"* - {} {}\" >/etc/security/limits.d/mpi-{}.conf", item, value, item));
}

/// By the command that shows the limit, and the fix.
using LimitGroups = std::map<std::pair<std::string, std::string>, Groups>;

void find_low_limits(const Records& records, LimitGroups& found) {
  // mpirun on one node holds a connection to each other node.
  const auto files = kBasicFiles + kFilesPerNode * records.size();
  for_each_answer(records, [&](const auto& record, const auto& facts, const auto& health) {
    const int index = record.node.index;
    for (const auto& [name, limit] : health.limits) {
      if (name == "n" && limit.value < files)
        found[{"ulimit -n", limit_fix(limit, "raise it", in_limits_d("nofile", "65536"))}]
             [fmt::format("a process may open {} files; mpirun over {} wants {}", limit.value,
                          count_of(records.size(), "node"), files)]
                 .push_back(index);
      if (name == "l" && facts.efa)
        found[{"ulimit -l", in_limits_d("memlock", "unlimited")}]
             [fmt::format("a process may lock {} kB of memory; EFA wants no limit", limit.value)]
                 .push_back(index);
      // Where the job begins, ec2mpi itself starts mpirun, with the rights of the owner.
      if (name == "umask" && limit.value >= 100 && index != 1)
        found[{"umask",
               limit_fix(
                   limit, "let the owner's rights be (umask 022)",
                   "ec2mpi exec -w {} 'grep -rn umask /etc/profile* /etc/login.defs /etc/pam.d ~/.ssh/rc'")}]
             [fmt::format(
                  "the umask {:04} takes the owner's own rights from the files that mpirun's daemon makes",
                  limit.value)]
                 .push_back(index);
      for (const auto& least : kLeast)
        if (name == least.letter && limit.value < least.least)
          found[{"ulimit -" + name, limit_fix(limit, "raise it", in_limits_d(least.item, "unlimited"))}]
               [fmt::format(fmt::runtime(least.text), limit.value, least.least)]
                   .push_back(index);
    }
  });
}

}  // namespace

/// The limits of a command over ssh, which mpirun's daemon inherits; those of a login shell may be others.
Check check_limits(const Records& records) {
  Check check{
      .name = "limits", .summary = "open files and memory suffice, files stay their owner's", .findings = {}};
  LimitGroups found;
  find_low_limits(records, found);
  if (!found.empty()) check.verdict = Verdict::failed;
  for (const auto& [advice, groups] : found)
    add_groups(check, records, groups, fmt::format("ec2mpi exec -w {{}} '{}'", advice.first), advice.second);
  return check;
}

}  // namespace ec2mpi::ops
