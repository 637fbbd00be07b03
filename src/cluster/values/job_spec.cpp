#include "ec2mpi/cluster/values/job_spec.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <set>

#include "ec2mpi/base/try.hpp"

namespace ec2mpi {

namespace {

constexpr long kMostRanks = 1'000'000;

/// 0 if neither a formula nor a parameter of that name gives the number.
Result<int> count(const std::string& formula, const char* what, const Parameters& parameters) {
  const auto own = std::find_if(parameters.begin(), parameters.end(),
                                [&](const auto& known) { return known.first == what; });
  if (own == parameters.end() && formula.empty()) return 0;
  // The parameter's value may be a formula, too.
  const auto value = evaluate(own == parameters.end() ? formula : own->second, parameters);
  if (!value) return std::unexpected(value.error().within(what));
  if (*value < 1 || *value > kMostRanks)
    return fail(ErrorKind::usage,
                fmt::format("{}: {} is not a number from 1 to {}", what, *value, kMostRanks));
  return static_cast<int>(*value);
}

/// Every text of the job that may ask for parameters, except the formulas.
template <class Job, class Visit>
Result<void> for_each_text(Job& job, Visit visit) {
  for (auto* texts : {&job.command, &job.push, &job.pull})
    for (auto& text : *texts) TRY(visit(text));
  TRY(visit(job.workdir));
  // The variables' names stay as they are.
  for (auto& [name, value] : job.env) TRY(visit(value));
  return {};
}

}  // namespace

Result<JobSpec> JobSpec::filled(const Parameters& parameters) const {
  auto job = *this;
  TRY(for_each_text(job, [&](std::string& text) -> Result<void> {
    TRY_AS(value, fill_in(text, parameters));
    text = std::move(*value);
    return {};
  }));
  TRY_AS(np, count(formulas.np, "np", parameters));
  TRY_AS(per_node, count(formulas.per_node, "per_node", parameters));
  TRY_AS(nodes, count(formulas.nodes, "nodes", parameters));
  job.ranks = {.np = *np, .per_node = *per_node, .nodes = *nodes};
  return job;
}

Result<void> JobSpec::check_used(const std::vector<Sweep>& sweeps) const {
  // These three set numbers of the job; no text has to ask for them.
  std::set<std::string> used = {"np", "per_node", "nodes"};
  const auto look = [&](const std::string& text) -> Result<void> {
    for (auto& name : names_in(text)) used.insert(std::move(name));
    return {};
  };
  TRY(for_each_text(*this, look));
  for (const auto* formula : {&formulas.np, &formulas.per_node, &formulas.nodes}) TRY(look(*formula));
  for (const auto& [name, values] : sweeps) {
    if (used.contains(name)) continue;
    return fail(ErrorKind::usage,
                fmt::format("{0} is used nowhere in the job; write {{{0}}} where its value belongs", name));
  }
  return {};
}

}  // namespace ec2mpi
