#include <fmt/format.h>
#include <algorithm>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/fleet/gather.hpp"
#include "src/ops/doctor/checks.hpp"

namespace ec2mpi::ops {

namespace {

constexpr const char* kSetup = "ec2mpi setup -w {}";

std::string version_text(const std::optional<MpiVersion>& version) {
  return version ? version->name() : "of unknown version";
}

/// "A (Open MPI 5.0.7) comes before B (Open MPI 4.1.4)".
std::string in_order(const std::vector<MpiProgram>& programs) {
  std::string text;
  for (const auto& program : programs)
    text += fmt::format("{}{} ({})", text.empty() ? "" : " comes before ", printable(program.path),
                        version_text(program.version));
  return text;
}

}  // namespace

Check check_mpirun(const Records& records) {
  Check check{.name = "mpirun", .summary = {}, .findings = {}};
  Groups missing;
  Groups hidden;
  Groups places;
  for_each_answer(records, [&](const auto& record, const auto& facts, const auto& health) {
    if (facts.mpirun.empty())
      missing["there is no mpirun"].push_back(record.node.index);
    else if (health.mpiruns.empty())
      // ec2mpi looks into the usual folders, too; a script finds only an mpirun in PATH.
      hidden[printable(facts.mpirun) + " is not in the PATH of a command over ssh"].push_back(
          record.node.index);
    else
      places[printable(facts.mpirun)].push_back(record.node.index);
  });
  if (!hidden.empty()) check.verdict = Verdict::warning;
  // Set last, since a failure weighs more than a warning.
  if (!missing.empty()) check.verdict = Verdict::failed;
  add_groups(check, missing, "ec2mpi exec -w {} 'command -v mpirun'", kSetup);
  add_groups(check, hidden, "ec2mpi exec -w {} 'command -v mpirun'",
             "put its folder into PATH at the top of ~/.bashrc; ec2mpi run finds it without that");
  check.summary = majority(places);
  return check;
}

Check check_mpi(const Records& records) {
  Check check{.name = "mpi", .summary = {}, .findings = {}};
  Groups versions;
  for_each_answer(records, [&](const auto& record, const auto& facts, const auto&) {
    if (!facts.mpirun.empty()) versions[version_text(facts.mpi)].push_back(record.node.index);
  });
  const auto most = majority(versions);
  if (versions.empty()) {
    check.verdict = Verdict::skipped;
    check.summary = "there is no MPI";
    return check;
  }
  check.summary = most + " everywhere";
  Groups others;
  for (const auto& [version, nodes] : versions) {
    if (version != most)
      others[fmt::format("{}, but {} on {}", version, most, nodes_label(versions[most]))] = nodes;
  }
  if (!others.empty()) check.verdict = Verdict::failed;
  add_groups(check, others, "ec2mpi exec-all -b 'mpirun --version'",
             "install the same version there: jobs over two versions hang");
  return check;
}

Check check_path(const Records& records) {
  Check check{.name = "path", .summary = "one mpirun in PATH", .findings = {}};
  Groups several;
  for_each_answer(records, [&](const auto& record, const auto&, const auto& health) {
    const auto& programs = health.mpiruns;
    if (programs.size() < 2) return;
    several[in_order(programs)].push_back(record.node.index);
    const bool equal = std::all_of(programs.begin(), programs.end(), [&](const auto& each) {
      return each.version == programs.front().version;
    });
    // Two folders with one version do no harm.
    check.verdict = std::max(check.verdict, equal ? Verdict::warning : Verdict::failed);
  });
  add_groups(check, several, "ec2mpi exec -w {} 'which -a mpirun'",
             "remove one of them, or its folder from PATH in ~/.bashrc; the first one counts");
  return check;
}

Check check_python(const Records& records) {
  Check check{.name = "python", .summary = {}, .findings = {}};
  Groups places;
  Groups missing;
  for_each_answer(records, [&](const auto& record, const auto& facts, const auto&) {
    if (facts.python3.empty())
      missing["there is no python3"].push_back(record.node.index);
    else
      places[printable(facts.python3)].push_back(record.node.index);
  });
  const auto most = majority(places);
  Groups others;
  // The same program needs one path on all nodes.
  for (const auto& [place, nodes] : places) {
    if (place != most)
      others[fmt::format("python3 is {}, but {} on {}", place, most, nodes_label(places[most]))] = nodes;
  }
  if (!others.empty()) check.verdict = Verdict::warning;
  if (!missing.empty()) check.verdict = Verdict::failed;
  add_groups(check, missing, "ec2mpi exec -w {} 'command -v python3'", kSetup);
  add_groups(check, others, "ec2mpi exec-all -b 'command -v python3'",
             "name the interpreter that all nodes have: ec2mpi run -- /usr/bin/python3 ...");
  check.summary = most + " everywhere";
  return check;
}

Check check_mpi4py(const Records& records) {
  Check check{.name = "mpi4py", .summary = {}, .findings = {}};
  Groups missing;
  Groups broken;  ///< it is there, so setup would leave it as it is
  Groups foreign;
  Groups versions;
  for_each_answer(records, [&](const auto& record, const auto& facts, const auto& health) {
    const int index = record.node.index;
    if (facts.python3.empty()) return;
    if (health.mpi4py_version.empty()) {
      const bool is_missing = health.mpi4py_error.find("No module named 'mpi4py'") != std::string::npos;
      (is_missing ? missing
                  : broken)["cannot be imported: " +
                            (health.mpi4py_error.empty() ? "no answer from python3" : health.mpi4py_error)]
          .push_back(index);
    } else if (health.mpi4py_mpi && facts.mpi && *health.mpi4py_mpi != *facts.mpi) {
      // mpi4py runs only on the MPI that it was built for.
      foreign[fmt::format("runs on {}, but mpirun is {}", health.mpi4py_mpi->name(), facts.mpi->name())]
          .push_back(index);
    } else {
      // Only nodes without a fault are compared by version.
      versions[health.mpi4py_version].push_back(index);
    }
  });
  if (!missing.empty() || !broken.empty() || !foreign.empty()) check.verdict = Verdict::failed;
  const std::string command = "ec2mpi exec -w {} 'python3 -c \"from mpi4py import MPI\"'";
  add_groups(check, missing, command, kSetup);
  add_groups(check, broken, command, {});
  add_groups(check, foreign,
             "ec2mpi exec -w {} 'python3 -c \"from mpi4py import MPI; print(MPI.Get_library_version())\"'",
             "ec2mpi exec -w {} 'python3 -m pip uninstall -y mpi4py', then ec2mpi setup -w {}");
  check.summary = "version " + printable(majority(versions)) + ", built for the MPI that is there";
  // Without any python3, check_python has the finding.
  if (versions.empty() && check.verdict == Verdict::ok) {
    check.verdict = Verdict::skipped;
    check.summary = "there is no python3";
  }
  return check;
}

}  // namespace ec2mpi::ops
