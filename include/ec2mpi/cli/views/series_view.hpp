#pragma once
/// Shows a series while it runs: a table that is redrawn on a terminal, a line for each change in a pipe.

#include <asio/steady_timer.hpp>
#include <map>
#include <memory>
#include <string>

#include "ec2mpi/cli/session/options.hpp"
#include "ec2mpi/cli/terminal/console.hpp"
#include "ec2mpi/ops/push/push.hpp"
#include "ec2mpi/ops/series/series.hpp"

namespace ec2mpi::cli {

class SeriesView : public ops::SeriesObserver {
 public:
  SeriesView(Console& console, const CommonOptions& options, bool follows)
      : console_(console), quiet_(options.quiet), follows_(follows) {}

  void on_asking(std::size_t nodes) override;
  void on_notes(const std::vector<std::string>& notes) override;
  void on_handing_over(const std::string& series) override { series_ = series; }
  void on_submitted(const std::string& series, std::size_t fresh, std::size_t kept,
                    std::size_t found) override;
  void on_progress(const ops::SeriesResult& result) override;
  void on_cancelling() override;
  void on_trouble(const std::string& why) override;
  void on_lost(const Error& error, Clock::duration pause) override;
  void on_reconnected() override;

  /// The push before the series, to be reported.
  void set_push(std::shared_ptr<const ops::PushCount> count) { push_ = std::move(count); }

  /// Prints why nothing was submitted, or which jobs continue without this command.
  void conclude(const ops::SeriesEnd& end);

  /// Whether the master may have jobs of it.
  [[nodiscard]] bool has_jobs() const { return !series_.empty(); }

  /// For leaving at once.
  [[nodiscard]] std::string parting_words() const;

  /// One line about the present state of a job.
  void tell_change(const ops::VariantResult& variant);

 private:
  void say(Colour colour, const std::string& text);
  void tell_common_failure(const ops::CommonFailure& failure);
  void draw(const ops::SeriesResult& result);

  Console& console_;
  bool quiet_;
  bool follows_;
  std::string series_;
  std::shared_ptr<const ops::PushCount> push_;
  std::map<std::string, ops::VariantState> told_;
};

}  // namespace ec2mpi::cli
