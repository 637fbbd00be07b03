#include "ec2mpi/cli/views/series_view.hpp"

#include <fmt/format.h>
#include <algorithm>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cli/views/not_started.hpp"
#include "ec2mpi/cluster/values/selection.hpp"
#include "ec2mpi/ops/mpi/hints.hpp"
#include "src/cli/views/job_texts.hpp"

namespace ec2mpi::cli {

namespace {

using ops::VariantState;

constexpr std::size_t kEqualFailures = 2;  ///< that are worth one message
constexpr std::size_t kMostRows = 20;      ///< of the table while it runs

std::string time_of(const ops::VariantResult& variant) {
  return format_duration(std::chrono::duration_cast<std::chrono::nanoseconds>(
      std::chrono::duration<double>(variant.seconds.value_or(0))));
}

/// A job that did not begin has neither a time nor an output, but a reason.
std::string failure_text(const ops::VariantResult& variant) {
  const auto exit = variant.exit.value_or(0);
  if (variant.seconds)
    return fmt::format("exit {} after {}; ec2mpi logs {}", exit, time_of(variant), variant.id);
  const auto known = end_text(variant.trouble, variant.id);
  return fmt::format("exit {}: {}", exit, known ? known->text : variant.trouble);
}

/// With the next step where there is one. The states before a start look the same to the user.
std::string change_text(const ops::VariantResult& variant) {
  switch (variant.state) {
    case VariantState::running:
      return "running on " + ops::node_names(variant.nodes);
    case VariantState::done:
      return variant.succeeded() ? "done in " + time_of(variant) : failure_text(variant);
    case VariantState::cancelled:
      return "cancelled";
    case VariantState::lost:
      return "lost: " + variant.trouble;
    case VariantState::refused:
      return "not started: " + variant.trouble;
    case VariantState::waiting:
    case VariantState::queued:
      return "waits";
  }
  return {};
}

/// While there are many, those that run and those that failed say most.
bool is_interesting(const ops::VariantResult& variant) {
  return variant.state == VariantState::running || (variant.over() && !variant.succeeded());
}

}  // namespace

void SeriesView::say(Colour colour, const std::string& text) {
  console_.talk(console_.paint_talk(colour, "ec2mpi: " + text));
}

void SeriesView::on_asking(std::size_t nodes) {
  console_.status("asking " + count_of(nodes, "node") + "  for their facts …");
}

void SeriesView::on_notes(const std::vector<std::string>& notes) {
  for (const auto& note : notes) say(Colour::yellow, note);
}

void SeriesView::on_submitted(const std::string& series, std::size_t fresh, std::size_t kept,
                              std::size_t found) {
  series_ = series;
  console_.status("");
  if (quiet_) return;
  // Without new jobs, nothing was pushed.
  if (push_ != nullptr && fresh > 0) {
    say(Colour::dim,
        fmt::format("pushed: {} sent, {} unchanged · {} over the uplink", count_of(push_->files, "file"),
                    push_->unchanged, format_bytes(push_->uplink)));
  }
  std::string text = fmt::format("{}: {} handed to the master", series, count_of(fresh, "job"));
  if (kept > 0) text += fmt::format(", {} skipped that had succeeded", kept);
  if (found > 0) text += fmt::format(", {} submitted before", found);
  say(Colour::dim, text + (follows_ ? " · Ctrl-C cancels all of them, Ctrl-\\ leaves them running" : ""));
}

/// A terminal gets the whole table again; a pipe only gets what has changed since the last call.
void SeriesView::on_progress(const ops::SeriesResult& result) {
  if (console_.shows_status()) {
    draw(result);
    return;
  }
  for (const auto& variant : result) {
    // That a variant has been queued is no news.
    auto& told = told_.try_emplace(variant.id, VariantState::queued).first->second;
    if (std::exchange(told, variant.state) != variant.state) tell_change(variant);
  }
}

void SeriesView::tell_change(const ops::VariantResult& variant) {
  const bool bad = variant.over() && !variant.succeeded();
  // -q hides good news only.
  if (quiet_ && !bad) return;
  console_.talk(console_.paint_talk(bad ? Colour::red : Colour::none, variant.id) + ": " +
                change_text(variant));
}

/// In place of a line for each job: a missing module fails all of them alike.
void SeriesView::tell_common_failure(const ops::CommonFailure& failure) {
  say(Colour::red, fmt::format("all {} that ran failed for one reason: {}", count_of(failure.failed, "job"),
                               failure.reason));
  if (const auto hint = ops::hint_for(failure.reason, {.whole = false}))
    console_.talk(console_.paint_talk(Colour::yellow, "hint: " + hint->text()));
  if (failure.unstarted > 0)
    say(Colour::yellow,
        fmt::format(
            "{} not started therefore; run them with --resume when the cause is gone, or all in any case "
            "with --keep-going",
            count_of(failure.unstarted, "job") + (failure.unstarted == 1 ? " was" : " were")));
}

void SeriesView::draw(const ops::SeriesResult& result) {
  ops::SeriesResult shown = result;
  // With more rows than that, only those that need attention.
  if (shown.size() > kMostRows)
    std::erase_if(shown, [](const auto& variant) { return !is_interesting(variant); });
  if (shown.size() > kMostRows) shown.resize(kMostRows);
  std::string text;
  for (const auto& line : ops::table_lines(shown)) text += line + "\n";
  console_.status(text + series_ + ": " + ops::tally(result));
}

void SeriesView::on_cancelling() {
  say(Colour::yellow,
      fmt::format("cancelling {}: ending all of its jobs on all nodes (Ctrl-C again leaves at once) …",
                  series_));
}

/// Running jobs write there, too, so the user learns of it while something can be saved.
void SeriesView::on_trouble(const std::string& why) {
  say(Colour::red,
      fmt::format("the master cannot write: {}; jobs that wait do not start before it can: ec2mpi exec -w 1 "
                  "'df -h ~; df -i ~'",
                  why));
}

void SeriesView::on_lost(const Error& error, Clock::duration pause) {
  say(Colour::yellow,
      fmt::format(
          "the connection to the master is lost ({}); the jobs continue as long as it runs; retry in {}",
          printable(error.message), format_duration(pause)));
}

void SeriesView::on_reconnected() {
  say(Colour::dim, "connected again");
}

/// The results themselves are printed by the caller; this reports the end, and why jobs failed or did not
/// start.
void SeriesView::conclude(const ops::SeriesEnd& end) {
  console_.status("");
  using How = ops::SeriesEnd::How;
  if (end.how == How::detached) {
    say(Colour::none,
        fmt::format(
            "{0} continues on the master: {1}; ec2mpi attach {0} follows it, ec2mpi cancel {0} ends it",
            end.series, ops::tally(end.result)));
    return;
  }
  if (end.how == How::gave_up)
    say(Colour::red, fmt::format("gave up: {}; jobs of {} may still run",
                                 end.refused ? printable(end.refused->message) : "", end.series));
  const auto common =
      end.how == How::over && !end.cancelled ? ops::common_failure(end.result, kEqualFailures) : std::nullopt;
  if (common) {
    tell_common_failure(*common);
  } else if (end.how == How::over && console_.shows_status()) {
    // The table is gone now. Without a terminal, each change was reported when it happened.
    for (const auto& variant : end.result) {
      // A variant that was cancelled is no surprise.
      if (!variant.succeeded() && variant.state != VariantState::cancelled) tell_change(variant);
    }
  }
  if (end.how == How::refused) tell_not_started(console_, end.unfit, end.refused);
}

/// For a second Ctrl-C, which leaves at once.
std::string SeriesView::parting_words() const {
  return series_.empty() ? std::string() : fmt::format("Jobs of {} may still run.", series_);
}

}  // namespace ec2mpi::cli
