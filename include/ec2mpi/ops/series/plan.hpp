#pragma once
/// A series of jobs, before anything of it is on the master: what has to be submitted, and as what. Pure.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ec2mpi/cluster/values/parameters.hpp"
#include "ec2mpi/ops/job/plan.hpp"
#include "ec2mpi/ops/series/result.hpp"

namespace ec2mpi::ops {

/// One combination of parameters. The id in `job` is the variant's name; the id of the job that is submitted
/// may have more at its end.
struct Variant {
  Parameters parameters;
  JobSpec job;
};

struct SeriesSpec {
  std::string name;  ///< of the job: "spread"
  std::vector<Variant> variants;
  int most = 0;             ///< at a time; 0 = as many as there are nodes for
  bool keep_going = false;  ///< also after three equal failures
  bool resume = false;      ///< continue the newest series of this name
};

/// What determines a run, by its name in messages ("command", "ranks", "script", "variables",
/// "options", "folder"): a checksum of each. Not in it: what lies on the nodes, and what does not change
/// results (the time limit, the pulled paths).
using Determinants = std::map<std::string, std::string>;
[[nodiscard]] Determinants determinants_of(const JobSpec& job);

/// A job of a series as the master knows it.
struct SeriesRecord {
  std::string series;  ///< "spread", "spread-run2"
  VariantResult job;
  Determinants determinants = {};
  int per_node = 0;  ///< ranks on each node, where that was asked for
};

/// Which jobs have to be submitted. `jobs` has one entry for each variant, in their order.
struct SeriesDecision {
  struct Job {
    std::string id;
    bool submit = true;  ///< else it is on the master already
  };
  std::string series;
  std::vector<Job> jobs;
  std::vector<std::string> notes = {};  ///< what runs again although it had succeeded, and why
};

/// A new series gets ids that were not used yet: spread-a1, then spread-a1-run2. With `resume` those that
/// succeeded are kept, those that wait or run are followed, the others get a new job: spread-a1-run2-try2. So
/// does one that succeeded as something else (its determinants differ): a series holds results of one
/// command. Errors: usage, if one of the variants waits or runs already, and this is no `resume`, or it runs
/// as something else.
[[nodiscard]] Result<SeriesDecision> decide(const SeriesSpec& spec, const std::vector<SeriesRecord>& records);

/// With `resume`, jobs that name no number of ranks for each node take that of their last run, so that
/// --per-node need not be repeated. Returns a note about it; "" if nothing was taken.
[[nodiscard]] std::string take_ranks_per_node(SeriesSpec& spec, const std::vector<SeriesRecord>& records);

/// The newest series of that name: "spread", or its last repeated run. A variant that was tried again counts
/// with its last job. Empty without records of that name.
[[nodiscard]] SeriesDecision find_series(const std::string& name, const std::vector<SeriesRecord>& records);

/// What a job of the series is submitted with: it waits in the queue for the nodes that it needs, of `nodes`.
/// Errors: as plan_job; usage if it could never be placed.
[[nodiscard]] Result<JobPlan> plan_variant(const Variant& variant, const std::vector<Node>& nodes,
                                           const Node& master, const std::map<int, NodeFacts>& facts,
                                           QueueFiles queue);

/// Reads the output of report_text (src/ops/series/master.hpp). Errors: remote_io.
[[nodiscard]] Result<std::vector<SeriesRecord>> parse_series_records(std::string_view printed);

/// Why the master can write nothing, if the same text says so; else empty. Jobs that wait are not started
/// then.
[[nodiscard]] std::string trouble_in_report(std::string_view printed);

}  // namespace ec2mpi::ops
