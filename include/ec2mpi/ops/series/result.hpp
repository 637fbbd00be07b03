#pragma once
/// What became of the variants of a series, and how it is shown: as a table, as CSV, as JSON. Pure.

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ec2mpi/cluster/values/parameters.hpp"

namespace ec2mpi::ops {

/// What a job printed as `key=value`, in its order.
using Findings = std::vector<std::pair<std::string, std::string>>;

/// The `key=value` lines at the end of a job's output. A line may hold several, `loss=0.1 steps=90`; else
/// everything behind the first `=` is the value. Blank lines in between don't count; of a key that stands
/// twice the last counts.
[[nodiscard]] Findings findings_at_end(std::string_view output);

enum class VariantState {
  waiting,  ///< not submitted yet
  queued,   ///< on the master, until nodes are free
  running,
  done,  ///< with an exit status, which may be a failure
  cancelled,
  lost,     ///< its supervisor ended without a status
  refused,  ///< the master did not take it
};

[[nodiscard]] std::string_view state_name(VariantState state);

struct VariantResult {
  std::string id;
  Parameters parameters;
  VariantState state = VariantState::waiting;
  std::vector<std::string> nodes = {};  ///< labels
  std::optional<double> seconds = {};   ///< from its start to its end, or until now
  std::optional<int> exit = {};         ///< as a shell reports it
  Findings findings = {};
  std::string reason = {};   ///< of a failure: a line that jobs with the same fault have in common
  std::string trouble = {};  ///< why it was refused or is lost

  [[nodiscard]] bool over() const { return state >= VariantState::done; }
  [[nodiscard]] bool succeeded() const { return state == VariantState::done && exit == 0; }
};

using SeriesResult = std::vector<VariantResult>;

/// "node[1-3,5]"; "" for none.
[[nodiscard]] std::string node_names(const std::vector<std::string>& labels);

/// Lines of equal columns, with a line of titles; safe for a terminal.
[[nodiscard]] std::vector<std::string> table_lines(const SeriesResult& series);

/// A row of titles, and one for each variant. Columns: variant, the parameters, state, nodes, seconds, exit,
/// the findings; a finding whose name is taken is called `out.NAME`.
[[nodiscard]] std::vector<std::vector<std::string>> result_rows(const SeriesResult& series);

/// The same as text: RFC 4180, but with LF.
[[nodiscard]] std::string csv_text(const SeriesResult& series);

/// {"series": NAME, "variants": [{"variant", "parameters", "state", "nodes", "seconds", "exit", "results"},
/// ...]}
[[nodiscard]] std::string json_text(const std::string& name, const SeriesResult& series);

/// A reason why at least `least` jobs failed and no other one ended; numbers in it do not count.
struct CommonFailure {
  std::string reason;
  std::size_t failed = 0;
  std::size_t unstarted = 0;  ///< jobs that were not started therefore
};
[[nodiscard]] std::optional<CommonFailure> common_failure(const SeriesResult& series, std::size_t least);

/// "3 done, 1 failed, 2 running, 6 queued".
[[nodiscard]] std::string tally(const SeriesResult& series);

/// Texts in columns with two blanks between them; the columns of `right` stand flush right. For any table.
[[nodiscard]] std::vector<std::string> aligned(const std::vector<std::vector<std::string>>& rows,
                                               const std::vector<bool>& right);

}  // namespace ec2mpi::ops
