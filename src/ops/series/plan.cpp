#include "ec2mpi/ops/series/plan.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <charconv>
#include <set>

#include "ec2mpi/base/checksum.hpp"
#include "ec2mpi/base/exit_code.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cluster/values/quote.hpp"

namespace ec2mpi::ops {

namespace {

/// "spread-run3" is the third of that name; 0 for something else.
/// The limit keeps the number in an int, whatever a name on the master says.
int run_number(std::string_view series, std::string_view name) {
  if (series == name) return 1;
  if (!series.starts_with(name) || !series.substr(name.size()).starts_with("-run")) return 0;
  const auto number = parse_number(series.substr(name.size() + 4));
  return number && *number > 1 && *number < 1'000'000 ? static_cast<int>(*number) : 0;
}

/// The first series of a name has no suffix.
std::string suffix(int run) {
  return run > 1 ? fmt::format("-run{}", run) : "";
}

/// The jobs of one run, by the parameters that they were started with.
using JobsByParameters = std::map<Parameters, std::vector<const SeriesRecord*>>;

JobsByParameters jobs_of(const std::vector<SeriesRecord>& records, const std::string& series) {
  JobsByParameters jobs;
  for (const auto& record : records) {
    if (record.series == series) jobs[record.job.parameters].push_back(&record);
  }
  return jobs;
}

/// The one that counts: of those that succeeded one that is as `wanted`, or the last; else one that may
/// succeed yet; nothing if all have failed.
const SeriesRecord* worth_keeping(const std::vector<const SeriesRecord*>& jobs, const Determinants& wanted) {
  const SeriesRecord* succeeded = nullptr;
  const SeriesRecord* going_on = nullptr;
  for (const auto* record : jobs) {
    if (record->job.succeeded() && record->determinants == wanted) return record;
    if (record->job.succeeded()) succeeded = record;
    if (!record->job.over()) going_on = record;
  }
  return going_on != nullptr ? going_on : succeeded;
}

/// "command", "command and ranks"; empty if nothing differs.
std::string differences(const Determinants& one, const Determinants& other) {
  std::vector<std::string> names;
  for (const auto& [name, sum] : other) {
    const auto found = one.find(name);
    if (found == one.end() || found->second != sum) names.push_back(name);
  }
  return join(names, ", ");
}

/// Only for jobs that are not over.
std::string going_on(const VariantResult& job) {
  return fmt::format("{} {}", job.id, job.state == VariantState::queued ? "waits" : "runs");
}

/// Without other jobs: the queue knows when a node is free.
std::vector<Place> places_of(const std::vector<Node>& nodes, const std::map<int, NodeFacts>& facts) {
  std::vector<Place> places;
  for (const auto& node : nodes) {
    const auto& of_node = facts.at(node.index);
    places.push_back({node.label(), of_node.private_address, of_node.cores, of_node.threads, node.slots});
  }
  return places;
}

/// The plan is made with the first nodes that fit; the job may get others. If these have fewer cores, waiting
/// ranks must let others work there too.
void mind_the_smallest(JobSpec& job, const std::vector<Place>& places, const std::vector<int>& room) {
  bool crowded = false;
  bool equal = true;
  for (std::size_t i = 0; i < places.size(); ++i) {
    crowded = crowded || room[i] > places[i].cores;
    equal = equal && room[i] == room.front() && places[i].cores == places.front().cores;
  }
  const auto is_yield = [](const auto& parameter) { return parameter.first == "mpi_yield_when_idle"; };
  if (crowded && !equal && std::none_of(job.mca.begin(), job.mca.end(), is_yield))
    job.mca.emplace_back("mpi_yield_when_idle", "1");
}

/// A line "LABEL ADDRESS REACH ROOM" for each node; the queue reaches the master by "local".
std::string pool_text(const std::vector<Place>& places, const std::vector<int>& room, Ipv4 master) {
  std::string text;
  for (std::size_t i = 0; i < places.size(); ++i) {
    const auto address = places[i].address.text();
    text += fmt::format("{} {} {} {}\n", places[i].label, address,
                        places[i].address == master ? "local" : address, room[i]);
  }
  return text;
}

/// Lines of `meta` by which the series is known again; which nodes, the queue adds.
std::string series_meta(const std::string& meta, const std::string& series, const Parameters& parameters,
                        const JobSpec& job) {
  std::string text;
  for (const auto line : split(meta, '\n')) {
    if (!line.empty() && !line.starts_with("nodes ")) text += std::string(line) + "\n";
  }
  text += fmt::format("series {}\n", series);
  for (const auto& [name, value] : parameters) text += fmt::format("set {}={}\n", name, value);
  if (job.ranks.per_node > 0) text += fmt::format("per_node {}\n", job.ranks.per_node);
  for (const auto& [name, sum] : determinants_of(job)) text += fmt::format("determinant {} {}\n", name, sum);
  return text;
}

/// Of the words one by one: "a b" and "a", "b" are not the same.
std::string sum_of(const std::vector<std::string>& words) {
  return posix_cksum(quote_words(words));
}

/// Pairs of names and values, in their order: a later --mca of the same name wins.
template <class Settings>
std::string sum_of_settings(const Settings& settings) {
  std::vector<std::string> words;
  for (const auto& [name, value] : settings) words.insert(words.end(), {name, value});
  return sum_of(words);
}

/// 0 if the master has no job of this name.
/// `records` are those of all series on the master.
int newest_run(std::string_view name, const std::vector<SeriesRecord>& records) {
  int newest = 0;
  for (const auto& record : records) newest = std::max(newest, run_number(record.series, name));
  return newest;
}

}  // namespace

/// Sums, because the values may be long, and secrets may be in variables.
Determinants determinants_of(const JobSpec& job) {
  auto command = job.command;
  if (job.script) command.insert(command.begin(), job.script->name);
  auto options = job.mca;
  options.emplace_back("mpirun", job.mpirun);
  if (!job.map_by.empty()) options.emplace_back("map_by", job.map_by);
  if (!job.rank_by.empty()) options.emplace_back("rank_by", job.rank_by);
  options.emplace_back("mpi4py", job.mpi4py_run ? "yes" : "no");
  const auto& [np, per_node, nodes] = job.ranks;
  return {{"command", sum_of(command)},
          // The master compares a script that lies there with its own checksum (report.sh).
          {"script", posix_cksum(job.script ? job.script->text.value_or("on the master") : "")},
          {"ranks", posix_cksum(fmt::format("{} {} {} {} {}", np, per_node, nodes,
                                            static_cast<int>(job.slots.kind), job.slots.count))},
          {"variables", sum_of_settings(job.env)},
          {"options", sum_of_settings(options)},
          {"folder", posix_cksum(job.workdir)}};
}

/// A resumed series must place its jobs as before, or its results could not be compared.
std::string take_ranks_per_node(SeriesSpec& spec, const std::vector<SeriesRecord>& records) {
  if (!spec.resume) return {};
  const auto series = spec.name + suffix(newest_run(spec.name, records));
  auto jobs = jobs_of(records, series);
  int taken = 0;
  for (auto& variant : spec.variants) {
    if (variant.job.ranks.per_node > 0) continue;
    for (const auto* record : jobs[variant.parameters]) {
      if (record->per_node > 0) variant.job.ranks.per_node = taken = record->per_node;
    }
  }
  return taken > 0 ? fmt::format("--per-node {}, as before", taken) : "";
}

SeriesDecision find_series(const std::string& name, const std::vector<SeriesRecord>& records) {
  SeriesDecision found{.series = name + suffix(newest_run(name, records)), .jobs = {}};
  std::map<Parameters, std::size_t> places;
  const auto order = [](const std::string& id) { return std::pair(id.size(), id); };  // try2 before try10
  for (const auto& record : records) {
    if (record.series != found.series) continue;
    const auto [place, fresh] = places.try_emplace(record.job.parameters, found.jobs.size());
    if (fresh)
      found.jobs.push_back({record.job.id, false});
    else if (auto& id = found.jobs[place->second].id; order(id) < order(record.job.id))
      id = record.job.id;
  }
  return found;
}

Result<SeriesDecision> decide(const SeriesSpec& spec, const std::vector<SeriesRecord>& records) {
  const int newest = newest_run(spec.name, records);
  const bool goes_on = spec.resume && newest > 0;
  const int run = goes_on ? newest : newest + 1;
  SeriesDecision decision{.series = spec.name + suffix(run), .jobs = {}};
  std::set<std::string> taken;
  for (const auto& record : records) taken.insert(record.job.id);
  // By what has changed, so that one note speaks for many jobs.
  std::map<std::string, std::vector<std::string>> changed;
  auto jobs = jobs_of(records, decision.series);
  for (const auto& variant : spec.variants) {
    const auto base = variant.job.id + suffix(run);
    const auto wanted = determinants_of(variant.job);
    if (const auto* kept = goes_on ? worth_keeping(jobs[variant.parameters], wanted) : nullptr) {
      const auto differ = differences(kept->determinants, wanted);
      if (differ.empty()) {
        decision.jobs.push_back({kept->job.id, false});
        continue;
      }
      // A job that is not over would run beside its repetition.
      if (!kept->job.over())
        return fail(
            ErrorKind::usage,
            fmt::format("{} already, but not as it is wanted now ({} changed); ec2mpi cancel {} ends it",
                        going_on(kept->job), differ, kept->job.id));
      changed[differ].push_back(kept->job.id);
    }
    auto id = base;
    // The master keeps a folder for each id, also of a job that failed.
    for (int number = 2; !taken.insert(id).second; ++number) id = fmt::format("{}-try{}", base, number);
    decision.jobs.push_back({std::move(id), true});
  }
  for (const auto& [differ, ids] : changed)
    decision.notes.push_back(fmt::format("{} succeeded before {} changed, so {} again", some_of(ids), differ,
                                         ids.size() == 1 ? "it runs" : "they run"));
  if (goes_on) return decision;
  // A new series must not start what an older job with the same parameters still runs or will run.
  std::map<Parameters, const VariantResult*> unended;
  for (const auto& record : records) {
    if (!record.job.over()) unended.try_emplace(record.job.parameters, &record.job);
  }
  for (const auto& variant : spec.variants) {
    const auto found = unended.find(variant.parameters);
    if (found == unended.end()) continue;
    return fail(ErrorKind::usage,
                fmt::format("{} already; --resume follows the series, ec2mpi cancel {} ends it",
                            going_on(*found->second), spec.name));
  }
  return decision;
}

Result<JobPlan> plan_variant(const Variant& variant, const std::vector<Node>& nodes, const Node& master,
                             const std::map<int, NodeFacts>& facts, QueueFiles queue) {
  const auto& job = variant.job;
  const auto places = places_of(nodes, facts);
  TRY(refuse_same_machine(places));
  TRY_AS(need, need_of(places, job.ranks, job.slots));
  const auto room = room_of(places, job.ranks, job.slots);
  std::vector<Node> first;
  // Only for the plan: the queue chooses the nodes when the turn of the job has come.
  for (const auto index : first_fit(room, *need)) first.push_back(nodes[index]);
  auto own = job;
  // Without the number of nodes, for `first` has the right number already.
  own.ranks = {.np = need->np, .per_node = job.ranks.per_node};
  mind_the_smallest(own, places, room);
  auto plan = plan_job(own, first, master, facts);
  if (!plan) return plan;
  const auto master_address = facts.at(master.index).private_address;
  plan->files.meta = series_meta(plan->files.meta, queue.series, variant.parameters, job);
  queue.need = *need;
  queue.spare = job.map_by.empty() ? job.spawn : -1;  // all slots, for mpirun's own mapping
  // The queue writes its own hostfile, in the form that plan_job() has chosen.
  queue.colons = plan->files.hosts.find(" slots=") == std::string::npos;
  queue.pool = pool_text(places, room, master_address);
  queue.always = fmt::format("{} local\n", master.label());
  plan->files.queue = std::move(queue);
  return plan;
}

namespace {

/// std::from_chars, because it does not depend on the locale of the user.
std::optional<double> seconds_in(std::string_view text) {
  double value = 0;
  const auto [end, trouble] =
      std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (text.empty() || trouble != std::errc() || end != text.data() + text.size() || value < 0 || value > 1e10)
    return std::nullopt;
  return value;
}

/// A reboot takes all processes away, so it explains the loss of many jobs at once.
std::string lost_text(bool rebooted) {
  return rebooted ? "the master was rebooted" : "its supervisor on the master was killed";
}

/// Reads what report.sh prints. Only its last line shows that nothing is missing.
class ReportReader {
 public:
  Result<std::vector<SeriesRecord>> read(std::string_view printed) {
    for (const auto line : split(printed, '\n')) {
      if (line == "ec2mpi-report end") return finish();
      if (!take(line))
        return fail(ErrorKind::remote_io,
                    fmt::format("the master says {} of a series, which means nothing", in_quotes(line)));
    }
    return fail(ErrorKind::remote_io, "the master did not finish telling of its jobs");
  }

 private:
  /// False if report.sh cannot have printed this line.
  bool take(std::string_view line) {
    const auto [key, value] = first_word(line);
    if (key == "now") return (now_ = seconds_in(value)).has_value();
    if (key == "job") {
      close();
      records_.emplace_back().job.id = printable(value);
      return !value.empty();
    }
    if (records_.empty()) return line.empty();
    auto& record = records_.back();
    auto& job = record.job;
    if (key == "trouble") return true;
    if (key == "series") return record.series = printable(value), true;
    if (key == "|") return output_ += std::string(value) + "\n", true;
    if (key == "on") return job.nodes.push_back(printable(value)), true;
    if (key == "why") return job.trouble = printable(value), true;
    if (key == "reason") return job.reason = printable(value), true;
    if (key == "set") return take_parameter(job, value);
    if (key == "determinant") return take_determinant(record, value);
    if (key == "per_node") return take_per_node(record, value);
    if (key == "state") return take_state(job, value);
    if (key == "clock") return take_clock(job, value);
    return line.empty();
  }

  /// "NAME=VALUE". Values may have any printable characters, also "=".
  static bool take_parameter(VariantResult& job, std::string_view value) {
    const auto equals = value.find('=');
    if (equals == std::string_view::npos) return false;
    job.parameters.emplace_back(value.substr(0, equals), value.substr(equals + 1));
    return true;
  }

  static bool take_determinant(SeriesRecord& record, std::string_view value) {
    const auto [name, sum] = first_word(value);
    record.determinants[printable(name)] = sum;
    return !name.empty();
  }

  static bool take_per_node(SeriesRecord& record, std::string_view value) {
    const auto number = parse_number(value);
    if (!number || *number == 0 || *number > 1'000'000) return false;
    record.per_node = static_cast<int>(*number);
    return true;
  }

  /// "STATE DETAIL" of job_state (functions.sh): a status behind "ended", a reason behind "lost".
  static bool take_state(VariantResult& job, std::string_view value) {
    const auto [state, detail] = first_word(value);
    if (state == "waiting")
      job.state = VariantState::queued;
    else if (state == "running" || state == "ending")
      job.state = VariantState::running;
    else if (state == "lost")
      job.state = VariantState::lost;
    else if (state != "ended")
      return false;
    if (state == "lost") job.trouble = lost_text(detail == "rebooted");
    if (state != "ended") return true;
    const auto status = parse_number(detail);
    if (!status || *status > 1000) return false;
    job.state = VariantState::done;
    job.exit = static_cast<int>(*status);
    return true;
  }

  /// Seconds since the master's boot, "BEGIN END". A job without an end has run until "now".
  bool take_clock(VariantResult& job, std::string_view value) {
    const auto [begin, end] = first_word(value);
    const auto from = seconds_in(begin);
    const auto to = end.empty() ? now_ : seconds_in(end);
    if (!from || !to) return false;
    job.seconds = std::max(0.0, *to - *from);
    return true;
  }

  /// To be called when all lines of a job have been read: its output and its state explain each other.
  void close() {
    if (records_.empty()) return;
    auto& job = records_.back().job;
    job.findings = findings_at_end(output_);
    output_.clear();
    // Such a job has a status, too, but its file `why` says more.
    if (job.state == VariantState::done && job.trouble == "cancelled") job.state = VariantState::cancelled;
    if (job.state == VariantState::done && job.trouble == "timeout") job.exit = exit_code::timed_out;
    if (job.state == VariantState::done && job.trouble.starts_with("lost")) {
      job.state = VariantState::lost;
      job.trouble = lost_text(job.trouble.ends_with("rebooted"));
    }
    // Neither a lost job's end nor a waiting job's begin is known.
    if (job.state == VariantState::lost || job.state == VariantState::queued) job.seconds.reset();
  }

  Result<std::vector<SeriesRecord>> finish() {
    close();
    return std::move(records_);
  }

  std::vector<SeriesRecord> records_;
  std::optional<double> now_;
  std::string output_;
};

}  // namespace

Result<std::vector<SeriesRecord>> parse_series_records(std::string_view printed) {
  return ReportReader().read(printed);
}

std::string trouble_in_report(std::string_view printed) {
  constexpr std::string_view kTrouble = "trouble ";
  // All that a job printed stands behind a bar.
  for (const auto line : split(printed, '\n'))
    if (line.starts_with(kTrouble)) return printable(line.substr(kTrouble.size(), 200));
  return {};
}

}  // namespace ec2mpi::ops
