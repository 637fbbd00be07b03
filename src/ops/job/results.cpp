#include "ec2mpi/ops/job/results.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <climits>
#include <cstddef>
#include <set>

#include "ec2mpi/base/file.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cluster/values/selection.hpp"
#include "ec2mpi/ops/node/remote.hpp"

namespace ec2mpi::ops {

namespace {

namespace fs = std::filesystem;

/// The mark of a folder whose results are not complete; it holds stamp_of() the job.
constexpr const char* kUnfinished = ".unfinished";
/// For a node to say which of the paths exist.
constexpr auto kLook = std::chrono::seconds(30);
constexpr std::size_t kMostNodesText = 64 * 1024;  ///< of the master, which may be anything
constexpr std::size_t kMostTimes = 64 * 1024;

/// What explains a result. All else in the job's folder made the job run, and may hold secrets: the values of
/// variables, the command of a hook.
constexpr const char* kKept[] = {
    "cmd",   "workdir", "hosts",      "nodeIPaddress", "nodes",     "script",    "script.sum",
    "limit", "meta",    "made",       "clock",         "times",     "sizes",     "out",
    "err",   "exit",    "why",        "reason",        "hang",      "timed_out", "stacks",
    "ranks", "profile", "unprepared", "lost_output",   "input.cut", "swept"};

/// The id comes from the master: with a slash in it, a path would lead out of the folder.
bool is_file_name(const std::string& id) {
  return !id.empty() && id.front() != '.' && id.find('/') == std::string::npos && printable(id) == id;
}

/// A series uses its ids again when its jobs were removed from the master; the times of submission differ.
std::string stamp_of(const JobRecord& job) {
  return fmt::format("submitted {}\n", job.submitted);
}

/// Whether the folder is this very job's, and if so, whether it has all.
std::optional<ResultsFolder> own_folder(const fs::path& path, const JobRecord& job) {
  if (const auto begun = read_file(path / kUnfinished, kMostTimes))
    return *begun == stamp_of(job) ? std::optional(ResultsFolder{path, false}) : std::nullopt;
  const auto times = read_file(path / "job" / "times", kMostTimes);
  if (times && times->starts_with(stamp_of(job))) return ResultsFolder{path, true};
  return std::nullopt;
}

/// Another job may have had the id.
fs::path nth_folder(const fs::path& results, const JobRecord& job, int number) {
  return results / (number == 1 ? job.id : fmt::format("{}-{}", job.id, number));
}

/// Shell text that prints the numbers of those sources that are there.
std::string look_for(const std::vector<PullSource>& sources) {
  std::string text = "exec 2>/dev/null\nthere() { [ -e \"$1\" ] || [ -L \"$1\" ]; }\n";
  for (std::size_t i = 0; i < sources.size(); ++i) {
    text += "there " + quote_word(sources[i].path);
    // A glob that matches nothing stays as it is, and so names no entry.
    if (sources[i].glob) text += " || { set -- " + sources[i].glob->shell + "; there \"$1\"; }";
    text += fmt::format(" && echo {}\n", i);
  }
  // The last test may fail, which is no error.
  return text + "exit 0\n";
}

/// Numbers from `below` on are no source's, and lines of start-up files are none.
std::vector<std::size_t> numbers_in(std::string_view said, std::size_t below) {
  std::vector<std::size_t> numbers;
  for (const auto line : split(said, '\n')) {
    const auto number = parse_number(line);
    if (number && *number < below) numbers.push_back(static_cast<std::size_t>(*number));
  }
  return numbers;
}

/// The texts of an entry around its parameters in braces: "a{n}b" has "a" and "b".
std::vector<std::string_view> fixed_texts(std::string_view entry) {
  std::vector<std::string_view> texts;
  for (;;) {
    const auto open = entry.find('{');
    const auto close = entry.find('}', open == std::string_view::npos ? open : open + 1);
    texts.push_back(close == std::string_view::npos ? entry : entry.substr(0, open));
    if (close == std::string_view::npos) return texts;
    entry.remove_prefix(close + 1);
  }
}

/// How often the path leads to a folder above.
std::ptrdiff_t steps_up(std::string_view path) {
  const auto names = split(path, '/');
  return std::count(names.begin(), names.end(), "..");
}

/// Whether `entry`, in which a parameter in braces stands for any text that does not lead to a folder above,
/// gives `path`. The path is the master's, so the time must not grow with its power.
bool gives(std::string_view entry, std::string_view path) {
  const auto texts = fixed_texts(entry);
  if (texts.size() == 1) return entry == path;
  if (steps_up(path) != steps_up(entry)) return false;
  if (!path.starts_with(texts.front())) return false;
  path.remove_prefix(texts.front().size());
  if (!path.ends_with(texts.back())) return false;
  path.remove_suffix(texts.back().size());
  // The first place of each text leaves most for the next ones.
  for (std::size_t i = 1; i + 1 < texts.size(); ++i) {
    const auto at = path.find(texts[i]);
    if (at == std::string_view::npos) return false;
    path.remove_prefix(at + texts[i].size());
  }
  return true;
}

/// An absolute entry is the path; any other one lies below a folder: the home or the job's.
bool names(std::string_view entry, std::string_view path) {
  if (path.size() > PATH_MAX) return false;  // no file has such a path
  if (entry.starts_with('/')) return gives(entry, path);
  if (entry.starts_with("~/")) entry.remove_prefix(2);
  for (auto slash = path.find('/'); slash != std::string_view::npos; slash = path.find('/', slash + 1)) {
    if (gives(entry, path.substr(slash + 1))) return true;
  }
  return false;
}

/// Where no ec2mpi.toml says which results a job has: not a hidden file, nor one of the system.
bool can_be_a_result(std::string_view path) {
  static const std::set<std::string_view> kOfTheSystem = {
      "bin", "boot", "dev", "etc", "lib", "lib64", "proc", "root", "run", "sbin", "sys", "usr", "var"};
  const auto parts = split(path, '/');
  const bool hidden =
      std::any_of(parts.begin(), parts.end(), [](auto part) { return part.starts_with('.') && part != "."; });
  return !hidden && parts.size() > 1 && parts[0].empty() && !kOfTheSystem.contains(parts[1]);
}

/// Asks first which paths are there, because a pull of a missing path fails.
asio::awaitable<Result<ssh::ExitStatus>> bring(NodeRun run, std::shared_ptr<ResultsPull> results,
                                               NodeTask pull) {
  auto& sources = results->pull->plans.at(run.node.index).sources;
  const auto patience = run.limit.at_most(kLook);
  auto command = look_for(sources);
  CO_TRY_AS(said, co_await capture(run.session, std::move(command), patience));
  std::vector<PullSource> there;
  for (const auto number : numbers_in(said->out, sources.size())) {
    results->found[number] = true;
    there.push_back(sources[number]);
  }
  if (there.empty()) co_return ssh::ExitStatus{};
  sources = std::move(there);
  auto pulled = co_await pull(run);
  co_return pulled;
}

}  // namespace

/// False for unfinished results, too: they are brought again.
bool results_are_here(const fs::path& results, const JobRecord& job) {
  if (!is_file_name(job.id)) return false;
  std::error_code ignored;
  // Ends at the first number without a folder.
  for (int number = 1;; ++number) {
    const auto path = nth_folder(results, job, number);
    if (const auto own = own_folder(path, job)) return own->complete;
    if (!fs::exists(path, ignored)) return false;
  }
}

Result<ResultsFolder> claim_results_folder(const fs::path& results, const JobRecord& job) {
  if (!is_file_name(job.id))
    return fail(ErrorKind::protocol, fmt::format("'{}' is not a job's id", printable(job.id)));
  std::error_code trouble;
  fs::create_directories(results, trouble);
  for (int number = 1;; ++number) {
    const auto path = nth_folder(results, job, number);
    if (auto own = own_folder(path, job)) return *own;
    // Atomic: of two processes, only one makes the folder.
    const bool made = fs::create_directory(path, trouble);
    if (trouble)
      return fail(ErrorKind::local_io,
                  fmt::format("cannot make {}: {}", printable(path.string()), trouble.message()));
    if (!made) continue;  // another job's, or somebody's
    TRY_AS(marked, write_own_file(path / kUnfinished, stamp_of(job), 0644));
    return ResultsFolder{path, false};
  }
}

/// The mark goes last: without it, the results count as whole.
Result<void> complete_results_folder(const fs::path& folder) {
  std::error_code trouble;
  fs::remove(folder / kUnfinished, trouble);
  if (!trouble) return {};
  return fail(
      ErrorKind::local_io,
      fmt::format("cannot remove {}: {}", printable((folder / kUnfinished).string()), trouble.message()));
}

bool has_results(const JobRecord& job) {
  return !job.pull.empty() && job.succeeded();
}

std::vector<std::string> unexpected_paths(const JobRecord& job, const std::vector<std::string>& entries) {
  std::vector<std::string> unexpected;
  for (const auto& path : job.pull) {
    const auto fits = [&path](const auto& entry) { return names(entry, path); };
    const bool expected =
        entries.empty() ? can_be_a_result(path) : std::any_of(entries.begin(), entries.end(), fits);
    if (!expected) unexpected.push_back(path);
  }
  return unexpected;
}

std::vector<Node> nodes_of_job(const JobRecord& job, const std::vector<Node>& nodes) {
  std::vector<bool> taken(nodes.size());
  const auto parts =
      split(job.nodes.size() <= kMostNodesText ? std::string_view(job.nodes) : std::string_view(), ',');
  for (const auto part : parts) {
    const auto dash = part.find('-');
    const auto first = parse_number(part.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : parse_number(part.substr(dash + 1));
    if (!first || !last) continue;
    // Compared, not expanded: a range from the master may have any size.
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      const auto index = static_cast<std::uint64_t>(nodes[i].index);
      taken[i] = taken[i] || (index >= *first && index <= *last);
    }
  }
  std::vector<Node> found;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (taken[i]) found.push_back(nodes[i]);
  }
  return found;
}

Result<std::shared_ptr<ResultsPull>> plan_results(const JobRecord& job, const std::vector<Node>& nodes,
                                                  const fs::path& folder) {
  auto results = std::make_shared<ResultsPull>();
  results->pull = std::make_shared<PullJob>();
  results->paths = job.pull;
  results->found.resize(job.pull.size());
  for (const auto& node : nodes) {
    TRY_AS(plan, pull_plan(job.pull, folder.string() + "/", node, PullLayout::per_node));
    results->pull->plans.emplace(node.index, std::move(*plan));
  }
  return results;
}

NodeTask results_task(std::shared_ptr<ResultsPull> results) {
  auto pull = pull_task(results->pull);
  return [results = std::move(results), pull = std::move(pull)](NodeRun run) {
    return bring(run, results, pull);
  };
}

Result<std::shared_ptr<PullJob>> plan_job_folder(const JobRecord& job, const Node& master,
                                                 const fs::path& folder) {
  auto pull = std::make_shared<PullJob>();
  auto plan =
      pull_plan({"~/.ec2mpi/jobs/" + job.id}, (folder / "job").string() + "/", master, PullLayout::as_named);
  if (!plan) return std::unexpected(plan.error());
  plan->sources.front().name.clear();  // its content goes straight into job/
  pull->plans.emplace(master.index, std::move(*plan));
  pull->options.exclude.add_rule("/*");
  for (const auto* name : kKept) pull->options.exclude.add_rule(fmt::format("!/{}", name));
  return pull;
}

}  // namespace ec2mpi::ops
