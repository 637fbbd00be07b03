// `ec2mpi init`: reads the scripts run_*.sh of this folder, joins those that differ in numbers only into
// sweeps, and writes ec2mpi.toml with a job for each. A script that only a shell understands stays a script.

#include <fcntl.h>
#include <fmt/format.h>
#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <set>

#include "ec2mpi/base/file.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/base/utf8.hpp"
#include "ec2mpi/cli/session/cluster_setup.hpp"
#include "ec2mpi/cli/session/command.hpp"
#include "ec2mpi/cli/terminal/answer.hpp"
#include "ec2mpi/cli/terminal/standard_output.hpp"
#include "ec2mpi/cluster/config.hpp"
#include "src/cli/commands/mpi_script.hpp"
#include "src/cli/commands/script_sweep.hpp"

namespace ec2mpi::cli {

namespace {

namespace fs = std::filesystem;

constexpr const char* kFile = "ec2mpi.toml";
/// A larger file is no script that somebody has written.
constexpr std::size_t kLargestScript = 1 << 20;

/// A script run_NAME.sh of this folder.
struct FoundScript {
  std::string name;
  Result<ScriptJob> job;
};

/// A basic string of TOML 1.0, which takes control characters as escapes only.
std::string toml_string(std::string_view text) {
  std::string toml = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') toml += '\\';
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      toml += fmt::format("\\u{:04X}", static_cast<unsigned char>(c));
    else
      toml += c;
  }
  return toml + "\"";
}

/// A bare key of TOML has ASCII letters, digits, dashes and underscores; other names need quotes.
std::string key_of(const std::string& name) {
  const auto bare = [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '-'; };
  return std::ranges::all_of(name, bare) ? name : toml_string(name);
}

/// TOML takes nothing else.
bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const auto character = first_code_point(text);
    if (!character.valid) return false;
    text.remove_prefix(character.length);
  }
  return true;
}

/// By name. `left_out` gets a line for each that `run` cannot start. One is a name that is not printable: a
/// line end in it would end a comment of ec2mpi.toml, and the rest of the name would be a setting.
std::vector<FoundScript> find_scripts(std::vector<std::string>& left_out) {
  std::vector<FoundScript> found;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(".", ignored)) {
    const auto file = entry.path().filename().string();
    if (!file.starts_with("run_") || !file.ends_with(".sh")) continue;
    const auto text = read_file(file, kLargestScript);
    std::string why;
    if (printable(file) != file)
      why = "its name has characters that are not shown";
    else if (file == "run_.sh")
      why = "no name stands behind run_";
    else if (!text)
      why = printable(text.error().message);
    if (!why.empty()) {
      left_out.push_back(fmt::format("{} is left out: {}\n", printable(file), why));
      continue;
    }
    auto job = read_mpi_script(*text);
    // The settings could not hold its words.
    if (!is_utf8(*text)) job = fail(ErrorKind::usage, "it is not written in UTF-8");
    // A program that was named like a script.
    if (text->find('\0') != std::string::npos) continue;
    found.push_back({file.substr(4, file.size() - 7), std::move(job)});
  }
  std::ranges::sort(found, {}, &FoundScript::name);
  return found;
}

/// Scripts that become sweeps leave `scripts`.
ScriptSweeps take_sweeps(std::vector<FoundScript>& scripts) {
  std::vector<NamedJob> jobs;
  std::vector<std::string> names;
  for (const auto& script : scripts) {
    names.push_back(script.name);
    if (script.job) jobs.push_back({script.name, *script.job});
  }
  auto sweeps = find_sweeps(jobs, names);
  for (const auto& swept : sweeps.found)
    std::erase_if(scripts, [&](const auto& script) {
      return std::ranges::find(swept.scripts, script.name) != swept.scripts.end();
    });
  return sweeps;
}

std::string list_text(const std::vector<std::string>& words) {
  std::vector<std::string> each;
  for (const auto& word : words) each.push_back(toml_string(word));
  return "[" + join(each, ", ") + "]";
}

/// The values of a parameter; numbers as they are.
std::string values_text(const std::vector<std::string>& values) {
  const auto is_number = [](const std::string& value) {
    return parse_number(value) && (value.size() == 1 || value.front() != '0');
  };
  return std::ranges::all_of(values, is_number) ? "[" + join(values, ", ") + "]" : list_text(values);
}

/// " --map-by node": flags of mpirun that ec2mpi.toml has no setting for.
std::string flags_text(const ScriptJob& job) {
  return job.flags.empty() ? std::string() : " " + printable(join(job.flags, " "));
}

std::string job_text(const std::string& name, const ScriptJob& job) {
  auto text = fmt::format("\n# ec2mpi run {}{}\n[jobs.{}]\ncommand = {}\n", quote_word(name), flags_text(job),
                          key_of(name), list_text(job.command));
  // ec2mpi.toml takes numbers as they are, and formulas as text.
  const auto count = [](const std::string& number) {
    return number.find('{') == std::string::npos ? number : toml_string(number);
  };
  if (!job.np.empty()) text += "np = " + count(job.np) + "\n";
  if (!job.per_node.empty()) text += "per_node = " + count(job.per_node) + "\n";
  if (!job.workdir.empty()) text += "workdir = " + toml_string(job.workdir) + "\n";
  text +=
      "# push = [\"FILE\"]                      # local files that go to the nodes before each run\n"
      "# pull = [\"FILE\"]                      # results that come into results/ID/ after success\n";
  if (!job.left_out.empty()) text += "# left out: " + printable(join(job.left_out, ", ")) + "\n";
  if (!job.env.empty()) text += fmt::format("\n[jobs.{}.env]\n", key_of(name));
  for (const auto& [variable, value] : job.env) text += key_of(variable) + " = " + toml_string(value) + "\n";
  if (!job.sweep.empty())
    text += fmt::format("\n[jobs.{}.sweep]                     # a job for each\n", key_of(name));
  for (const auto& [parameter, values] : job.sweep)
    text += fmt::format("{} = {}\n", parameter, values_text(values));
  return text;
}

/// What the terminal shows of a script that became a job, behind the line that runs it.
std::string about_job(const ScriptJob& job) {
  std::string text;
  for (const auto& [parameter, values] : job.sweep)
    text += fmt::format("; {} = {}", parameter, printable(join(values, ", ")));
  if (!job.left_out.empty()) text += "; left out: " + printable(join(job.left_out, ", "));
  return text;
}

/// Without a sweep it is one job.
std::size_t number_of_jobs(const ScriptJob& job) {
  std::size_t number = 1;
  for (const auto& [parameter, values] : job.sweep) number *= values.size();
  return number;
}

/// All lines are comments, so the file changes nothing until the user edits it.
std::string settings_text(const std::vector<fs::path>& pems) {
  std::string text =
      "# Settings of ec2mpi for this folder. All of it is optional; flags win over it.\n\n"
      "# list = \"amazon_instances_info\"        # the instance list\n";
  // A single key beside the list is used without a setting; of several one must be chosen.
  for (const auto& pem : pems.size() > 1 ? pems : std::vector<fs::path>{})
    text += "# identity = " + toml_string(pem.lexically_normal().string()) + "    # choose one\n";
  if (pems.size() <= 1)
    text +=
        "# identity = \"~/.ssh/KEY.pem\"          # the private key; else the only .pem beside the list\n";
  return text +
         "# user = \"ubuntu\"                       # login user\n"
         "# persist = \"10m\"                      # keep connections for later commands\n\n"
         "# [prices]                              # what an hour of a type costs you\n"
         "# \"c5n.large\" = 0.108\n";
}

/// A file that is there stays as it is.
/// O_EXCL also refuses a symbolic link, which could lead to another file. Errors: usage, local_io.
Result<void> create(const std::string& text) {
  const UniqueFd file(::open(kFile, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!file && errno == EEXIST)
    return fail(ErrorKind::usage,
                "ec2mpi.toml is here already and stays as it is; move it away to get a new one");
  if (!file) return io_error("write", kFile);
  auto written = write_all(file.get(), text, kFile);
  // Half of it would stand in the way of the next init.
  if (!written) ::unlink(kFile);
  return written;
}

/// The text is made and checked as a whole before the file is created.
Result<int> run_init(const CommonOptions&) {
  std::vector<std::string> left_out;
  auto scripts = find_scripts(left_out);
  const auto sweeps = take_sweeps(scripts);
  const auto list = find_list({}, {});
  const auto pems = list ? pem_files(*list) : pem_files({});
  auto text = settings_text(pems);
  std::string said;
  auto& fields = answer_fields();
  fields["jobs"] = Json::array();
  fields["scripts"] = Json::array();
  for (const auto& swept : sweeps.found) {
    text += job_text(swept.name, swept.job);
    fields["jobs"].push_back(swept.name);
    said +=
        fmt::format("run_{}.sh: ec2mpi run {}{} runs {}{}\n", swept.pattern, quote_word(swept.name),
                    flags_text(swept.job), count_of(number_of_jobs(swept.job), "job"), about_job(swept.job));
  }
  for (const auto& pattern : sweeps.apart)
    said += fmt::format("run_{}.sh are no sweep: they differ in more than these numbers\n", pattern);
  for (const auto& [name, job] : scripts) {
    if (job) {
      text += job_text(name, *job);
      fields["jobs"].push_back(name);
      said += fmt::format("run_{}.sh: ec2mpi run {}{}{}\n", name, quote_word(name), flags_text(*job),
                          about_job(*job));
    } else {
      const auto why = printable(job.error().message);
      const auto stays = fmt::format("run_{}.sh stays a script, which ec2mpi run {} starts: {}\n", name,
                                     quote_word(name), why);
      fields["scripts"].push_back({{"script", "run_" + name + ".sh"}, {"why", why}});
      text += "\n# " + stays;
      said += stays;
    }
  }
  said += join(left_out, "");
  if (pems.size() > 1)
    said += fmt::format("{} keys are here: choose one in ec2mpi.toml, as identity\n", pems.size());
  // Scripts may hold any text, so the reader of the settings checks the file before it is written.
  TRY(parse_config(text, kFile));
  TRY(create(text));
  fields["file"] = kFile;
  print_result(said + "ec2mpi.toml is written; read it, then: ec2mpi\n");
  return exit_code::ok;
}

}  // namespace

void add_init_command(CLI::App& app, Dispatch& dispatch) {
  auto& command = add_command(
      app, "init", "Writes ec2mpi.toml from the list, the keys and the scripts run_*.sh of this folder",
      "ec2mpi init\n"
      "Scripts with one plain mpirun line become jobs; a for loop around it, or scripts whose numbers\n"
      "differ (run_3agents.sh and run_6agents.sh), become a job with a sweep. An ec2mpi.toml that is\n"
      "here already stays as it is.");
  when_typed(command, [&dispatch] { dispatch.chosen = run_init; });
}

}  // namespace ec2mpi::cli
