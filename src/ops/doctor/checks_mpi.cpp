#include <fmt/format.h>
#include <algorithm>
#include <set>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cluster/values/quote.hpp"
#include "ec2mpi/fleet/gather.hpp"
#include "ec2mpi/ops/mpi/command.hpp"
#include "ec2mpi/ops/mpi/placement.hpp"
#include "src/ops/doctor/checks.hpp"

namespace ec2mpi::ops {

namespace {

constexpr const char* kSetup = "ec2mpi setup -w {}";

/// Two unknown versions count as equal: nothing shows that they differ.
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

/// The same MPI in another folder matters where mpirun of the master does not find its daemon.
void add_other_folders(Check& check, const Records& records, const std::string& version) {
  const auto daemon = masters_daemon(records);
  Groups without;
  Groups damaged;  ///< beside an mpirun in the folder of node 1, where no other folder helps
  bool of_master = true;
  for_each_answer(records, [&](const auto& record, const auto& facts, const auto&) {
    if (record.node.index == 1) of_master = !record.links.no_daemon;
    // Without an mpirun, or with another version, it has a finding already.
    if (!record.links.no_daemon || facts.mpirun.empty() || version_text(facts.mpi) != version) return;
    if (facts.mpi && daemon_path(facts.mpirun, *facts.mpi) == daemon)
      damaged[fmt::format("{}, which node1 starts on all nodes, is missing or not executable",
                          printable(daemon))]
          .push_back(record.node.index);
    else
      without[fmt::format("its mpirun is {}, but node1 starts {} on all nodes, which is missing or not "
                          "executable there",
                          printable(facts.mpirun), printable(daemon))]
          .push_back(record.node.index);
  });
  // The daemon of node 1 is where mpirun expects it, or this is not how that MPI works.
  if ((without.empty() && damaged.empty()) || !of_master) return;
  check.verdict = Verdict::failed;
  const auto command = "ec2mpi exec -w {} " + quote_word("ls -l " + quote_word(daemon));
  add_groups(check, records, damaged, command, "install MPI again there: its package brings that program");
  add_groups(check, records, without, command,
             "install MPI into one folder on all nodes; if they have another one in common: ec2mpi run "
             "--mpirun FOLDER/mpirun ...");
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
  add_groups(check, records, missing, "ec2mpi exec -w {} 'command -v mpirun'", kSetup);
  add_groups(check, records, hidden, "ec2mpi exec -w {} 'command -v mpirun'",
             "put its folder into PATH at the top of ~/.bashrc; ec2mpi run finds it without that");
  check.summary = majority(places);
  return check;
}

std::string masters_daemon(const Records& records) {
  std::string path;
  for_each_answer(records, [&](const auto& record, const auto& facts, const auto&) {
    if (record.node.index == 1 && facts.mpi) path = daemon_path(facts.mpirun, *facts.mpi);
  });
  return path;
}

/// Two faults: an mpirun that does not work, and versions that differ. The version that most nodes have
/// counts as the right one.
Check check_mpi(const Records& records) {
  Check check{.name = "mpi", .summary = {}, .findings = {}};
  Groups versions;
  Groups failing;
  for_each_answer(records, [&](const auto& record, const auto& facts, const auto&) {
    if (facts.mpi || facts.mpi_error.empty()) {
      if (!facts.mpirun.empty()) versions[version_text(facts.mpi)].push_back(record.node.index);
    } else {
      failing[fmt::format("{} --version says '{}'", printable(facts.mpirun), facts.mpi_error)].push_back(
          record.node.index);
    }
  });
  if (!failing.empty()) check.verdict = Verdict::failed;
  add_groups(check, records, failing, "ec2mpi exec -w {} 'mpirun --version'",
             "does a start-up file set LD_LIBRARY_PATH or OPAL_PREFIX? see: ec2mpi exec -w {} env");
  const auto most = majority(versions);
  if (versions.empty()) {
    if (failing.empty()) check.verdict = Verdict::skipped;
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
  add_groups(check, records, others, "ec2mpi exec-all -b 'mpirun --version'",
             "install the same version there: jobs over two versions hang");
  add_other_folders(check, records, most);
  return check;
}

/// Of several, the first in PATH starts the job, and a library of another may be loaded.
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
  add_groups(check, records, several, "ec2mpi exec -w {} 'which -a mpirun'",
             "remove one of them, or its folder from PATH in ~/.bashrc; the first one counts");
  return check;
}

namespace {

/// The network of "10.0.0.0/16" or "10.0.0.11"; nothing for the name of an interface.
std::optional<Network> parse_network(std::string_view text) {
  const auto slash = text.find('/');
  const auto address = parse_ipv4(text.substr(0, slash));
  const auto prefix = slash == std::string_view::npos ? 32 : parse_number(text.substr(slash + 1));
  if (!address || !prefix || *prefix > 32) return std::nullopt;
  return Network{*address, static_cast<int>(*prefix)};
}

/// "OMPI_MCA_pml (/home/ubuntu/.bashrc:3)", or "FILE:LINE".
std::string place_text(const MpiSetting& setting) {
  const auto parts = split(setting.place, ':');
  if (parts.size() < 3) return setting.place;
  return fmt::format("{} ({}:{})", parts[2], parts[0], parts[1]);
}

/// The settings of one node, against its interfaces and the components that Open MPI has there.
class SettingsOfNode {
 public:
  SettingsOfNode(const NodeFacts& facts, const HealthReport& health) : facts_(facts), health_(health) {}

  /// Why a setting keeps jobs from running; empty if it does not, as far as is known.
  [[nodiscard]] std::string fault_of(const MpiSetting& setting) const {
    const auto& name = setting.name;
    if (name.ends_with("_if_include") && !reaches_own_address(setting.value))
      return "which leaves out " + facts_.private_address.text() + ", where the node is reached";
    if (name.ends_with("_if_exclude") && reaches_own_address(setting.value))
      return "which has " + facts_.private_address.text() + ", where the node is reached";
    if (name == "ess") return "which is for Open MPI itself: mpirun does not start with it";
    const auto known = health_.components.find(name);
    if (known == health_.components.end() || setting.value.starts_with('^')) return {};
    for (const auto each : split(setting.value, ',')) {
      const std::string component(trim(each));
      // Open MPI 5 accepts the old name of sm.
      const bool is_there = known->second.contains(component == "vader" ? "sm" : component) ||
                            known->second.contains(component);
      if (!component.empty() && !is_there)
        return fmt::format("but Open MPI has no {} {} there", name, component);
    }
    // A component may be there and find no hardware.
    const bool may_fail = name == "pml" || name == "mtl" || name == "btl";
    return may_fail && !health_.settings_error.empty() ? "and MPI does not start: " + health_.settings_error
                                                       : std::string();
  }

 private:
  /// Whether the list of names and networks, as in btl_tcp_if_include, has the interface that jobs use.
  [[nodiscard]] bool reaches_own_address(std::string_view interfaces) const {
    for (const auto each : split(interfaces, ',')) {
      const auto text = trim(each);
      const auto network = parse_network(text);
      if (network && network->holds(facts_.private_address)) return true;
      for (const auto& known : health_.interfaces)
        if (known.name == text && known.address == facts_.private_address) return true;
    }
    return false;
  }

  const NodeFacts& facts_;
  const HealthReport& health_;
};

/// Whether ec2mpi's own line sets it for this node. Jobs start on node 1, whose settings change that line.
bool is_overruled(const MpiSetting& setting, int index) {
  static const std::set<std::string> kOnTheLine = {"btl_tcp_if_include", "oob_tcp_if_include",
                                                   "prte_if_include", "pml", "btl"};
  return index != 1 && kOnTheLine.contains(setting.name);
}

/// The command that shows a setting, and what takes it away.
struct Advice {
  std::string command;
  std::string fix;
  auto operator<=>(const Advice&) const = default;
};

/// A variable is taken out of its start-up file, a line out of its parameter file. Empty: the place is not
/// known.
Advice advice_about(const MpiSetting& setting) {
  const auto place = split(setting.place, ':');
  const auto is_variable = setting.place.find("_MCA_") != std::string::npos;
  if (is_variable) {
    auto fix = place.size() < 3 ? "see which start-up file sets " + setting.place
                                : fmt::format("take it out of {}, line {}", place[0], place[1]);
    return {"ec2mpi exec -w {} 'env | grep _MCA_" + setting.name + "='", std::move(fix)};
  }
  if (place.size() != 2) return {};
  // A line of such a file is one setting and nothing else.
  const std::string file(place[0]);
  const auto removal = fmt::format("sed -i {}d {}", place[1], quote_word(file));
  return {"ec2mpi exec -w {} " + quote_word(fmt::format("sed -n {}p {}", place[1], quote_word(file))),
          file.starts_with("/etc/") ? as_root(removal) : "ec2mpi exec -w {} " + quote_word(removal)};
}

}  // namespace

/// A failure only where a job would not run; a setting that ec2mpi overrules is a warning.
Check check_settings(const Records& records) {
  Check check{.name = "settings", .summary = "no settings of Open MPI beside ec2mpi's", .findings = {}};
  std::map<Advice, Groups> faults;
  std::set<std::string> harmless;
  for_each_answer(records, [&](const auto& record, const auto& facts, const auto& health) {
    const SettingsOfNode settings(facts, health);
    std::set<std::string> seen;
    for (const auto& setting : health.settings) {
      // The first of a name is in force.
      if (!seen.insert(setting.name).second) continue;
      const auto fault = settings.fault_of(setting);
      if (fault.empty()) {
        harmless.insert(fmt::format("{} ({})", setting.name, setting.place));
        continue;
      }
      const bool overruled = is_overruled(setting, record.node.index);
      check.verdict = std::max(check.verdict, overruled ? Verdict::warning : Verdict::failed);
      faults[advice_about(setting)]
            [fmt::format("{} sets {} to {}, {}{}", place_text(setting), setting.name, setting.value, fault,
                         overruled ? "; ec2mpi run overrules it, mpirun in a script does not" : "")]
                .push_back(record.node.index);
    }
  });
  for (const auto& [advice, groups] : faults) add_groups(check, records, groups, advice.command, advice.fix);
  if (!harmless.empty()) check.summary = "none is in the way: " + some_of({harmless.begin(), harmless.end()});
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
  add_groups(check, records, missing, "ec2mpi exec -w {} 'command -v python3'", kSetup);
  add_groups(check, records, others, "ec2mpi exec-all -b 'command -v python3'",
             "name the interpreter that all nodes have: ec2mpi run -- /usr/bin/python3 ...");
  check.summary = most + " everywhere";
  return check;
}

/// Missing, broken and built for another MPI are three faults, as each has its own fix.
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
  add_groups(check, records, missing, command, kSetup);
  add_groups(check, records, broken, command, {});
  add_groups(check, records, foreign,
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
