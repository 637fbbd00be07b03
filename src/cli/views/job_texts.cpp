#include "src/cli/views/job_texts.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cluster/values/quote.hpp"

namespace ec2mpi::cli {

namespace {

/// In one line; more of them do not help to find the fault.
constexpr std::size_t kNamedProcesses = 5;
// A longer option moves its reason to the right, not the reasons of all.
constexpr std::size_t kReasonColumn = 48;

struct End {
  std::string_view why;  ///< the word that supervise.sh writes
  const char* text;      ///< {0} is the job's id
  const char* advice = "";
};
/// Ends of a job that mpirun's own status does not show. judge_end.sh has found each of them on the master.
constexpr End kEnds[] = {
    {"hung", "mpirun did not return although no rank was left; it has been ended"},
    {"mpirun killed",
     "mpirun itself was killed on the master (signal 9); this shows whether its memory was full",
     "ec2mpi exec -w 1 --sudo 'dmesg | grep -i \"out of memory\"'"},
    {"mpirun ended",
     "mpirun ended with 1 and said nothing, as if a signal had ended it on the master (TERM, INT or HUP: "
     "somebody ended it)"},
    {"ranks missing", "mpirun said nothing, but has started fewer ranks than requested"},
    {"aborted", "a rank has called MPI_Abort with a status that mpirun shows as 0; the job has failed"},
    {"no room", "the disk of the master is too full to start a job; ec2mpi exec -w 1 'df -h ~; df -i ~'"},
    {"no start",
     "mpirun's daemon on a node ended at its start without a word, and mpirun waited for it; it has been "
     "ended",
     "does the node's ~/.bashrc end the shell? ec2mpi doctor shows where"},
    {"no ranks",
     "mpirun's daemon on a node could not start its ranks, and mpirun waited for them; it has been ended",
     "ec2mpi doctor shows the limits of the nodes (ulimit -n)"},
    {"no connection",
     "a rank could not connect to another one (a firewall, or that rank had ended before), and Open MPI "
     "waits "
     "for it without an end; the job printed nothing for ten minutes and has been ended"},
    {"hang",
     "{0} printed nothing for the time of [jobs] hang and has been ended; ec2mpi stacks {0} "
     "shows what its ranks did"},
    {"daemon", "mpirun lost its daemon on a node and did not return; it has been ended"},
};

}  // namespace

std::string placement_text(const std::vector<Place>& places, const char* unit) {
  std::size_t nodes = 0;
  std::string spread;
  bool even = true;
  int first = 0;
  for (const auto& place : places) {
    if (place.ranks == 0) continue;
    if (nodes++ == 0) first = place.ranks;
    even = even && place.ranks == first;
    spread += fmt::format("{}{}: {}", spread.empty() ? "" : ", ", place.label, place.ranks);
  }
  const auto ranks = static_cast<std::size_t>(total_ranks(places));
  return fmt::format("{} on {}{}", count_of(ranks, unit), count_of(nodes, "node"),
                     even ? "" : " (" + spread + ")");
}

std::string plan_text(const ops::JobPlan& plan) {
  if (plan.line.empty())
    return "# a script of yours, which runs on the master; $EC2MPI_HOSTFILE and nodeIPaddress are made for "
           "an mpirun in it\n";
  // Quoted for a shell, so it can be pasted.
  auto text = quote_words(ops::line_of(plan.line)) + "\n\n";
  std::size_t width = 0;
  for (const auto& option : plan.line)
    width = std::max(width, std::min(quote_words(option.words).size(), kReasonColumn));
  for (const auto& option : plan.line)
    text += fmt::format("{:<{}}  # {}\n", quote_words(option.words), width, option.reason);
  return text + "\n# the hostfile\n" + plan.files.hosts;
}

std::string process_text(const std::vector<ops::Process>& processes) {
  std::string text;
  for (std::size_t i = 0; i < processes.size() && i < kNamedProcesses; ++i) {
    text += fmt::format("{}pid {} {}", i == 0 ? "" : ", ", processes[i].pid, processes[i].name);
  }
  return text + (processes.size() > kNamedProcesses ? ", …" : "");
}

std::string stopping_text(ops::JobStop why, const std::string& id) {
  return why == ops::JobStop::interrupted
             ? fmt::format("cancelling {}: ending its processes on all nodes (Ctrl-C again leaves at once) …",
                           id)
             : fmt::format("the time limit is over: ending {} on all nodes …", id);
}

std::string lost_bytes_text(std::string_view why, const std::string& id) {
  if (why == "output lost")
    return fmt::format(
        "not all that {} printed could be kept on the master, and so it has failed; is the disk full there? "
        "ec2mpi exec -w 1 'df -h ~'",
        id);
  if (why == "input lost")
    return fmt::format(
        "{} did not get all of its standard input, and so it has failed; was the connection lost?", id);
  return {};
}

/// `why` is the detail of the state "lost" (functions.sh); a killed supervisor is the rest.
std::string lost_job_text(const std::string& id, std::string_view why, bool cleaned) {
  if (why == "gone")
    return fmt::format(
        "{0} is lost: its folder on the master, ~/.ec2mpi/jobs/{0}, has been removed, and nobody knows how "
        "it ended",
        id);
  return fmt::format("{} is lost: {}{}", id,
                     why == "rebooted"            ? "the master was booted"
                     : why == "unstarted"         ? "its supervisor on the master did not start"
                     : why.starts_with("damaged") ? "its record on the master is damaged"
                                                  : "its supervisor on the master was killed",
                     cleaned ? "" : fmt::format("; ec2mpi cancel {} cleans up after it", id));
}

std::string unknown_start_text(const std::string& id) {
  return fmt::format(
      "whether {0} has started is not known; ec2mpi attach {0} follows it if the master has it", id);
}

std::optional<EndText> end_text(std::string_view why, const std::string& id) {
  const auto known = std::ranges::find(kEnds, why, &End::why);
  if (known == std::end(kEnds)) return std::nullopt;
  return EndText{fmt::format(fmt::runtime(known->text), id), known->advice};
}

}  // namespace ec2mpi::cli
