#include "ec2mpi/ops/job/script.hpp"

#include <fmt/format.h>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/ops/job/queue_shell.hpp"
#include "ec2mpi/ops/job/shell.hpp"
#include "ec2mpi/ops/process/sweep.hpp"

namespace ec2mpi::ops {

namespace {

constexpr const char* kFindScript = R"sh(
script=
for place in "$workdir" "$HOME"; do
  [ -f "$place/$name" ] && { script=$place/$name; workdir=$place; break; }
done
[ -n "$script" ] || give_up "there is no $name, neither here nor in $workdir; and ec2mpi.toml has no such job" 2
)sh";

/// mkdir is the lock: no two jobs have one folder.
constexpr const char* kMakeFolder = R"sh(
[ -d "$workdir" ] || give_up "there is no folder $workdir; push the job's files first, or name another with --workdir"
for tool in setsid ps awk grep tail mkfifo dd; do
  command -v $tool >/dev/null || give_up "$tool is missing; install it" 127
done
folder=$jobs/$id
mask=$(umask)
umask 077
mkdir -p "$jobs" && chmod 700 "$HOME/.ec2mpi" && mkdir "$folder" || give_up "cannot make $folder"
made=yes
keep() { printf %s "$2" >"$folder/$1" || give_up "cannot write $folder/$1"; }
mkdir "$folder/spare" || give_up "cannot make $folder/spare"
for name in exit why; do keep "spare/$name" "$(printf '%512s' '')"; done
)sh";

constexpr const char* kTellAddresses = R"sh(
new=$workdir/.nodeIPaddress.$$
(umask $mask; printf %s "$addresses" >"$new") && mv -f "$new" "$workdir/nodeIPaddress" || give_up "cannot write $workdir/nodeIPaddress"
)sh";

/// As the kernel would start it, but also where the file may not be executed; and a missing interpreter is
/// named.
constexpr const char* kBecomeScript = R"sh(
IFS= read -r first <"$script"
case $first in
  '#!'*) set -f; start=${first#??}; for program in $start; do break; done ;;
  *) start=sh; program=sh ;;
esac
command -v "$program" >/dev/null || { echo "ec2mpi: $name asks for $program, which is not there; install it" >&2; exit 127; }
)sh";

std::string assign(const char* variable, const std::string& value) {
  return fmt::format("{}={}\n", variable, quote_word(value));
}

std::string keep(const char* file, const std::string& content) {
  return fmt::format("keep {} {}\n", file, quote_word(content));
}

std::string exports(const std::map<std::string, std::string>& environment) {
  std::string text;
  for (const auto& [name, value] : environment)
    text += fmt::format("export {}={}\n", name, quote_word(value));
  return text;
}

/// The part of `run` behind what is known on the master only.
std::string run_text(const JobFiles& files, const std::optional<JobScript>& script) {
  const auto words = quote_words(files.command);
  std::string text = "folder=$PWD workdir=$(cat workdir) script=$(cat script)\n";
  if (script) text += assign("name", script->name) + kBecomeScript;
  text += "cd -- \"$workdir\" || exit 1\n" + exports(files.environment);
  if (!script) return text + fmt::format("exec {}\n", words);
  return text + fmt::format("export EC2MPI_HOSTFILE=\"$folder/hosts\"\nexec $start \"$script\" {}\n", words);
}

/// A job in the queue gets its nodes later; `queue` comes last, for it makes the job count.
std::string queue_text(const QueueFiles& queue) {
  return keep("pool", queue.pool) + keep("always", queue.always) +
         fmt::format(
             "keep queue.new \"$(date +%s) {} {} {} {} {} {}\n\"\nmv -f \"$folder/queue.new\" "
             "\"$folder/queue\"\n",
             queue.place, queue.series, queue.most, queue.need.np, queue.need.nodes,
             queue.colons ? ":" : "slots");
}

std::string programs_text(const std::string& id) {
  return assign("sweep_text", sweep_script(id)) + assign("supervise_text", supervisor_script(id));
}

/// What makes the job's folder; after programs_text.
std::string folder_text(const JobFiles& files, const std::optional<JobScript>& script) {
  const auto words = quote_words(files.command);
  std::string text = assign("id", files.id) + assign("addresses", files.addresses) +
                     assign("workdir", files.workdir) + assign("script", {});
  if (script) text += assign("name", script->name);
  if (script && !script->text) text += kFindScript;
  text += kMakeFolder + keep("meta", files.meta);
  if (!files.queue) {
    text += keep("hosts", files.hosts) + keep("nodes", files.nodes) + "keep nodeIPaddress \"$addresses\"\n";
  }
  text += "keep workdir \"$workdir\"\n";
  text += keep("cmd", (script ? script->name + (words.empty() ? "" : " ") : "") + words + "\n");
  if (!files.limit.empty()) text += keep("limit", files.limit + "\n");
  if (!files.remote_shell.empty()) text += keep("rsh", files.remote_shell) + "chmod 700 \"$folder/rsh\"\n";
  if (script && script->text) {
    text += assign("content", *script->text) + "keep \"$name\" \"$content\"\nscript=$folder/$name\n";
  }
  text += "keep sweep \"$sweep_text\"\nkeep supervise \"$supervise_text\"\n";
  text += "keep script \"$script\"\n";
  if (script && !script->text) text += "cksum <\"$script\" >\"$folder/script.sum\"\n";
  text += "keep run \"umask $mask\"" + quote_word("\n" + run_text(files, script)) + "\n";
  text += "keep times \"submitted $(date +%s)\n\"\n";
  return text;
}

}  // namespace

std::string job_prelude(const std::string& id) {
  return job_functions() + programs_text(id);
}

std::string job_text(const JobFiles& files, const std::optional<JobScript>& script, const std::string& then) {
  return "{\n" + folder_text(files, script) + kTellAddresses + start_supervisor() + then + "}\n";
}

std::string series_text(const std::vector<std::pair<JobFiles, std::optional<JobScript>>>& jobs) {
  std::string text = "{\n" + job_functions();
  for (const auto& [files, script] : jobs)
    text += "(\n" + programs_text(files.id) + folder_text(files, script) + queue_text(*files.queue) +
            "echo \"submitted $id\"\n) || :\n";
  return text + keep_schedule_text() + call_schedule() + "}\n";
}

}  // namespace ec2mpi::ops
