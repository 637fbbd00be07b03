#include "ec2mpi/cli/views/job_view.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <map>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cli/session/error_references.hpp"
#include "ec2mpi/cli/views/not_started.hpp"
#include "ec2mpi/ops/mpi/hints.hpp"
#include "ec2mpi/ops/mpi/map_by.hpp"
#include "src/cli/views/job_texts.hpp"

namespace ec2mpi::cli {

namespace {

/// Ranks that fail for one reason do it within a second or so of each other. A job that ends shows all at
/// once.
constexpr auto kHoldTraceback = std::chrono::seconds(2);
constexpr auto kSilence = std::chrono::minutes(5);
constexpr std::size_t kTail = 16 * 1024;  ///< what programs say last, warnings of all ranks included

/// The word behind --map-by in mpirun's line; none for a script.
std::string map_by_of(const ops::JobPlan& plan) {
  for (const auto& option : plan.line)
    if (option.words.front() == "--map-by") return option.words.back();
  return {};
}

/// By rank; empty if the user's words place or number the ranks.
std::vector<std::string> labels_by_rank(const ops::JobPlan& plan) {
  for (const auto& option : plan.line) {
    const bool numbers = option.words.size() > 1 && option.words[1].starts_with("rmaps_");
    if (option.words.front() == "--rank-by" || numbers) return {};
  }
  return ec2mpi::labels_by_rank(map_by_of(plan), plan.places);
}

/// How many ranks, and where, if that is known before mpirun has decided it.
std::string ranks_text(const ops::JobPlan& plan) {
  const auto map_by = map_by_of(plan);
  if (is_foreseen(map_by)) return placement_text(plan.places, plan.mpi.empty() ? "slot" : "rank");
  const auto ranks = static_cast<std::size_t>(total_ranks(plan.places));
  return fmt::format("{}, placed by mpirun (--map-by {})", count_of(ranks, "rank"), printable(map_by));
}

}  // namespace

void JobView::say(Colour colour, const std::string& text) {
  console_.talk(console_.paint_talk(colour, "ec2mpi: " + text));
}

void JobView::set_nodes(const std::vector<Node>& nodes, std::map<std::string, std::string> names) {
  for (const auto& node : nodes) addresses_[node.label()] = node.address;
  hints_.names = std::move(names);
}

/// Hosts that share a name have none by it.
void JobView::add_name(const std::string& host, const std::string& label) {
  auto& known = hints_.names.try_emplace(host, label).first->second;
  if (known != label) known.clear();
}

/// As the list calls it, with the address at which people reach it.
std::string JobView::shown_host(const std::string& host) const {
  const auto named = hints_.names.find(host);
  const auto& label = named == hints_.names.end() || named->second.empty() ? host : named->second;
  const auto address = addresses_.find(label);
  if (address == addresses_.end() || address->second.empty()) return label;
  return fmt::format("{} ({})", label, address->second);
}

/// The launcher's own word has precedence, for it has started the ranks.
std::string JobView::host_of(const ops::RankFailure& failure) const {
  const auto rank = static_cast<std::size_t>(failure.rank.value_or(0));
  if (!failure.host.empty() || !failure.rank || rank >= labels_.size()) return failure.host;
  return labels_[rank];
}

void JobView::on_planned(const ops::JobPlan& plan) {
  // With it, a traceback that all ranks printed gets the title "rank 0-N".
  tracebacks_.set_ranks(total_ranks(plan.places));
  for (const auto& place : plan.places) {
    add_name(place.address.text(), place.label);
    add_name(place.hostname, place.label);
  }
  labels_ = labels_by_rank(plan);
  hints_.python3 = plan.python3;
  for (const auto& note : plan.notes) say(Colour::yellow, note);
  if (style_.explain) {
    if (style_.json) return console_.result(dump_json(plan_json(plan)));
    return console_.result_bytes(plan_text(plan));
  }
  started_ = true;
  begin_ = {{"job", id_}, {"ranks", total_ranks(plan.places)}, {"mpi", plan.mpi}};
  if (verbose_ && !plan.line.empty()) say(Colour::dim, quote_words(ops::line_of(plan.line)));
  // -q leaves the introduction out, but no warning.
  if (quiet_) return;
  if (push_ != nullptr) {
    say(Colour::dim,
        fmt::format("pushed: {} sent, {} unchanged · {} over the uplink", count_of(push_->files, "file"),
                    push_->unchanged, format_bytes(push_->uplink)));
  }
  const auto mpi = plan.mpi.empty() ? std::string() : " · " + plan.mpi;
  introduction_ =
      fmt::format("{}: {}{}{}", id_, ranks_text(plan), mpi,
                  style_.cancels ? " · Ctrl-C ends it everywhere, Ctrl-\\ leaves it running" : "");
}

void JobView::on_found(const std::string& id, bool over) {
  id_ = printable(id);
  started_ = true;
  found_ = true;
  // A job that is attached to may have ended long ago.
  over_ = style_.attached && over;
  if (early_stop_ && !over) on_stopping(*early_stop_);
  early_stop_.reset();
  if (!over) wait_for_silence();
  // Not before: the master may refuse the job.
  if (!begin_.empty()) emit("begin", std::exchange(begin_, {}));
  if (!introduction_.empty()) say(Colour::dim, std::exchange(introduction_, {}));
}

void JobView::on_output(const ssh::Chunk& chunk) {
  tail_ += chunk.bytes;
  wait_for_silence();
  // At twice the size only, so that not every chunk moves the whole tail.
  if (tail_.size() > 2 * kTail) tail_.erase(0, tail_.size() - kTail);
  if (style_.json) return kept_.take(chunk);
  if (style_.json_lines) return emit_lines(chunk);
  // One rank's lines are shown as they are: no filter for noise, no grouped tracebacks.
  if (chunk.stream == ssh::Stream::out)
    show_out(style_.rank ? own_out_.feed(chunk.bytes) : std::string(chunk.bytes));
  else
    show_err(style_.rank ? own_err_.feed(chunk.bytes) : filter_err(chunk.bytes));
}

void JobView::emit(std::string_view event, const Json& fields) {
  if (style_.json_lines) console_.result(event_line(event, Clock::now() - began_, fields));
}

void JobView::emit_lines(const ssh::Chunk& chunk) {
  const bool out = chunk.stream == ssh::Stream::out;
  std::string events;
  (out ? out_lines_ : err_lines_).feed(chunk.bytes, [&](std::string_view line) {
    const Json fields = {{"stream", out ? "stdout" : "stderr"}, {"text", line}};
    events.append(event_line("line", Clock::now() - began_, fields)).append(1, '\n');
  });
  console_.result_bytes(events);
}

/// Without noise, and with equal tracebacks once; `logs` shows the stream as it is.
std::string JobView::filter_err(std::string_view bytes) {
  auto passed = noise_.feed(bytes);
  if (style_.raw || !style_.reports) return passed;
  const bool held = tracebacks_.is_holding();
  const auto before = tracebacks_.tracebacks();
  passed = tracebacks_.feed(passed);
  // Only another traceback makes the wait longer: a program that continues is not held back for long.
  if (tracebacks_.is_holding() && held && before == tracebacks_.tracebacks()) return passed;
  held_timer_.cancel();
  if (!tracebacks_.is_holding()) return passed;
  held_timer_.expires_after(kHoldTraceback);
  // The handler may run after this view is gone.
  held_timer_.async_wait([this, life = std::weak_ptr(life_)](std::error_code cancelled) {
    if (!cancelled && !life.expired()) show_err(tracebacks_.finish());
  });
  return passed;
}

void JobView::show_out(const std::string& bytes) {
  // A file or a pipe gets the bytes unchanged.
  console_.result_bytes(style_.raw || !console_.result_is_terminal() ? bytes : visible_out_.feed(bytes));
}

void JobView::show_err(const std::string& bytes) {
  console_.talk_bytes(style_.raw || !console_.shows_status() ? bytes : visible_err_.feed(bytes));
}

/// Once: a program that prints seldom is no fault.
void JobView::wait_for_silence() {
  if (offered_ || !style_.offers_stacks) return;
  silence_timer_.expires_after(kSilence);
  silence_timer_.async_wait([this, life = std::weak_ptr(life_)](std::error_code cancelled) {
    if (cancelled || life.expired() || offered_ || stopping_ || id_.empty()) return;
    offered_ = true;
    say(Colour::yellow,
        fmt::format("{0} has printed nothing for five minutes; ec2mpi stacks {0} shows what its ranks do",
                    id_));
  });
}

void JobView::on_stopping(ops::JobStop why) {
  stopping_ = true;
  // `cancel` stops from the beginning: which job that is, and whether there is one, the master says.
  if (style_.attached && !found_) {
    early_stop_ = why;
    return;
  }
  emit("stopping", {{"job", id_}});
  say(Colour::yellow, stopping_text(why, id_));
}

asio::awaitable<void> JobView::ready(Limit limit) {
  return console_.room(std::move(limit));
}

void JobView::on_lost(const Error& error, Clock::duration pause) {
  const auto why = printable(error.message);
  emit("connection_lost", {{"error", why}});
  // One report for each loss; -v reports the other attempts, too.
  if (!lost_) {
    const auto job = id_.empty() ? "the job" : id_;
    const auto state = found_ ? fmt::format("{} continues there as long as the master runs", job)
                              : fmt::format("it has not said whether {} has started", job);
    say(Colour::yellow,
        fmt::format("the connection to the master is lost ({}); {}; connecting again …", why, state));
  } else if (verbose_) {
    say(Colour::dim, fmt::format("{}; once more in {}", why, format_duration(pause)));
  }
  lost_ = true;
}

void JobView::on_reconnected() {
  emit("connected_again", Json::object());
  say(Colour::yellow, "connected again");
  lost_ = false;
}

void JobView::conclude(const ops::JobEnd& end) {
  if (!end.followed) {
    tell_not_started(console_, end.unfit, end.refused);
    return;
  }
  const bool ended = end.followed->how == ops::Followed::How::ended;
  // Without a document its reader gets the reason, which the master writes there.
  if (style_.json && !ended) console_.talk_printed(kept_.err());
  show_rest();
  tell_missing_rank(end.followed->record);
  // Not into a pipe or a file.
  if (ended && style_.bell && console_.shows_status()) console_.talk_bytes("\a");
  const auto& record = end.followed->record;
  if (const auto lost = ended ? lost_bytes_text(record.why, record.id) : ""; !lost.empty())
    say(Colour::red, lost);
  if (ended && !style_.reports) return;
  tell_end(*end.followed);
  if (ended) tell_usage(record);
  tell_hint(end);
  if (ended && record.state != ops::JobState::ended) return;
  // In these two cases nothing was ended, so there is nothing to report.
  if (end.followed->how != ops::Followed::How::detached && end.followed->how != ops::Followed::How::refused)
    tell_cleaning(end);
}

void JobView::conclude(const ops::Followed& followed) {
  ops::JobEnd end;
  end.followed = followed;
  conclude(end);
}

/// The lines that were held back until its end was known.
void JobView::show_rest() {
  for (auto* lines : {&out_lines_, &err_lines_})
    lines->finish([&](std::string_view line) {
      emit("line", {{"stream", lines == &out_lines_ ? "stdout" : "stderr"}, {"text", line}});
    });
  held_timer_.cancel();
  silence_timer_.cancel();
  // The noise filter stands in front of the other one, so its rest goes through both.
  show_err(tracebacks_.feed(noise_.finish()) + tracebacks_.finish());
  if (style_.rank) {
    show_out(own_out_.finish());
    show_err(own_err_.finish());
  }
  console_.result_bytes(visible_out_.finish());
  console_.talk_bytes(visible_err_.finish());
}

/// A rank that the program has spawned may have a higher number than those that the record counts.
void JobView::tell_missing_rank(const ops::JobRecord& record) {
  if (!style_.rank) return;
  const bool printed = own_out_.saw_rank() || own_err_.saw_rank();
  if (record.np > 0 && *style_.rank >= record.np && !printed)
    say(Colour::red,
        fmt::format("{} has {}", printable(record.id),
                    record.np == 1 ? "rank 0 only" : fmt::format("the ranks 0-{}", record.np - 1)));
  else if (!tail_.empty() && !own_out_.saw_tags() && !own_err_.saw_tags())
    say(Colour::yellow, "the job's lines do not name their ranks; start it with --tag");
  else
    return;
  lacks_rank_ = true;
}

void JobView::tell_end(const ops::Followed& followed) {
  using How = ops::Followed::How;
  const auto id = followed.record.id.empty() ? id_ : followed.record.id;
  const auto& why = followed.record.why;
  if (followed.how == How::detached) {
    tell_leaving();
  } else if (followed.how == How::gave_up) {
    const auto wrong =
        followed.error ? printable(followed.error->message) : std::string("it does not answer");
    say(Colour::red, fmt::format("the master cannot be reached: {}", wrong));
    if (const auto reference = error_reference(wrong); !reference.empty()) say(Colour::none, reference);
    if (lost_ && !found_) say(Colour::yellow, unknown_start_text(id));
  } else if (followed.how == How::ended && followed.record.state == ops::JobState::lost) {
    say(Colour::red, lost_job_text(id, why, followed.record.ended != 0));
  } else if (followed.how == How::ended && !followed.record.is_over()) {
    say(Colour::red, fmt::format("the master stopped following {0}, which has not ended; ec2mpi attach {0} "
                                 "follows it, ec2mpi cancel {0} ends it",
                                 id));
  } else if (const auto known = end_text(why, id)) {
    say(Colour::red, known->text);
    if (!known->advice.empty()) say(Colour::yellow, known->advice);
  } else if (followed.how == How::ended && followed.record.status != 0 &&
             (why.empty() || why == "output lost" || why == "input lost")) {
    // Without an explanation of the supervisor's, the first rank that failed says most.
    auto failure = ops::first_failure(tail_);
    if (failure) {
      failure->host = shown_host(host_of(*failure));
      say(Colour::red, failure->describe());
    } else if (const auto signal = ops::signal_of_status(followed.record.status); !signal.empty()) {
      // If all ranks are killed, Open MPI may name none.
      say(Colour::red, fmt::format("{} ended with {}, the status of {}", id, followed.record.status, signal));
    }
  } else if (why == "timeout") {
    say(Colour::yellow, "the time limit was over");
  } else if (why == "cancelled" && !stopping_) {
    // If this command has cancelled it, the user knows.
    say(Colour::yellow, fmt::format("{} was cancelled", id));
  }
}

/// Empty if no job continues.
void JobView::tell_leaving() {
  if (!started_)
    say(Colour::yellow, leaving_text({}, false));
  else if (stopping_)
    say(Colour::yellow, parting_words());
  else if (lost_ && !found_)
    say(Colour::yellow, unknown_start_text(id_));
  else if (style_.lasting && !over_ && (style_.cancels || !quiet_))  // -d -q prints the id only
    say(Colour::yellow, leaving_text(id_, false));
}

/// Only for a job that failed by itself: after a Ctrl-C the output has errors that the Ctrl-C caused.
void JobView::tell_hint(const ops::JobEnd& end) {
  const auto& followed = *end.followed;
  const auto& why = followed.record.why;
  // This command has ended the job, or the supervisor has named the cause.
  const bool ours = stopping_ || !(why.empty() || why == "no connection") || followed.stopped;
  if (followed.how != ops::Followed::How::ended || ours || ops::exit_code_for(end) == 0) return;
  if (const auto command = words(followed.record.command); !command.empty()) hints_.program = command.front();
  if (const auto failure = ops::first_failure(tail_)) hints_.failed_host = host_of(*failure);
  if (const auto hint = ops::hint_for(tail_, hints_))
    console_.talk(console_.paint_talk(Colour::yellow, "hint: " + hint->text()));
}

/// Only nodes that differ; --json has all.
void JobView::tell_usage(const ops::JobRecord& record) {
  std::map<std::string, ops::NodeUsage> nodes;
  for (const auto& [label, swept] : record.swept)
    if (swept.usage) nodes[label] = *swept.usage;
  for (const auto& line : ops::describe_odd_usage(nodes)) say(Colour::yellow, line);
}

/// The looks at all nodes: which processes they have ended, and which stay in spite of KILL.
void JobView::tell_cleaning(const ops::JobEnd& end) {
  const auto& record = end.followed->record;
  auto swept = record.swept;
  // This look came after the supervisor's, so it has the last word.
  for (const auto& [index, found] : end.swept) swept[fmt::format("node{}", index)] = found;
  std::string ended;
  std::size_t clean = 0;
  for (const auto& [label, found] : swept) {
    if (!found.ended.empty())
      ended += fmt::format("{}{} on {}", ended.empty() ? "" : ", ", found.ended.size(), label);
    if (found.left.empty())
      ++clean;
    else
      say(Colour::red, fmt::format("still running on {}: {}", label, process_text(found.left)));
  }
  auto not_swept = record.not_swept;
  // A node that was looked at in the end needs no warning.
  for (const auto& [label, found] : swept) not_swept.erase(label);
  for (const auto& [node, error] : end.not_swept) not_swept[node.label()] = error.message;
  for (const auto& [label, why] : not_swept) {
    say(Colour::red,
        fmt::format("{0} could not be looked at, processes of {1} may still run there: {2}; ec2mpi "
                    "cancel {1} looks again",
                    label, record.id.empty() ? id_ : record.id, printable(why)));
  }
  const bool early = end.followed->stopped || record.why == "cancelled" || record.why == "timeout";
  if (early && clean > 0)
    say(Colour::yellow, fmt::format("stopped on {}", count_of(clean, "node")));
  else if (!ended.empty() && !quiet_)
    say(Colour::dim, "ended processes that the job left: " + ended);
}

std::string JobView::parting_words() const {
  if (!started_ || (over_ && !stopping_)) return {};
  // Without a connection, nobody knows whether the master has received the request to stop.
  if (stopping_ && !lost_) return leaving_text(id_, true);
  return fmt::format("{0} may still run; ec2mpi attach {0} follows it, ec2mpi cancel {0} ends it.", id_);
}

std::string leaving_text(const std::string& id, bool ends) {
  // Without an id, no command can be named.
  if (id.empty()) return "left before the master said which job it is; ec2mpi jobs lists them";
  return fmt::format(
      fmt::runtime(ends ? "The master continues to end {0}; ec2mpi wait {0} reports the result."
                        : "{0} continues; ec2mpi attach {0} follows it, ec2mpi cancel {0} ends it"),
      id);
}

}  // namespace ec2mpi::cli
