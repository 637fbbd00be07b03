#include "src/cli/commands/series.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <cerrno>

#include "ec2mpi/base/exit_code.hpp"
#include "ec2mpi/base/file.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/base/usual_name.hpp"
#include "ec2mpi/cli/session/command_context.hpp"
#include "ec2mpi/cli/session/flags.hpp"
#include "ec2mpi/cli/session/job_memory.hpp"
#include "ec2mpi/cli/session/option_values.hpp"
#include "ec2mpi/cli/terminal/json.hpp"
#include "ec2mpi/cli/terminal/standard_output.hpp"
#include "ec2mpi/cli/views/series_view.hpp"
#include "ec2mpi/ops/job/jobs.hpp"
#include "ec2mpi/ops/series/scaling.hpp"
#include "ec2mpi/ops/series/series.hpp"
#include "src/cli/commands/bring_results.hpp"
#include "src/cli/commands/job_push.hpp"

namespace ec2mpi::cli {

namespace {

/// Every job may ask for it: its own name, for folders.
constexpr const char* kVariantName = "variant";

/// All mistakes in a series' flags are found before anything connects.
std::unexpected<Error> wrong(std::string message) {
  return fail(ErrorKind::usage, std::move(message));
}

/// Those of the flags replace those of ec2mpi.toml, in their place.
Result<std::vector<Sweep>> sweeps_of(const SeriesRequest& request) {
  auto sweeps = request.job.sweep;
  std::vector<std::string> flags = request.options.set;
  if (request.options.scale) flags.push_back(*request.options.scale);
  std::vector<std::string> seen;
  for (const auto& flag : flags) {
    TRY_AS(sweep, parse_sweep(flag));
    if (std::find(seen.begin(), seen.end(), sweep->name) != seen.end())
      return wrong(sweep->name + " is set twice");
    seen.push_back(sweep->name);
    const auto known = std::find_if(sweeps.begin(), sweeps.end(),
                                    [&](const auto& of_job) { return of_job.name == sweep->name; });
    if (known != sweeps.end())
      *known = std::move(*sweep);
    else
      sweeps.push_back(std::move(*sweep));
  }
  for (const auto& sweep : sweeps) {
    if (sweep.name == kVariantName) return wrong("variant is the job's own name and can't be set");
    if (request.options.scale && sweep.name != "np" && sweep.values.size() > 1)
      return wrong(fmt::format("--scale compares numbers of ranks only; give {} one value: --set {}=...",
                               sweep.name, sweep.name));
  }
  return sweeps;
}

/// Flags that do not go together. Errors: usage.
Result<void> check_flags(const SeriesOptions& options) {
  if (options.scale && !options.scale->starts_with("np="))
    return wrong("--scale takes numbers of ranks: --scale np=1,2,4,8");
  if (options.svg && !options.scale) return wrong("--svg belongs to --scale");
  if (options.scale && (options.json || options.csv))
    return wrong("--scale prints its own table; leave out --json and --csv");
  return {};
}

/// One job for each combination of the parameters; one push serves all of them.
Result<ops::SeriesSpec> make_series(const SeriesRequest& request) {
  TRY(check_flags(request.options));
  TRY_AS(sweeps, sweeps_of(request));
  TRY_AS(unfilled, with_flags(request.job, request.flags));
  // A parameter that is used nowhere was mistyped, and would give the same job again and again.
  TRY(unfilled->check_used(*sweeps));
  TRY_AS(all, combinations(*sweeps));
  const auto ids = variant_ids(request.name, *all);
  ops::SeriesSpec series{.name = variant_id(request.name, {}),
                         .variants = {},
                         .most = request.options.most,
                         .keep_going = request.options.keep_going,
                         .resume = request.options.resume};
  // One size after the other: jobs at the same time would share the network.
  if (request.options.scale && series.most == 0) series.most = 1;
  for (std::size_t i = 0; i < all->size(); ++i) {
    auto parameters = (*all)[i];
    parameters.emplace_back(kVariantName, ids[i]);
    TRY_AS(filled, unfilled->filled(parameters));
    TRY_AS(job, completed(std::move(*filled), request.flags));
    job->id = ids[i];
    // The push of the first job serves all of them, so they must agree about it.
    const auto& first = i == 0 ? *job : series.variants.front().job;
    if (!job->push.empty() && (job->push != first.push || job->workdir != first.workdir))
      return wrong(
          "a job's push goes to all nodes once, before the series: there can be no parameters in push and "
          "workdir");
    if (i > 0 && !job->pull.empty() && job->pull == first.pull && job->workdir == first.workdir)
      return wrong(
          "the jobs would write the same files that pull brings: put {variant} into them and into pull");
    series.variants.push_back({(*all)[i], std::move(*job)});
  }
  return series;
}

/// On standard output: with --dry-run the plan is the result.
void print_plan(const ops::SeriesSpec& series, bool as_json) {
  if (as_json) {
    ops::SeriesResult plan;
    for (const auto& variant : series.variants)
      plan.push_back({.id = variant.job.id, .parameters = variant.parameters});
    print_result(dump_json(Json::parse(ops::json_text(series.name, plan))) + "\n");
    return;
  }
  std::vector<std::vector<std::string>> rows{{"variant", "ranks", "command"}};
  for (const auto& variant : series.variants) {
    const auto& job = variant.job;
    const auto& ranks = job.ranks;
    auto text = ranks.np > 0 ? std::to_string(ranks.np) : std::string("all slots");
    if (ranks.np == 0 && ranks.per_node > 0) text = fmt::format("{} a node", ranks.per_node);
    if (ranks.nodes > 0)
      text += fmt::format(" on {}", count_of(static_cast<std::size_t>(ranks.nodes), "node"));
    auto command = quote_words(job.command);
    if (job.script) command = job.script->name + (command.empty() ? "" : " ") + command;
    rows.push_back({job.id, std::move(text), printable(command)});
  }
  std::string text;
  for (const auto& line : ops::aligned(rows, {false, false, false})) text += line + "\n";
  print_result(text);
}

/// What would be started now, if the nodes and the master allow it. The push is only planned.
asio::awaitable<int> show_plan(CommandContext& context, ops::SeriesSpec series, JobPush push, bool as_json) {
  auto& [runtime, cluster, access, connector, flow] = context;
  SeriesView view(runtime.console(), runtime.options(), false);
  ops::JobNodes nodes{cluster.nodes, cluster.inventory.master(), push.task};
  ops::JobStops stops{.stop = runtime.stop(), .detach = runtime.stop(), .until = ops::Until::planned};
  ops::SeriesContext find{connector, flow, view, std::move(stops)};
  // run_series takes the series away; these copies are for the plan.
  const auto all = series.variants;
  auto rest = series;
  const auto end = co_await ops::run_series(std::move(series), std::move(nodes), std::move(find));
  if (end.how == ops::SeriesEnd::How::refused) {
    view.conclude(end);
    co_return ops::exit_code_for(end);
  }
  const bool resumes = rest.resume;
  rest.variants.clear();
  std::size_t refused = 0;
  for (std::size_t i = 0; i < end.fresh.size(); ++i) {
    if (!end.fresh[i]) continue;
    if (end.result[i].state == ops::VariantState::refused) {
      view.tell_change(end.result[i]);
      ++refused;
      continue;
    }
    rest.variants.push_back(all[i]);
    // A repeated job has another id than its variant.
    rest.variants.back().job.id = end.result[i].id;
  }
  if (as_json || !rest.variants.empty()) print_plan(rest, as_json);
  if (resumes)
    runtime.console().talk(fmt::format("ec2mpi: {} of {} would start; the others succeeded, run or wait{}",
                                       rest.variants.size(), count_of(end.fresh.size(), "job"),
                                       refused > 0 ? ", or are refused" : ""));
  co_return refused > 0 ? exit_code::node_failed : exit_code::ok;
}

std::string usual_plot(const SeriesRequest& request) {
  return variant_id(request.name, {}) + "-scale.svg";
}

/// The times of mpirun include its start, so the time that a program prints itself is preferred; a
/// line says which of both it is.
void show_scaling(Console& console, const SeriesRequest& request, const ops::SeriesEnd& end) {
  const auto scaling = ops::measure_scaling(end.result, "np");
  if (!scaling) {
    console.talk("ec2mpi: " + scaling.error().message);
    return;
  }
  for (const auto& line : ops::scaling_lines(*scaling)) console.result(line);
  console.talk(scaling->by_program
                   ? "ec2mpi: times are those that the program printed (time=SECONDS)"
                   : "ec2mpi: times are those of mpirun, its start included; a program that prints "
                     "time=SECONDS at its end is measured by that");
  const auto file = request.options.svg.value_or(usual_plot(request));
  const auto write = request.options.svg ? write_file_atomically : write_own_file;
  const auto written = write(file, ops::scaling_svg(*scaling, request.name + ": speed-up"), 0644);
  // The plot is output as well: the exit code must say that it is lost.
  if (!written) note_loss(EIO);
  console.talk("ec2mpi: " + (written ? "the plot is in " + printable(file) : written.error().message));
}

/// A series that was left running has no results yet; with --detach its ids are the result.
void show_results(Console& console, const SeriesRequest& request, const ops::SeriesEnd& end) {
  // Each kind of end has its own result on standard output, or none.
  using How = ops::SeriesEnd::How;
  if (end.how == How::refused) return;
  if (request.options.json) {
    console.result(dump_json(Json::parse(ops::json_text(end.series, end.result))));
    return;
  }
  if (end.how == How::detached) {
    for (const auto& variant : end.result)
      if (request.detach) console.result(variant.id);
    return;
  }
  if (request.options.csv)
    console.result_bytes(ops::csv_text(end.result));
  else
    for (const auto& line : ops::table_lines(end.result)) console.result(line);
  if (request.options.scale && !end.cancelled) show_scaling(console, request, end);
}

/// The results of those that have succeeded. The paths that they pull stand with the jobs, on the master.
asio::awaitable<int> bring_all(CommandContext& context, const ops::SeriesResult& result, int code) {
  auto& [runtime, cluster, access, connector, flow] = context;
  const Limit unlimited{.deadline = Clock::time_point::max(), .stop = runtime.stop()};
  const auto connecting = unlimited.at_most(flow.connect_timeout);
  const auto& master = cluster.inventory.master();
  auto session = co_await connector.connect(master, connecting, [](ssh::Phase) {});
  auto records = Result<std::vector<ops::JobRecord>>{};
  if (session)
    records = co_await ops::list_jobs(**session, unlimited);
  else
    records = std::unexpected(session.error());
  if (!records) {
    runtime.console().talk(fmt::format("{}: {}; the results have not been brought, --resume does it",
                                       master.label(), printable(records.error().message)));
    co_return code != exit_code::ok ? code : static_cast<int>(exit_code::node_failed);
  }
  session->reset();
  std::erase_if(*records, [&](const auto& record) {
    return std::none_of(result.begin(), result.end(),
                        [&](const auto& variant) { return variant.succeeded() && variant.id == record.id; });
  });
  BringOptions into_results;
  const int with_results =
      co_await bring_results(context, std::move(*records), code, std::move(into_results));
  co_return with_results;
}

/// From the push to the results that `pull` brings. The exit code is that of the series; a failed pull
/// changes it only if all jobs have succeeded.
asio::awaitable<int> run_jobs_of_series(CommandContext& context, const SeriesRequest& request,
                                        ops::SeriesSpec series, JobPush push) {
  auto& [runtime, cluster, access, connector, flow] = context;
  SeriesView view(runtime.console(), runtime.options(), !request.detach);
  view.set_push(push.count);
  runtime.set_parting_words([&view] { return view.parting_words(); });
  ops::JobNodes nodes{cluster.nodes, cluster.inventory.master(), push.task};
  ops::JobStops stops{runtime.stop(), runtime.detach([&view] { return view.has_jobs(); })};
  if (request.detach) stops.until = ops::Until::handed_over;
  ops::SeriesContext run{connector, flow, view, std::move(stops)};
  const auto end = co_await ops::run_series(std::move(series), std::move(nodes), std::move(run));
  view.conclude(end);
  // The name of the series stands for its jobs in `attach`, `wait` and `cancel`.
  if (view.has_jobs()) {
    const bool over = end.how == ops::SeriesEnd::How::over;
    remember_job(cluster, {end.series, over});
    remember_seen(cluster, {end.series, over, ops::tally(end.result)});
  }
  show_results(runtime.console(), request, end);
  const int code = ops::exit_code_for(end);
  const bool some_succeeded =
      std::ranges::any_of(end.result, [](const auto& job) { return job.succeeded(); });
  // After Ctrl-C nothing is brought, so the user learns where the results are.
  if (end.cancelled && !request.job.pull.empty() && some_succeeded)
    runtime.console().talk(
        "ec2mpi: the results of the jobs that succeeded are on the nodes still; --resume continues the "
        "series and "
        "brings them");
  if (request.job.pull.empty() || end.how != ops::SeriesEnd::How::over || end.cancelled) co_return code;
  const int with_results = co_await bring_all(context, end.result, code);
  co_return with_results;
}

}  // namespace

asio::awaitable<std::expected<ops::SeriesEnd, int>> look_up_series(CommandContext& context,
                                                                   std::string name) {
  auto& [runtime, cluster, access, connector, flow] = context;
  SeriesView view(runtime.console(), runtime.options(), false);
  // An empty `stop`, because it would cancel the jobs; Ctrl-C only ends the search.
  ops::JobStops stops{.stop = {}, .detach = runtime.stop(), .until = ops::Until::handed_over};
  ops::SeriesContext find{connector, flow, view, std::move(stops)};
  auto end = co_await ops::follow_series(std::move(name), cluster.inventory.master(), std::move(find));
  if (end.how == ops::SeriesEnd::How::refused) {
    view.conclude(end);
    co_return std::unexpected(ops::exit_code_for(end));
  }
  co_return std::move(end);
}

asio::awaitable<int> follow_series(CommandContext& context, std::string name, FollowVerb verb,
                                   Json* document) {
  auto& [runtime, cluster, access, connector, flow] = context;
  auto shown = runtime.options();
  shown.quiet = shown.quiet || verb == FollowVerb::wait || document != nullptr;
  SeriesView view(runtime.console(), shown, verb == FollowVerb::attach);
  runtime.set_parting_words([&view] { return view.parting_words(); });
  // Ctrl-C in `attach` cancels the jobs, and in `wait` it only leaves them. `cancel` has
  // requested its stop from the beginning, so a Ctrl-C there ends the waiting for it.
  std::stop_source leave;
  const auto leaving = [&leave] { leave.request_stop(); };
  // The jobs exist already, so TERM and a closed terminal leave them running, too.
  const auto detach = runtime.detach([] { return true; });
  const std::stop_callback on_detach(detach, leaving);
  std::stop_source cancel;
  if (verb == FollowVerb::cancel) cancel.request_stop();
  std::optional<std::stop_callback<std::function<void()>>> on_stop;
  if (verb != FollowVerb::attach) on_stop.emplace(runtime.stop(), leaving);
  ops::JobStops stops{.stop = verb == FollowVerb::attach ? runtime.stop() : cancel.get_token(),
                      .detach = leave.get_token(),
                      .until = ops::Until::ended};
  ops::SeriesContext follow{connector, flow, view, std::move(stops)};
  const auto end =
      co_await ops::follow_series(std::move(name), cluster.inventory.master(), std::move(follow));
  const bool over = end.how == ops::SeriesEnd::How::over;
  view.conclude(end);
  runtime.set_parting_words({});
  if (over) {
    remember_end(cluster, end.series);
    remember_seen(cluster, {end.series, true, ops::tally(end.result)});
  }
  if (document != nullptr && end.how != ops::SeriesEnd::How::refused)
    *document = Json::parse(ops::json_text(end.series, end.result));
  else if (document == nullptr && over && verb == FollowVerb::attach)
    for (const auto& line : ops::table_lines(end.result)) runtime.console().result(line);
  if (verb == FollowVerb::cancel && over) co_return exit_code::ok;
  const int code = ops::exit_code_for(end);
  if (end.how == ops::SeriesEnd::How::detached && runtime.stop().stop_requested())
    co_return exit_code::interrupted;
  if (verb != FollowVerb::attach || !over || end.cancelled) co_return code;
  const int with_results = co_await bring_all(context, end.result, code);
  co_return with_results;
}

/// Each of these makes a series of a job, or says something of the series.
void add_series_options(CLI::App& command, SeriesOptions& options) {
  add_option(
      command, "--set", options.set,
      "Run a job for each value, which stands for {NAME} in the job: --set agents=3,6,12 --set seed=1..5")
      .type_name("NAME=VALUES")
      .allow_extra_args(false);
  add_option(command, "--max-parallel", options.most,
             "Most jobs of the series at a time [as many as fit on the nodes]")
      .type_name("N")
      .transform(number(1, 1'000'000));
  add_flag(
      command, "--dry-run", options.dry_run,
      "Ask the nodes, and show the jobs of the series that would start, or why they would not; of one job, "
      "what --explain shows");
  add_flag(command, "--resume", options.resume,
           "Continue the last series of that name: follow running jobs, skip those that succeeded");
  add_flag(command, "--keep-going", options.keep_going,
           "Run all jobs of the series, also if the first three failed for one reason");
  const auto json =
      add_flag(command, "--json", options.json,
               "The job's state and output, or the results of a series, as one JSON document at the end");
  add_flag(command, "--csv", options.csv, "The results of a series as CSV").excludes(json);
  add_option(command, "--scale", options.scale,
             "Run with these numbers of ranks, one after the other; report time, speed-up and efficiency")
      .type_name("np=VALUES");
  add_option(command, "--svg", options.svg, "Where --scale draws its plot [NAME-scale.svg]")
      .check(output_file())
      .type_name("FILE");
}

/// What can be refused is refused before the first connection: flags, parameters, local files, keys.
Result<int> run_series(const SeriesRequest& request, Cluster& cluster, const CommonOptions& common) {
  TRY_AS(series, make_series(request));
  if (request.options.scale && !request.options.svg)
    TRY(spare_file_of_user(usual_plot(request), ops::kScalingSvgMark, "--svg"));
  // make_series has checked that the other jobs want the same push.
  auto first = series->variants.front().job;
  if (!request.push) first.push.clear();
  TRY_AS(push, plan_job_push(first, cluster, request.connect, request.allow_outside));
  TRY_AS(access, open_access(cluster, request.connect));
  const auto flow = fleet_options(cluster, request.connect, {});
  return run_on_loop(cluster, *access, flow, common, [&](CommandContext& context) {
    if (request.options.dry_run)
      return show_plan(context, std::move(*series), std::move(*push), request.options.json);
    return run_jobs_of_series(context, request, std::move(*series), std::move(*push));
  });
}

}  // namespace ec2mpi::cli
