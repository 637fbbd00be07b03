#include "src/cli/commands/choose_job.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "ec2mpi/base/file.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cli/session/usage.hpp"
#include "src/cli/commands/script_text.hpp"

namespace ec2mpi::cli {

namespace {

/// Bytes of a run_NAME.sh that goes to the master.
constexpr std::size_t kLargestScript = 1 << 20;

/// A program in the place of a job's name: one of this folder, or in Python.
Result<void> check_no_program(const std::string& name) {
  const auto program = program_words(name);
  if (program == quote_word(name)) return {};
  return fail(ErrorKind::usage, fmt::format("{} is a program and not a job's name: ec2mpi run -- {}",
                                            quote_word(printable(name)), printable(program)));
}

/// run_NAME.sh as the tutorial has it: in the working folder, else wherever the master has it.
Result<JobScript> find_script(const std::string& name) {
  // The name becomes a part of a file's name, and must not lead into another folder.
  const auto odd = [](char c) { return c == '/' || static_cast<unsigned char>(c) < 0x20; };
  if (std::any_of(name.begin(), name.end(), odd)) {
    return fail(ErrorKind::usage,
                fmt::format("'{}' is not a job's name; a program stands behind --: ec2mpi run -- {}",
                            printable(name), printable(quote_word(name))));
  }
  JobScript script{"run_" + name + ".sh", std::nullopt};
  std::error_code ignored;
  // A script that is not here may be on the master, whose answer says if it is not.
  if (!std::filesystem::exists(script.name, ignored)) {
    TRY(check_no_program(name));
    return script;
  }
  TRY_AS(text, read_file(script.name, kLargestScript));
  if (text->find('\0') != std::string::npos)
    return fail(ErrorKind::usage, script.name + " is not a shell script");
  script.text = without_mark(std::move(*text));
  return script;
}

/// Those of the settings, and of the scripts run_NAME.sh here.
std::vector<std::string> known_jobs(const Config& config) {
  std::vector<std::string> names;
  for (const auto& [name, job] : config.jobs) names.push_back(name);
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(".", ignored)) {
    const auto file = entry.path().filename().string();
    if (file.starts_with("run_") && file.ends_with(".sh") && file.size() > 7)
      names.push_back(file.substr(4, file.size() - 7));
  }
  return names;
}

/// mpirun looks for a word without a slash in the PATH of the nodes, where a program of the user is not.
Result<void> check_program(const std::string& word) {
  if (!word.ends_with(".py") || word.find('/') != std::string::npos) return {};
  return fail(ErrorKind::usage,
              fmt::format("{} is no command on the nodes; a Python program needs python3: ec2mpi run -- {}",
                          quote_word(printable(word)), printable(program_words(word))));
}

/// run starts mpirun itself, and mpirun would take a program that begins with a dash for an option of its
/// own.
Result<void> check_words(const JobWords& job_words) {
  // Behind a job's name stand its arguments.
  const bool is_behind = job_words.name.empty() && job_words.behind_dashes.has_value();
  const auto& program = is_behind ? *job_words.behind_dashes : job_words.name;
  if (program.empty()) return {};
  const auto& first = program.front();
  if (trim(first).empty())
    return fail(ErrorKind::usage, "the program is an empty word: ec2mpi run -- PROGRAM");
  if (is_behind && first.starts_with('-'))
    return fail(ErrorKind::usage,
                fmt::format("'{}' stands where the program is expected; options stand in front of "
                            "--: ec2mpi run -np 4 -- PROGRAM",
                            printable(first)));
  if (const auto name = first.substr(0, first.find('=')); name != first && is_identifier(name))
    return fail(ErrorKind::usage,
                fmt::format("'{0}' sets a variable in a shell, and run starts none: ec2mpi run -x {1} -- {2}",
                            printable(first), printable(quote_word(first)),
                            program.size() > 1 ? printable(quote_word(program[1])) + " ..." : "PROGRAM"));
  if (is_behind && program.size() == 1 && first.find_first_of(";|&<>$*`") != std::string::npos)
    return fail(ErrorKind::usage,
                fmt::format("'{}' is for a shell, and run starts none: ec2mpi run -- sh -c {}",
                            printable(first), quote_word(printable(first))));
  if (is_behind && program.size() == 1 && words(first).size() > 1 &&
      words(first)[0].find('/') == std::string_view::npos)
    return fail(ErrorKind::usage,
                fmt::format("'{0}' is one word; a program and its arguments are several: ec2mpi run -- {0}",
                            printable(first)));
  if (job_words.behind_dashes && std::ranges::count(*job_words.behind_dashes, ":") > 0)
    return fail(ErrorKind::usage,
                "':' would start several programs (MPMD), which run does not: write one program that looks "
                "at its rank");
  const auto name = first.substr(first.rfind('/') + 1);
  constexpr std::string_view kStarters[] = {"mpirun",  "mpiexec", "mpiexec.hydra", "orterun",
                                            "prterun", "prun",    "srun"};
  if (std::ranges::count(kStarters, name) == 0) return {};
  return fail(
      ErrorKind::usage,
      fmt::format("run starts mpirun itself: leave {} out, and write the options in front of --: ec2mpi run "
                  "-np 4 -- PROGRAM",
                  printable(name)));
}

}  // namespace

std::string job_name(const std::string& word, const Config& config) {
  std::error_code ignored;
  const auto is_job = [&](const std::string& name) {
    return config.jobs.contains(name) || std::filesystem::exists("run_" + name + ".sh", ignored);
  };
  if (is_job(word)) return word;
  auto name = word.substr(word.starts_with("./") ? 2 : 0);
  if (name.ends_with(".sh")) name.erase(name.size() - 3);
  // Of a script that is not here, the master may know more.
  if (name.starts_with("run_") && name.size() > 4 && name.find('/') == name.npos) return name.substr(4);
  return is_job(name) ? name : word;
}

/// Looks in this order: the program behind --, [jobs.NAME] in the settings, the script run_NAME.sh here, the
/// script of that name on the master.
Result<JobSpec> choose_job(const JobWords& job_words, const Config& config) {
  const auto& behind = job_words.behind_dashes;
  TRY(check_words(job_words));
  if (job_words.name.empty()) {
    if (!behind || behind->empty())
      return fail(ErrorKind::usage, "nothing to run: ec2mpi run NAME, or ec2mpi run -- CMD ARGS");
    TRY(check_program(behind->front()));
    return JobSpec{.mpirun = config.mpirun.value_or("")};
  }
  const auto& name = job_words.name.front();
  // A word without -- before it could be an argument or a program, so none is guessed.
  if (job_words.name.size() > 1) {
    const auto& second = job_words.name[1];
    const auto job = config.jobs.find(name);
    const auto is_parameter = [&](const auto& sweep) { return second.starts_with(sweep.name + "="); };
    if (job != config.jobs.end() && std::ranges::any_of(job->second.sweep, is_parameter))
      return fail(ErrorKind::usage, fmt::format("'{0}' is a value of the sweep: ec2mpi run {1} --set {0}",
                                                quote_word(printable(second)), printable(name)));
    if (!config.jobs.contains(name)) {
      const std::vector<std::string> others(job_words.name.begin() + 1, job_words.name.end());
      return fail(ErrorKind::usage,
                  fmt::format("programs stand behind --: ec2mpi run ... -- {} {}",
                              printable(program_words(name)), printable(quote_words(others))));
    }
    return fail(ErrorKind::usage,
                fmt::format("'{}': arguments stand behind --: ec2mpi run {} -- {}",
                            printable(job_words.name[1]), printable(name), printable(job_words.name[1])));
  }
  const auto mpirun = config.mpirun.value_or("");
  if (const auto found = config.jobs.find(name); found != config.jobs.end()) {
    auto job = found->second;
    job.mpirun = mpirun;
    return job;
  }
  TRY_AS(script, find_script(name));
  // A name that is known nowhere here may still be a script on the master, so only a similar name
  // is an error.
  if (const auto meant = nearest(name, known_jobs(config)); !script->text && !meant.empty())
    return fail(ErrorKind::usage,
                fmt::format("there is no [jobs.{}] in ec2mpi.toml and no {} here; is {} meant?",
                            printable(name), printable(script->name), printable(meant)));
  return JobSpec{.script = std::move(*script), .mpirun = mpirun};
}

}  // namespace ec2mpi::cli
