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
#include "ec2mpi/cli/terminal/standard_output.hpp"
#include "ec2mpi/cluster/config.hpp"
#include "src/cli/commands/mpi_script.hpp"

namespace ec2mpi::cli {

namespace {

namespace fs = std::filesystem;

constexpr const char* kFile = "ec2mpi.toml";
constexpr std::size_t kLargestScript = 1 << 20;

/// A script run_NAME.sh of this folder.
struct FoundScript {
  std::string name;
  Result<ScriptJob> job;
};

/// Some scripts that differ in one number only: run_spread_3.sh, run_spread_6.sh.
struct SweptScripts {
  ScriptJob job;  ///< with {n} where the number was
  std::vector<std::string> numbers;
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

/// "spread" and "12" of "spread_12", "spread-12" and "spread12"; nothing without a number.
std::pair<std::string, std::string> stem_and_number(const std::string& name) {
  const auto end = name.find_last_not_of("0123456789");
  // TOML has no integers with leading zeros, and {n} could not give them back.
  if (end == std::string::npos || end + 1 == name.size() || name[end + 1] == '0') return {name, ""};
  auto stem = name.substr(0, end + 1);
  if (stem.size() > 1 && (stem.back() == '_' || stem.back() == '-')) stem.pop_back();
  return {stem, name.substr(end + 1)};
}

/// The text that gives each script's word when {n} is its number; nothing if there is none.
std::optional<std::string> merged_word(const std::vector<std::string>& words,
                                       const std::vector<std::string>& numbers) {
  const auto& first = words.front();
  if (std::ranges::count(words, first) == std::ssize(words)) return first;
  // Only a number at the end of a word is taken for the parameter, as in "agents=3".
  if (!first.ends_with(numbers.front())) return std::nullopt;
  const auto before = first.substr(0, first.size() - numbers.front().size());
  for (std::size_t i = 0; i < words.size(); ++i)
    if (words[i] != before + numbers[i]) return std::nullopt;
  return before + "{n}";
}

/// The same for a number of ranks, which may also be another by a constant: "{n}+2".
std::optional<std::string> merged_count(const std::vector<std::string>& counts,
                                        const std::vector<std::string>& numbers) {
  const auto offset_of = [&](std::size_t i) {
    const auto count = static_cast<std::int64_t>(parse_number(counts[i]).value_or(0));
    return count - static_cast<std::int64_t>(parse_number(numbers[i]).value_or(0));
  };
  if (std::ranges::count(counts, counts.front()) == std::ssize(counts)) return counts.front();
  for (std::size_t i = 0; i < counts.size(); ++i)
    if (counts[i].empty() || offset_of(i) != offset_of(0)) return std::nullopt;
  return offset_of(0) == 0 ? "{n}" : fmt::format("{{n}}{:+}", offset_of(0));
}

/// One job for all, if they differ in their numbers only.
std::optional<ScriptJob> merged_job(const std::vector<ScriptJob>& jobs,
                                    const std::vector<std::string>& numbers) {
  auto job = jobs.front();
  bool merged = true;
  const auto merge = [&](std::string& word, auto word_of, auto merged_text) {
    std::vector<std::string> words;
    for (const auto& each : jobs) words.push_back(word_of(each));
    const auto found = merged_text(words, numbers);
    merged = merged && found;
    word = found.value_or("");
  };
  for (const auto& each : jobs)
    if (each.command.size() != job.command.size() || each.env != job.env || each.flags != job.flags ||
        !each.sweep.empty())
      return std::nullopt;
  for (std::size_t i = 0; i < job.command.size(); ++i)
    merge(
        job.command[i], [i](const auto& each) { return each.command[i]; }, merged_word);
  merge(
      job.np, [](const auto& each) { return each.np; }, merged_count);
  merge(
      job.per_node, [](const auto& each) { return each.per_node; }, merged_count);
  merge(
      job.workdir, [](const auto& each) { return each.workdir; }, merged_word);
  // Equal scripts have no parameter, so each of them becomes its own job.
  if (!merged || job == jobs.front()) return std::nullopt;
  return job;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const auto character = first_code_point(text);
    if (!character.valid) return false;
    text.remove_prefix(character.length);
  }
  return true;
}

/// By name. A name that is not printable goes to `odd`: a line end in it would end a comment of
/// ec2mpi.toml, and the rest of the name would be a setting. "run_.sh" has no name.
std::vector<FoundScript> find_scripts(std::vector<std::string>& odd) {
  std::vector<FoundScript> found;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(".", ignored)) {
    const auto file = entry.path().filename().string();
    if (!file.starts_with("run_") || !file.ends_with(".sh") || file.size() < 8) continue;
    if (printable(file) != file) {
      odd.push_back(printable(file));
      continue;
    }
    const auto text = read_regular_file(entry.path(), kLargestScript);
    auto job = text ? read_mpi_script(*text) : std::unexpected(text.error());
    // The settings could not hold its words.
    if (text && !is_utf8(*text)) job = fail(ErrorKind::usage, "it is not written in UTF-8");
    // A program that was named like a script.
    if (text && text->find('\0') != std::string::npos) continue;
    found.push_back({file.substr(4, file.size() - 7), std::move(job)});
  }
  std::ranges::sort(found, {}, &FoundScript::name);
  return found;
}

/// By the job's name. Scripts that it takes leave `scripts`.
std::map<std::string, SweptScripts> take_swept(std::vector<FoundScript>& scripts) {
  std::map<std::string, std::vector<FoundScript>> by_stem;
  for (const auto& script : scripts) {
    const auto [stem, number] = stem_and_number(script.name);
    if (!number.empty()) by_stem[stem].push_back(script);
  }
  std::map<std::string, SweptScripts> series;
  for (auto& [stem, members] : by_stem) {
    const auto is_read = [](const auto& script) { return script.job.has_value(); };
    const auto has_name = [&stem](const auto& script) { return script.name == stem; };
    // A script run_STEM.sh makes a job of the name that the series would get.
    if (members.size() < 2 || !std::ranges::all_of(members, is_read) ||
        std::ranges::any_of(scripts, has_name))
      continue;
    // By length, then by text: 3 comes before 12.
    std::ranges::sort(members, {},
                      [](const auto& script) { return std::pair(script.name.size(), script.name); });
    std::vector<ScriptJob> jobs;
    std::vector<std::string> numbers;
    for (const auto& script : members) {
      jobs.push_back(*script.job);
      numbers.push_back(stem_and_number(script.name).second);
    }
    // run_x3.sh and run_x_3.sh would be the same job of the series.
    if (std::set(numbers.begin(), numbers.end()).size() != numbers.size()) continue;
    if (auto job = merged_job(jobs, numbers)) series[stem] = {std::move(*job), std::move(numbers)};
  }
  std::erase_if(scripts, [&](const auto& script) {
    const auto [stem, number] = stem_and_number(script.name);
    return !number.empty() && series.contains(stem);
  });
  return series;
}

std::string list_text(const std::vector<std::string>& words) {
  std::vector<std::string> each;
  for (const auto& word : words) each.push_back(toml_string(word));
  return "[" + join(each, ", ") + "]";
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
    text += fmt::format("{} = {}\n", parameter, list_text(values));
  return text;
}

/// What the terminal shows of a script that became a job, behind the job's name.
std::string about_job(const ScriptJob& job) {
  auto text = flags_text(job);
  for (const auto& [parameter, values] : job.sweep)
    text += fmt::format("; {} = {}", parameter, printable(join(values, ", ")));
  if (!job.left_out.empty()) text += "; left out: " + printable(join(job.left_out, ", "));
  return text;
}

std::string sweep_text(const std::string& name, const SweptScripts& series) {
  return job_text(name, series.job) +
         fmt::format("\n[jobs.{}.sweep]                     # a job for each\nn = [{}]\n", key_of(name),
                     join(series.numbers, ", "));
}

/// All lines are comments, so the file changes nothing until the user edits it.
std::string settings_text(const Result<fs::path>& list) {
  const auto pems = list ? pem_files(*list) : pem_files({});
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

Result<int> run_init(const CommonOptions&) {
  std::vector<std::string> odd;
  auto scripts = find_scripts(odd);
  const auto series = take_swept(scripts);
  auto text = settings_text(find_list({}, {}));
  std::string said;
  for (const auto& [name, of_name] : series) {
    text += sweep_text(name, of_name);
    said += fmt::format("run_{}*.sh: ec2mpi run {} runs {} jobs, n = {}{}\n", name, quote_word(name),
                        of_name.numbers.size(), join(of_name.numbers, ", "), about_job(of_name.job));
  }
  for (const auto& [name, job] : scripts) {
    if (job) {
      text += job_text(name, *job);
      said += fmt::format("run_{}.sh: ec2mpi run {}{}\n", name, quote_word(name), about_job(*job));
    } else {
      const auto why = printable(job.error().message);
      const auto stays = fmt::format("run_{}.sh stays a script, which ec2mpi run {} starts: {}\n", name,
                                     quote_word(name), why);
      text += "\n# " + stays;
      said += stays;
    }
  }
  for (const auto& name : odd) said += name + " is left out: its name has characters that are not shown\n";
  // Scripts may hold any text, so the reader of the settings checks the file before it is written.
  TRY(parse_config(text, kFile));
  TRY(create(text));
  print_result(said + "ec2mpi.toml is written; read it, then: ec2mpi\n");
  return exit_code::ok;
}

}  // namespace

void add_init_command(CLI::App& app, Dispatch& dispatch) {
  auto& command = add_command(
      app, "init", "Writes ec2mpi.toml from the list, the keys and the scripts run_*.sh of this folder",
      "ec2mpi init\n"
      "Scripts with one plain mpirun line become jobs; a for loop around it, or scripts run_x_3.sh\n"
      "and run_x_6.sh, become a job with a sweep. An ec2mpi.toml that is here already stays as it is.");
  command.callback([&dispatch] { dispatch.chosen = run_init; });
}

}  // namespace ec2mpi::cli
