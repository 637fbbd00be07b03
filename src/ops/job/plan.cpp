#include "ec2mpi/ops/job/plan.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <algorithm>
#include <map>
#include <set>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/base/utf8.hpp"
#include "ec2mpi/cluster/values/quote.hpp"
#include "ec2mpi/cluster/values/selection.hpp"
#include "ec2mpi/fleet/gather.hpp"
#include "ec2mpi/ops/mpi/map_by.hpp"
#include "ec2mpi/ops/node/facts.hpp"
#include "ec2mpi/ops/node/placeholders.hpp"
#include "ec2mpi/ops/profile/profile.hpp"
#include "ec2mpi/ops/pull/remote_glob.hpp"
#include "ec2mpi/ops/stacks/stacks.hpp"

namespace ec2mpi::ops {

namespace {

/// Of the part of an id that the job's name gives; time and random part need 21 more.
constexpr std::size_t kLongestName = 40;
/// Of those that share nodes with this one; the others are counted.
constexpr std::size_t kNamedJobs = 3;
/// Settings of other nodes that a job takes account of.
constexpr std::size_t kMostElsewhere = 32;

/// Nodes by their version: "node[1-3] Open MPI 4.1.4, node4 Open MPI 4.1.0".
std::string versions_text(const std::map<std::string, std::vector<int>>& groups) {
  std::string text;
  for (const auto& [what, indices] : groups) {
    const auto who = indices.size() == 1 ? fmt::format("node{}", indices.front())
                                         : fmt::format("node[{}]", fold_indices(indices));
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", who, what);
  }
  return text;
}

/// Whether the job's own variables are settings of Open MPI.
bool sets_parameters(const JobSpec& job) {
  return std::ranges::any_of(job.env, [](const auto& variable) { return variable.first.contains("_MCA_"); });
}

/// Makes one plan; the members are what all steps need.
class Planner {
 public:
  Planner(const JobSpec& job, const std::vector<Node>& nodes, const Node& master,
          const std::map<int, NodeFacts>& facts, const BusyNodes& busy)
      : job_(job),
        nodes_(nodes),
        master_index_(master.index),
        master_(facts.at(master.index)),
        facts_(facts),
        busy_(busy) {}

  /// Places first: the hostfile, the notes and mpirun's line follow from them.
  [[nodiscard]] Result<JobPlan> plan() {
    TRY(check_results());
    TRY(refuse_same_machine(places()));
    TRY_AS(placed, place_ranks_by(job_.map_by, places(), job_.ranks, job_.slots));
    plan_.places = std::move(*placed);
    leave_slots_free(plan_.places, job_.spawn);
    plan_.python3 = all([](const NodeFacts& facts) { return !facts.python3.empty(); });
    note_sharing();
    note_networks();
    if (job_.script && job_.profile)
      return fail(
          ErrorKind::usage,
          "--profile: a script starts mpirun itself; give the program: ec2mpi run --profile -- CMD ARGS");
    if (job_.script)
      plan_script();
    else if (auto planned = plan_command(); !planned)
      return std::unexpected(planned.error());
    return std::move(plan_);
  }

 private:
  /// All nodes in the job's order, still without ranks.
  [[nodiscard]] std::vector<Place> places() const {
    std::vector<Place> places;
    for (const auto& node : nodes_) {
      const auto& facts = facts_.at(node.index);
      places.push_back({node.label(), facts.private_address, facts.cores, facts.threads, node.slots, 0, 0,
                        busy_.contains(facts.private_address), facts.hostname});
    }
    return places;
  }

  /// Two paths of one name have one place in results/, which would show only when the job has run. What
  /// wildcards match is known only then.
  [[nodiscard]] Result<void> check_results() const {
    std::map<std::string, std::string> paths;  // by their names
    for (const auto& typed : job_.pull) {
      const auto path = below(workdir(), typed);
      const auto name = name_in_target(path);
      if (name.empty() || remote_glob(path)) continue;
      const auto& other = paths.emplace(name, path).first->second;
      if (other == path) continue;
      return fail(
          ErrorKind::usage,
          fmt::format("pull: {} and {} would have one place in results/; give one another name, or pull "
                      "the folders that they lie in",
                      printable(other), printable(path)));
    }
    return {};
  }

  /// Two jobs on a node share its cores, which makes both slow.
  void note_sharing() {
    std::vector<int> shared;
    std::set<std::string> others;
    for (std::size_t i = 0; i < plan_.places.size(); ++i) {
      const auto& place = plan_.places[i];
      if (!place.busy || place.ranks + place.spare == 0) continue;
      shared.push_back(nodes_[i].index);
      const auto& jobs = busy_.at(place.address);
      others.insert(jobs.begin(), jobs.end());
    }
    if (shared.empty()) return;
    plan_.notes.push_back(fmt::format("it shares {} with {}", nodes_label(shared),
                                      some_of({others.begin(), others.end()}, kNamedJobs)));
  }

  /// Of all nodes, the master included: mpirun and its daemons talk over it even if the master has no rank.
  [[nodiscard]] Network network() const {
    std::vector<Ipv4> addresses;
    for (const auto& [index, facts] : facts_) addresses.push_back(facts.private_address);
    return covering_network(addresses);
  }

  /// Its processes wait for each other in MPI_Finalize without reading messages any more (MPICH's pull
  /// request 6596): half of the jobs on four nodes never ended.
  void note_mpich_bug() {
    const auto& mpi = *master_.mpi;
    if (mpi.flavour != MpiFlavour::mpich || !mpi.text.starts_with("4.0.") || nodes_.size() < 2) return;
    plan_.notes.push_back(
        mpi.name() +
        " often hangs in MPI_Finalize between nodes, a bug of it that later ones do not have; "
        "if a job prints all and does not end, use those or Open MPI");
  }

  /// Open MPI uses every interface whose address is in the network, also a bridge that exists on each node
  /// separately.
  void note_networks() {
    const auto network = this->network();
    for (const auto& [index, facts] : facts_) {
      const auto inside = std::count_if(facts.addresses.begin(), facts.addresses.end(),
                                        [&](auto address) { return network.holds(address); });
      if (inside <= 1) continue;
      plan_.notes.push_back(
          fmt::format("node{} has {} addresses in {}; if a job hangs, one of them leads nowhere", index,
                      inside, network.text()));
    }
  }

  /// Errors: remote_io, with each version and its nodes, and the fix that fits the worst of the faults.
  [[nodiscard]] Result<void> check_mpi() const {
    std::map<std::string, std::vector<int>> versions;
    bool missing = false;
    int failing = 0;
    for (const auto& [index, facts] : facts_) {
      missing = missing || !facts.mpi;
      if (!facts.mpi && !facts.mpirun.empty()) failing = index;
      if (facts.mpi)
        versions[facts.mpi->name()].push_back(index);
      else
        versions[facts.mpirun.empty()      ? "no " + (job_.mpirun.empty() ? "mpirun" : printable(job_.mpirun))
                 : facts.mpi_error.empty() ? "an mpirun that does not tell its version"
                                           : "an mpirun that says '" + facts.mpi_error + "'"]
            .push_back(index);
    }
    if (versions.size() == 1 && !missing) return {};
    const auto advice =
        failing != 0 && !job_.mpirun.empty()
            ? fmt::format("; is that the mpirun of an MPI? ec2mpi exec -w {} {}", failing,
                          quote_words({quote_words({job_.mpirun, "--version"})}))
        : failing != 0
            ? fmt::format("; does a start-up file set LD_LIBRARY_PATH or OPAL_PREFIX? ec2mpi exec -w {} env",
                          failing)
        : missing && !job_.mpirun.empty() ? "; --mpirun takes a path that is right on all nodes"
        : missing                         ? "; install it there: ec2mpi setup"
                  : "; different versions hang without a word: install the same everywhere";
    return fail(ErrorKind::remote_io, "the nodes do not have one MPI: " + versions_text(versions) + advice);
  }

  /// The job is one program: ec2mpi writes the line of mpirun.
  [[nodiscard]] Result<void> plan_command() {
    if (auto same = check_mpi(); !same) return same;
    MpiJob mpi_job{.id = job_.id,
                   .mpirun = master_.mpirun,
                   .mpi = *master_.mpi,
                   .folder = folder(),
                   .master = master_.private_address,
                   .places = plan_.places,
                   .network = network(),
                   .map_by = job_.map_by,
                   .rank_by = job_.rank_by,
                   .tag = job_.tag,
                   .efa = any([](const NodeFacts& facts) { return facts.efa; }),
                   .workdir = workdir(),
                   .env = {job_.env.begin(), job_.env.end()},
                   .mca = job_.mca,
                   .elsewhere = settings_of_others(),
                   .command = program()};
    if (job_.profile) {
      mpi_job.profile_folder = profile_folder(master_.home, job_.id);
      mpi_job.preload = profile_library(mpi_job.profile_folder);
    }
    TRY_AS(line, mpi_options(mpi_job));
    plan_.mpi = master_.mpi->name();
    note_mpich_bug();
    plan_.line = std::move(*line);
    plan_.files = files(launcher_environment(mpi_job), line_of(plan_.line));
    plan_.files.hosts = hostfile_for(mpi_job.mpi, plan_.places);
    if (master_.has_settings || !mpi_job.elsewhere.empty() || sets_parameters(job_))
      plan_.files.settle = settle_settings(mpi_job, plan_.line);
    if (!plan_.files.settle.empty()) plan_.files.settle.insert(0, find_settings_functions());
    // Only the master knows whether this python has mpi4py, so it gets both lines.
    if (mpi_job.command != job_.command && is_own_python()) {
      mpi_job.command = job_.command;
      TRY_AS(as_it_is, mpi_options(mpi_job));
      plan_.files.own_python = job_.command.front();
      plan_.files.as_it_is = line_of(*as_it_is);
    }
    plan_.files.remote_shell = remote_shell(mpi_job);
    if (job_.profile)
      plan_.files.profiler = profiler_script({job_.id, mpi_job.profile_folder, mpi_job.mpirun, mpi_job.mpi});
    return {};
  }

  /// A script calls mpirun itself. It finds hostfile and number of ranks in its environment.
  void plan_script() {
    auto environment = script_environment(job_.id, folder());
    environment["EC2MPI_NP"] = std::to_string(total_ranks(plan_.places));
    // Last, so that the user's variables win.
    for (const auto& [name, value] : job_.env) environment[name] = value;
    environment.erase(kJobMark);  // the supervisor sets it
    plan_.files = files(std::move(environment), job_.command);
    plan_.files.remote_shell = remote_shell(job_.id, folder());
  }

  [[nodiscard]] JobFiles files(std::map<std::string, std::string> environment,
                               std::vector<std::string> command) const {
    const bool hang = job_.hang.count() > 0;
    return {.id = job_.id,
            .script = job_.script,
            .hosts = hostfile(plan_.places),
            .addresses = address_list(plan_.places),
            .nodes = contacts(),
            .meta = meta(),
            .limit = job_.timeout.count() > 0
                         ? fmt::format("{:.3f}", std::chrono::duration<double>(job_.timeout).count())
                         : std::string(),
            .remote_shell = {},
            .workdir = workdir(),
            .environment = std::move(environment),
            .command = std::move(command),
            .hook = job_.hook,
            .hang = hang ? std::to_string(job_.hang.count()) : std::string(),
            .stacks = hang ? stacks_script(job_.id) : std::string()};
  }

  [[nodiscard]] std::string folder() const {
    return fmt::format("{}/.ec2mpi/jobs/{}", master_.home, job_.id);
  }

  /// All nodes that the job may leave something on, the master first.
  [[nodiscard]] std::string contacts() const {
    std::string text = fmt::format("node{} local\n", master_index_);
    for (const auto& node : nodes_) {
      if (node.index == master_index_) continue;
      text += fmt::format("{} {}\n", node.label(), facts_.at(node.index).private_address.text());
    }
    return text;
  }

  /// Facts "NAME VALUE", one a line. The master keeps them with the job, and `jobs` and `pull` read them
  /// there.
  [[nodiscard]] std::string meta() const {
    std::vector<int> indices;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (plan_.places[i].ranks + plan_.places[i].spare > 0) indices.push_back(nodes_[i].index);
    }
    auto text = fmt::format("np {}\nnodes {}\n", total_ranks(plan_.places), fold_indices(indices));
    if (!plan_.mpi.empty()) text += fmt::format("mpi {}\nmpirun {}\n", plan_.mpi, printable(master_.mpirun));
    const auto words = job_.shown_as.empty() ? quote_words(job_.command) : job_.shown_as;
    text +=
        fmt::format("command {}\n",
                    // On one line: a line end in a word must not begin another fact.
                    printable(job_.script ? job_.script->name + (words.empty() ? "" : " ") + words : words));
    if (job_.profile) text += "profile yes\n";
    if (!job_.end_signal.empty()) text += fmt::format("end_signal {}\n", job_.end_signal);
    for (const auto& path : job_.pull) text += fmt::format("pull {}\n", below(workdir(), path));
    return text;
  }

  /// A relative path lies below `folder`; ~/ is the master's home.
  [[nodiscard]] std::string below(const std::string& folder, const std::string& path) const {
    if (path.starts_with('/')) return path;
    return path.starts_with("~/") ? master_.home + path.substr(1) : folder + "/" + path;
  }

  [[nodiscard]] std::string workdir() const {
    const auto& wanted = job_.workdir;
    return wanted.empty() || wanted == "~" ? master_.home : below(master_.home, wanted);
  }

  /// A python of a venv or of conda: the facts of the nodes are about the python3 in the PATH.
  [[nodiscard]] bool is_own_python() const {
    const auto& program = job_.command.front();
    return is_python(program) && program != "python3" && program != master_.python3;
  }

  /// The user's program; plain `python3` becomes the one path that all nodes agree on.
  [[nodiscard]] std::vector<std::string> program() const {
    auto command = job_.command;
    const bool have_mpi4py = all([](const NodeFacts& facts) { return facts.mpi4py; });
    const bool plain = command.front() == "python3";
    if (job_.mpi4py_run && (have_mpi4py || !plain)) command = through_mpi4py(std::move(command));
    const auto& python = master_.python3;
    if (plain && !python.empty() && all([&](const NodeFacts& facts) { return facts.python3 == python; }))
      command.front() = python;
    return command;
  }

  template <class Says>
  /// Whether it holds for each node; any(): for at least one.
  [[nodiscard]] bool all(Says says) const {
    return std::all_of(nodes_.begin(), nodes_.end(),
                       [&](const auto& node) { return says(facts_.at(node.index)); });
  }
  template <class Says>
  [[nodiscard]] bool any(Says says) const {
    return std::any_of(nodes_.begin(), nodes_.end(),
                       [&](const auto& node) { return says(facts_.at(node.index)); });
  }

  /// What nodes with ranks set and the master does not, each with the nodes in front of its place:
  /// "node[2-4]:FILE:LINE".
  [[nodiscard]] std::vector<MpiSetting> settings_of_others() const {
    std::map<MpiSetting, std::vector<int>> found;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (plan_.places[i].ranks + plan_.places[i].spare == 0) continue;
      for (const auto& setting : facts_.at(nodes_[i].index).settings) {
        const bool known = std::ranges::any_of(master_.settings, [&](const auto& own) {
          return own.name == setting.name && own.value == setting.value;
        });
        if (!known && (found.size() < kMostElsewhere || found.contains(setting)))
          found[setting].push_back(nodes_[i].index);
      }
    }
    std::vector<MpiSetting> others;
    for (const auto& [setting, indices] : found) {
      const auto label = short_nodes_label(indices);
      others.push_back({setting.name, label.substr(0, label.find(' ')) + ":" + setting.place, setting.value});
    }
    return others;
  }

  const JobSpec& job_;
  const std::vector<Node>& nodes_;
  int master_index_;
  const NodeFacts& master_;
  const std::map<int, NodeFacts>& facts_;
  const BusyNodes& busy_;
  JobPlan plan_;
};

}  // namespace

/// A leading dash would make the word an option.
std::string job_word(std::string_view name) {
  std::string word;
  for (const char c : code_beyond_ascii(name)) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '.' || c == '_' || c == '/';
    word += plain ? c : '-';
  }
  if (!word.empty() && word.front() == '-') word = "job" + word;
  return word;
}

std::string make_job_id(std::string_view name, std::chrono::system_clock::time_point now) {
  auto id = job_word(name.substr(name.rfind('/') + 1)).substr(0, kLongestName);
  if (id.empty() || id.front() == '.') id = "job" + id;
  const auto second = std::chrono::time_point_cast<std::chrono::seconds>(now);
  // The random part separates two jobs of one second.
  return fmt::format("{}-{:%Y%m%d-%H%M%S}-{}", id, fmt::gmtime(second), random_hex(4));
}

/// Lines "busy ADDRESS JOB". Other lines are those of a start-up file.
BusyNodes parse_busy(std::string_view printed) {
  BusyNodes busy;
  for (const auto line : split(printed, '\n')) {
    const auto said = words(line);
    if (said.size() != 3 || said[0] != "busy") continue;
    if (const auto address = parse_ipv4(said[1])) busy[*address].push_back(printable(said[2]));
  }
  return busy;
}

Result<JobPlan> plan_job(const JobSpec& job, const std::vector<Node>& nodes, const Node& master,
                         const std::map<int, NodeFacts>& facts, const BusyNodes& busy) {
  return Planner(job, nodes, master, facts, busy).plan();
}

}  // namespace ec2mpi::ops
