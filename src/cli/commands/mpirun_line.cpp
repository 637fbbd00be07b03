#include "src/cli/commands/mpirun_line.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"

namespace ec2mpi::cli {

namespace {

using Words = std::vector<std::string>;

/// What an option of mpirun means for the job.
enum class Meaning { np, per_node, map_by, workdir, variable, value, flag, left_out };
struct MpirunOption {
  const char* names;
  Meaning meaning;
  std::size_t values;
  const char* flag = "";  ///< of `ec2mpi run`, in front of the values
};

/// The options of Open MPI and of MPICH, with one dash or two. An option that is missing here is
/// refused: the number of its values is unknown, so the program's name could be one of them.
constexpr MpirunOption kOptions[] = {
    {"np n c", Meaning::np, 1},
    {"N npernode ppn perhost", Meaning::per_node, 1},
    {"map-by", Meaning::map_by, 1, "--map-by"},
    {"wdir wd", Meaning::workdir, 1},
    {"x", Meaning::variable, 1},
    {"genv env", Meaning::value, 2},
    {"rank-by", Meaning::flag, 1, "--rank-by"},
    {"mca", Meaning::flag, 2, "--mca"},
    {"bind-to", Meaning::flag, 1, "--mca hwloc_base_binding_policy"},
    {"report-bindings", Meaning::flag, 0, "--mca hwloc_base_report_bindings 1"},
    {"use-hwthread-cpus", Meaning::flag, 0, "--slots threads"},
    {"tag-output l prepend-rank", Meaning::flag, 0, "--tag"},
    {"timeout", Meaning::flag, 1, "--timeout"},
    {"bynode", Meaning::flag, 0, "--map-by node"},
    {"hostfile machinefile f host hosts H prefix stdin", Meaning::left_out, 1},
    {"oversubscribe allow-run-as-root display-map q quiet v verbose", Meaning::left_out, 0},
};

/// Nothing for a word that is none of them, such as -np4, which read() takes apart.
const MpirunOption* known_option(std::string_view word) {
  const auto name = word.substr(std::min(word.find_first_not_of('-'), word.size()));
  const auto fits = [name](const auto& option) {
    return std::ranges::count(ec2mpi::words(option.names), name) > 0;
  };
  const auto found = std::ranges::find_if(kOptions, fits);
  return found == std::end(kOptions) ? nullptr : found;
}

/// Reads one line of mpirun from the left; see read_mpirun_line.
class MpirunLine {
 public:
  MpirunLine(const ScriptVariables& variables, ScriptJob& job) : variables_(variables), job_(job) {}

  /// Reads the whole line. It fails if a word has no counterpart in a job: then the user's script stays a
  /// script.
  Result<void> read(const Words& words) {
    std::size_t i = 1;
    // The first word without a dash is the program; what follows it belongs to the program.
    while (i < words.size() && words[i].starts_with('-')) {
      // -np4
      const auto digit = words[i].find_first_of("0123456789");
      if (digit != std::string::npos && known_option(words[i].substr(0, digit)) == kOptions) {
        TRY(take_option(kOptions[0], "-np", {words[i].substr(digit)}));
        ++i;
        continue;
      }
      const auto* option = known_option(words[i]);
      if (option == nullptr || i + option->values >= words.size())
        return not_read(fmt::format("mpirun's {} is not known here", printable(without_marks(words[i]))));
      const Words values(words.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                         words.begin() + static_cast<std::ptrdiff_t>(i + option->values) + 1);
      TRY(take_option(*option, words[i], values));
      i += 1 + option->values;
    }
    job_.command.assign(words.begin() + static_cast<std::ptrdiff_t>(i), words.end());
    if (job_.command.empty()) return not_read("mpirun has no program");
    // mpirun takes `:` between programs, each of which has its own ranks.
    if (std::ranges::count(job_.command, ":") > 0) return not_read("it starts several programs");
    if (!job_.np.empty() || !job_.per_node.empty() || hosts_.empty()) return {};
    // Open MPI starts one rank on each host.
    const auto is_node = [](std::string_view host) { return host == std::string_view(&kOneNode, 1); };
    const auto hosts = split(hosts_, ',');
    if (hosts_ == std::string(1, kAllNodes))
      job_.per_node = "1";
    else if (std::ranges::all_of(hosts, is_node))
      job_.np = std::to_string(hosts.size());
    else
      return not_read("it gives the number of ranks by --host");
    return {};
  }

 private:
  /// A number, or a loop's parameter, which becomes a formula of the job. The number of all nodes is one rank
  /// on each.
  Result<void> take_count(const std::string& option, const std::string& value, std::string& count) {
    const bool is_parameter = value.starts_with('{') && value.find('}') == value.size() - 1;
    if (value == std::string(1, kNodeCount) && &count == &job_.np)
      job_.per_node = "1";
    else if (is_parameter)
      count = value;
    else if (const auto number = parse_number(value); number.value_or(0) > 0)
      count = std::to_string(*number);
    else
      return not_read(fmt::format("{} {} is not a number of ranks", option, printable(without_marks(value))));
    return {};
  }

  /// `typed` is the word as it stands in the script, for messages and for the list of things left out.
  Result<void> take_option(const MpirunOption& option, const std::string& typed, const Words& values) {
    const auto with_values = [&values](const std::string& name) {
      return values.empty() ? name : name + " " + join(values, " ");
    };
    switch (option.meaning) {
      case Meaning::np:
        return take_count(typed, values.front(), job_.np);
      case Meaning::per_node:
        return take_count(typed, values.front(), job_.per_node);
      case Meaning::map_by:
        if (const auto parts = split(values.front(), ':');
            parts.size() == 3 && parts[0] == "ppr" && parts[2] == "node")
          return take_count(typed, std::string(parts[1]), job_.per_node);
        // It gives a number of ranks for something that is no node.
        if (values.front().starts_with("ppr:"))
          return not_read("only mpirun knows the ranks of " + with_values(typed));
        job_.flags.push_back(with_values(option.flag));
        break;
      case Meaning::workdir:
        if (!job_.workdir.empty() && !values.front().starts_with('/'))
          job_.workdir += "/" + values.front();
        else
          job_.workdir = values.front();
        break;
      // -x NAME hands the present value to the ranks, and only the shell of the script knows it; -x
      // NAME=VALUE sets it.
      case Meaning::variable:
        if (is_assignment(values.front()))
          set_for_ranks(job_, values.front());
        else if (const auto known = variables_.values.find(values.front()); known != variables_.values.end())
          set_for_ranks(job_, known->first + "=" + known->second);
        else
          job_.left_out.push_back(with_values(typed));
        break;
      case Meaning::value:
        set_for_ranks(job_, values[0] + "=" + values[1]);
        break;
      case Meaning::flag:
        // ec2mpi knows the nodes' interfaces.
        if (!values.empty() && values.front().ends_with("tcp_if_include"))
          job_.left_out.push_back(with_values(typed));
        else
          job_.flags.push_back(with_values(option.flag));
        break;
      case Meaning::left_out:
        if (typed == "-H" || typed.ends_with("-host") || typed.ends_with("-hosts")) hosts_ = values.front();
        job_.left_out.push_back(with_values(typed));
    }
    return {};
  }

  const ScriptVariables& variables_;
  ScriptJob& job_;
  std::string hosts_;  ///< the value of --host
};

}  // namespace

bool is_starter(std::string_view word) {
  constexpr std::string_view kStarters[] = {"mpirun",  "mpirun.openmpi",  "mpirun.mpich", "mpiexec",
                                            "orterun", "mpiexec.openmpi", "prterun",      "mpiexec.hydra"};
  return std::ranges::count(kStarters, word.substr(word.rfind('/') + 1)) > 0;
}

void set_for_ranks(ScriptJob& job, const std::string& assignment) {
  const auto name = assignment.substr(0, assignment.find('='));
  std::erase_if(job.env, [&name](const auto& known) { return known.first == name; });
  job.env.emplace_back(name, assignment.substr(assignment.find('=') + 1));
}

Result<void> read_mpirun_line(const Words& words, const ScriptVariables& variables, ScriptJob& job) {
  return MpirunLine(variables, job).read(words);
}

}  // namespace ec2mpi::cli
