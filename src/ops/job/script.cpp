#include "ec2mpi/ops/job/script.hpp"

#include <fmt/format.h>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/ops/job/queue_shell.hpp"
#include "ec2mpi/ops/job/shell.hpp"
#include "ec2mpi/ops/node/remote_program.hpp"
#include "ec2mpi/ops/process/sweep.hpp"
#include "src/ops/job/programs.hpp"

namespace ec2mpi::ops {

namespace {

/// Behind own_tools_text().
constexpr const char* kUsersPath =
    "PATH=$ec2mpi_path HOME=${ec2mpi_home:-$HOME}\nunset ec2mpi_path ec2mpi_home\n";

/// These build shell text; each value is quoted exactly once, here.
std::string assign(const char* variable, const std::string& value) {
  return fmt::format("{}={}\n", variable, quote_word(value));
}

/// Writes a file into the job's folder (keep() in the script).
std::string keep(const char* file, const std::string& content) {
  return fmt::format("keep {} {}\n", file, quote_word(content));
}

std::string exports(const std::map<std::string, std::string>& environment) {
  std::string text;
  for (const auto& [name, value] : environment)
    text += fmt::format("export {}={}\n", name, quote_word(value));
  return text;
}

/// In a job's folder. LC_ALL is set for the tools of the queue.
constexpr const char* kUsersVariables = "unset LC_ALL\n. ./environment\n";

/// Starts the line; a python of the user's own shows only there whether it has mpi4py.
std::string line_text(const JobFiles& files) {
  auto text = fmt::format("set -- {}\n", quote_words(files.command));
  if (!files.as_it_is.empty())
    text += fmt::format(
        "{} -c 'import importlib.util as u, sys; sys.exit(u.find_spec(\"mpi4py\") is None)' || set -- {}\n",
        quote_word(files.own_python), quote_words(files.as_it_is));
  if (!files.settle.empty()) text.append(own_tools_text()).append(files.settle).append(kUsersPath);
  return text + "exec \"$@\"\n";
}

/// The part of `run` behind the settings that are known on the master only.
std::string run_text(const JobFiles& files) {
  const auto& script = files.script;
  std::string text = kUsersVariables;
  text += "folder=$PWD workdir=$(cat workdir) script=$(cat script)\n";
  if (script) text += assign("name", script->name) + std::string(kStartScriptSh);
  if (!files.profiler.empty()) text += "PATH=$ec2mpi_path sh ./profiler prepare || exit 1\n";
  text += "cd -- \"$workdir\" || exit 1\n" + std::string(kUsersPath) + exports(files.environment);
  if (!script) return text + line_text(files);
  return text + fmt::format("export EC2MPI_HOSTFILE=\"$folder/hosts\"\nexec $start \"$script\" {}\n",
                            quote_words(files.command));
}

/// A job in the queue gets its nodes later; `queue` comes last, for it makes the job count.
std::string queue_text(const QueueFiles& queue) {
  return (queue.batch.empty() ? std::string() : keep("batch", queue.batch + "\n")) +
         keep("pool", queue.pool) + keep("always", queue.always) +
         fmt::format(
             "keep queue.new \"$(date +%s) {} {} {} {} {} {} {}\n\"\nmv -f \"$folder/queue.new\" "
             "\"$folder/queue\"\n",
             queue.place, queue.series, queue.most, queue.need.np, queue.need.nodes,
             queue.colons ? ":" : "slots", queue.spare);
}

std::string make_folder_functions() {
  return std::string(kCheckPlaceSh).append(kMakeFolderSh);
}

/// The same for all jobs: a series has it once.
std::string programs_text() {
  return assign("marked_text", sweep_functions()) + assign("sweep_text", sweep_program()) +
         assign("supervise_text", supervisor_script()) + assign("sampler_text", sampler_script());
}

/// Finds the script, sets the folder where the job runs, and ends the program where the job could not run.
std::string place_text(const JobFiles& files) {
  const auto& script = files.script;
  auto text = assign("workdir", files.workdir) + assign("script", {});
  if (script) text += assign("name", script->name);
  if (script && !script->text) text += "find_script\n";
  return text + "check_place\n";
}

/// What makes the job's folder; after programs_text.
std::string folder_text(const JobFiles& files) {
  const auto& script = files.script;
  const auto words = quote_words(files.command);
  auto text = assign("id", files.id) + assign("addresses", files.addresses) + place_text(files);
  text += "make_folder\n" + keep("meta", files.meta);
  if (!files.queue) {
    text += keep("hosts", files.hosts) + keep("nodes", files.nodes) + "keep nodeIPaddress \"$addresses\"\n";
  }
  text += "keep workdir \"$workdir\"\n";
  text += keep("cmd", (script ? script->name + (words.empty() ? "" : " ") : "") + words + "\n");
  if (files.input != JobInput::none)
    text += keep("input", files.input == JobInput::typed ? "typed\n" : "read\n");
  if (!files.hook.empty()) text += keep("hook", files.hook + "\n");
  if (!files.hang.empty())
    text += keep("hang", files.hang + "\n") + keep("look", "{\n" + files.stacks + "}\n");
  if (!files.limit.empty()) text += keep("limit", files.limit + "\n");
  if (!files.remote_shell.empty()) {
    text += keep("rsh", std::string("#!/bin/sh\n").append(find_swift_text()) + files.remote_shell);
    text += "chmod 700 \"$folder/rsh\"\n";
  }
  if (script && script->text) {
    text += assign("content", *script->text) + "keep \"$name\" \"$content\"\nscript=$folder/$name\n";
  }
  if (!files.profiler.empty()) text += keep("profiler", files.profiler);
  text +=
      "keep sweep \"id=$id\n{\n$marked_text$sweep_text}\n\"\n"
      "keep supervise \"id=$id\n$marked_text$supervise_text\"\n"
      "keep sampler \"id=$id\n$sampler_text\"\n";
  text += "keep script \"$script\"\n";
  if (script && !script->text) text += "cksum <\"$script\" >\"$folder/script.sum\"\n";
  // The master fills in $mask; all other text is quoted here.
  text += "keep run \"umask $mask\"" + quote_word("\n" + run_text(files)) + "\n";
  text += "keep times \"submitted $(date +%s)\n\"\n";
  return text;
}

/// In a subshell: a job that cannot be submitted does not stop the next ones.
std::string submission_text(const JobFiles& files, const std::string& steps) {
  return "(\n" + steps +
         fmt::format("echo {}\n) || echo \"refused $?\"\n", quote_word("submitted " + files.id));
}

}  // namespace

std::string job_prelude() {
  return busy_text() + make_folder_functions() + programs_text();
}

std::string feed_text(const std::string& id) {
  return set_variables({{"id", id}}) + std::string(kFeedSh);
}

std::string input_whole_text(const std::string& id) {
  return fmt::format(": >\"$HOME/.ec2mpi/jobs/{}/input.whole\"\n", id);
}

std::string busy_text() {
  return job_functions() + fmt::format("list_busy\necho '{}'\n", kBusyEnd);
}

/// In braces: sh runs nothing before it has read all of it.
std::string job_text(const JobFiles& files, const std::string& then) {
  return "{\n" + folder_text(files) + "publish_addresses\n" + start_supervisor() + then + "}\n";
}

std::string series_text(const std::vector<JobFiles>& jobs) {
  auto text = "{\n" + job_functions() + make_folder_functions() + programs_text();
  for (const auto& files : jobs)
    text += submission_text(files, folder_text(files) + queue_text(*files.queue));
  return text + keep_schedule_text() + call_schedule() + "}\n";
}

std::string job_check_text(const JobFiles& files) {
  return "{\n" + std::string(kCheckPlaceSh) + place_text(files) + "exit 0\n}\n";
}

std::string series_check_text(const std::vector<JobFiles>& jobs) {
  auto text = "{\n" + job_functions() + std::string(kCheckPlaceSh);
  for (const auto& files : jobs) text += submission_text(files, place_text(files));
  return text + "}\n";
}

}  // namespace ec2mpi::ops
