#pragma once
/// Shows one MPI job: its own bytes, unchanged except for control characters on a terminal, and the messages
/// of ec2mpi on standard error.

#include <asio/steady_timer.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "ec2mpi/cli/session/options.hpp"
#include "ec2mpi/cli/terminal/console.hpp"
#include "ec2mpi/cli/terminal/visible_controls.hpp"
#include "ec2mpi/cli/views/job_json.hpp"
#include "ec2mpi/fleet/lines.hpp"
#include "ec2mpi/ops/job/run.hpp"
#include "ec2mpi/ops/mpi/hints.hpp"
#include "ec2mpi/ops/mpi/tracebacks.hpp"
#include "ec2mpi/ops/mpi/words.hpp"
#include "ec2mpi/ops/push/push.hpp"

namespace ec2mpi::cli {

class JobView : public ops::JobObserver {
 public:
  struct Style {
    bool explain = false;          ///< show the line instead of running it
    bool cancels = true;           ///< Ctrl-C cancels the job; said at the beginning
    bool attached = false;         ///< the job was there before
    bool reports = true;           ///< print how it ended, and leftover processes
    bool lasting = true;           ///< follows it to its end
    bool json = false;             ///< keep the job's bytes for its document; the plan as JSON
    bool json_lines = false;       ///< events as JSON on standard output instead of the job's bytes
    bool bell = false;             ///< the terminal rings at its end
    std::optional<int> rank = {};  ///< show this rank's lines only
    bool offers_stacks = false;    ///< after five minutes without output
    bool raw = false;              ///< control characters reach a terminal, too
  };

  JobView(Console& console, const CommonOptions& options, std::string id, Style style)
      : console_(console),
        quiet_(options.quiet),
        verbose_(options.verbose > 0),
        style_(style),
        life_(std::make_shared<int>()),
        held_timer_(console.executor()),
        silence_timer_(console.executor()),
        own_out_(style.rank.value_or(0)),
        own_err_(style.rank.value_or(0)),
        id_(std::move(id)) {}

  /// The amount that the push of the job's files moved; printed when the job starts.
  void set_push(std::shared_ptr<const ops::PushCount> count) { push_ = std::move(count); }

  /// For messages that name a node: `names` are labels by address or host name.
  void set_nodes(const std::vector<Node>& nodes, std::map<std::string, std::string> names);

  void on_planned(const ops::JobPlan& plan) override;
  void on_found(const std::string& id, bool over) override;
  void on_output(const ssh::Chunk& chunk) override;
  void on_stopping(ops::JobStop why) override;
  void on_lost(const Error& error, Clock::duration pause) override;
  void on_reconnected() override;
  asio::awaitable<void> ready(Limit limit) override;

  /// Prints why nothing was started, or how the job ended and which processes are left.
  void conclude(const ops::JobEnd& end);
  void conclude(const ops::Followed& followed);
  /// For --rank, after the end: the output names no rank, or the job has no such rank.
  [[nodiscard]] bool lacks_rank() const { return lacks_rank_; }

  /// One event for --json-lines; nothing without it.
  void emit(std::string_view event, const Json& fields);

  /// With Style::json.
  [[nodiscard]] const KeptOutput& kept() const { return kept_; }

  /// Whether the master may have the job.
  [[nodiscard]] bool has_job() const { return started_; }

  /// For a second Ctrl-C, which leaves at once.
  [[nodiscard]] std::string parting_words() const;

 private:
  void say(Colour colour, const std::string& text);
  void add_name(const std::string& host, const std::string& label);
  [[nodiscard]] std::string shown_host(const std::string& host) const;
  [[nodiscard]] std::string host_of(const ops::RankFailure& failure) const;
  void show_out(const std::string& bytes);
  void show_err(const std::string& bytes);
  void emit_lines(const ssh::Chunk& chunk);
  [[nodiscard]] std::string filter_err(std::string_view bytes);
  void wait_for_silence();
  void show_rest();
  void tell_missing_rank(const ops::JobRecord& record);
  void tell_end(const ops::Followed& followed);
  void tell_leaving();
  void tell_hint(const ops::JobEnd& end);
  void tell_usage(const ops::JobRecord& record);
  void tell_cleaning(const ops::JobEnd& end);

  Console& console_;
  std::shared_ptr<const ops::PushCount> push_;
  Clock::time_point began_ = Clock::now();
  KeptOutput kept_;
  LineCutter out_lines_;
  LineCutter err_lines_;
  Json begin_;  ///< the event, until the master has the job
  std::string
      introduction_;  ///< shown when the master has made the job; it may refuse, if the script is missing
  ops::NoiseFilter noise_;
  ops::TracebackFilter tracebacks_;
  bool quiet_;
  bool verbose_;
  Style style_;
  std::shared_ptr<int> life_;  ///< a timer that is due already cannot be cancelled
  asio::steady_timer held_timer_;
  asio::steady_timer silence_timer_;
  bool offered_ = false;
  ops::RankFilter own_out_;
  ops::RankFilter own_err_;
  bool lacks_rank_ = false;
  VisibleControls visible_out_;
  VisibleControls visible_err_;
  bool started_ = false;  ///< handed over, or found on the master
  bool over_ = false;     ///< the job had ended before this command connected
  bool stopping_ = false;
  std::optional<ops::JobStop> early_stop_;  ///< not said yet
  bool lost_ = false;
  bool found_ = false;  ///< the master has said that it has the job
  std::string id_;
  std::string tail_;                              ///< of the output, for hints
  ops::HintContext hints_;                        ///< its names are empty for hosts that share one
  std::map<std::string, std::string> addresses_;  ///< what we connect to, by label
  std::vector<std::string> labels_;               ///< by rank; empty if only mpirun knows where the ranks are
};

/// This command leaves a job that has not ended; `ends`: after it has asked the master to end it. The id is
/// empty if the master has not said which job it is.
[[nodiscard]] std::string leaving_text(const std::string& id, bool ends);

}  // namespace ec2mpi::cli
