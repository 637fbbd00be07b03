#include "ec2mpi/ops/job/jobs.hpp"

#include <fmt/format.h>
#include <algorithm>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/ops/job/plan.hpp"
#include "ec2mpi/ops/job/shell.hpp"
#include "ec2mpi/ops/node/remote.hpp"
#include "ec2mpi/ops/process/sweep.hpp"
#include "src/ops/job/programs.hpp"

namespace ec2mpi::ops {

namespace {

// For the master to answer one question; with 10,000 jobs it reads as many folders.
constexpr auto kPatience = std::chrono::seconds(30);

/// The master's text for a terminal.
std::string lines_of(std::string_view text) {
  std::string safe;
  for (const auto line : split(trim(text), '\n')) safe += (safe.empty() ? "" : "\n") + printable(line);
  return safe;
}

/// Short answers only (at most 1 MiB); see capture_all for others.
asio::awaitable<Result<Captured>> ask(ssh::Session& session, std::string text, Limit limit) {
  const auto patience = limit.at_most(kPatience);
  // In braces: a text that was cut off does nothing.
  auto whole = "{\n" + job_functions() + text + "}\n";
  auto captured = co_await capture(session, std::move(whole), patience);
  co_return captured;
}

/// Counters of a thousand ranks that send to each other take some 28 MB; ten thousand jobs 4 MB.
constexpr std::size_t kMostAnswer = 64 << 20;

/// As capture(), up to kMostAnswer for both streams together.
asio::awaitable<Result<Captured>> capture_all(ssh::Session& session, std::string program, Limit limit) {
  ssh::Request request{.command = std::move(program)};
  CO_TRY_AS(channel, co_await start_program(session, std::move(request), limit));
  (*channel)->close_input();
  Captured captured;
  std::size_t most = kMostAnswer;
  Observer nobody;
  const auto keep = [&captured, &most](const ssh::Chunk& chunk) {
    auto& stream = chunk.stream == ssh::Stream::out ? captured.out : captured.err;
    stream += chunk.bytes.substr(0, most);
    most -= std::min(most, chunk.bytes.size());
  };
  CO_TRY_AS(status, co_await read_to_end(**channel, limit, keep, nobody));
  // A part of the counters would blame the ranks that it lacks.
  if (most == 0)
    co_return fail(ErrorKind::remote_io, "the master's answer is longer than 64 MB, and was not read");
  captured.status = *status;
  co_return captured;
}

/// For programs whose output is meant for the user, with an exit status that is ec2mpi's own.
asio::awaitable<Result<Answer>> ask_for_words(ssh::Session& session, std::string text, Limit limit) {
  CO_TRY_AS(captured, co_await ask(session, std::move(text), limit));
  Answer answer;
  answer.code = captured->status.shell_code();
  answer.said = lines_of(captured->out + captured->err);
  co_return answer;
}

}  // namespace

asio::awaitable<Result<std::vector<JobRecord>>> list_jobs(ssh::Session& session, Limit limit) {
  auto program = fmt::format("{{\n{}{}}}\n", job_functions(), kListSh);
  CO_TRY_AS(captured, co_await capture_all(session, std::move(program), limit.at_most(kPatience)));
  std::string_view said = captured->err;
  constexpr std::string_view kAhead = "ec2mpi: on the master: ";
  // need_jobs of functions.sh has found that the folder of jobs cannot be read: no empty list then.
  if (captured->status.shell_code() != 0 && said.starts_with(kAhead))
    co_return fail(ErrorKind::remote_io, lines_of(said.substr(kAhead.size())));
  co_return parse_job_records(captured->out);
}

asio::awaitable<Result<FoundJob>> find_running_job(ssh::Session& session, std::string word, Limit limit) {
  constexpr std::string_view kKept = "\nec2mpi-kept-stacks\n";
  auto text = fmt::format(
      "{{\n{}unended=yes\nfind_job {}\nneed_files\nrecord \"$id\"\necho ec2mpi-kept-stacks\n"
      "cat \"$jobs/$id/stacks\" 2>/dev/null\nexit 0\n}}\n",
      job_functions(), quote_word(job_word(word)));
  CO_TRY_AS(captured, co_await capture_all(session, std::move(text), limit.at_most(kPatience)));
  FoundJob found;
  if (const int code = captured->status.shell_code(); code != 0) {
    found.refusal = {code, lines_of(captured->err)};
    co_return found;
  }
  const auto end = captured->out.find(kKept);
  if (end == std::string::npos) co_return fail(ErrorKind::remote_io, "the master did not finish its answer");
  CO_TRY_AS(records, parse_job_records(std::string_view(captured->out).substr(0, end + 1)));
  if (records->size() != 1) co_return fail(ErrorKind::remote_io, "the master did not name the job");
  found.job = std::move(records->front());
  found.kept_stacks = captured->out.substr(end + kKept.size());
  if (found.job.state != JobState::running && found.job.state != JobState::ending)
    found.refusal = {2,
                     fmt::format("ec2mpi: {} does not run: {}", found.job.id, state_name(found.job.state))};
  co_return found;
}

asio::awaitable<Result<FoundProfile>> read_job_profile(ssh::Session& session, std::string word, Limit limit) {
  auto text =
      fmt::format("{{\n{}find_job {}\n{}}}\n", job_functions(), quote_word(job_word(word)), kProfileSh);
  CO_TRY_AS(captured, co_await capture_all(session, std::move(text), limit.at_most(kPatience)));
  FoundProfile found;
  if (const int code = captured->status.shell_code(); code != 0) {
    found.refusal = {code, lines_of(captured->err)};
    co_return found;
  }
  const auto end = captured->out.find("\nec2mpi-profile\n");
  if (end == std::string::npos) co_return fail(ErrorKind::remote_io, "the master did not finish its answer");
  CO_TRY_AS(records, parse_job_records(std::string_view(captured->out).substr(0, end)));
  if (records->size() != 1) co_return fail(ErrorKind::remote_io, "the master did not name the job");
  found.job = std::move(records->front());
  CO_TRY_AS(profile, parse_profile(std::string_view(captured->out).substr(end), found.job.ended));
  found.profile = std::move(*profile);
  co_return found;
}

asio::awaitable<Result<Answer>> signal_job(ssh::Session& session, std::string word, std::string signal,
                                           Limit limit) {
  // The job is found first: its id makes the mark.
  auto text = fmt::format("unended=yes\nfind_job {}\n{}{}{}", quote_word(job_word(word)), sweep_functions(),
                          set_variables({{"signal", signal}}), kSignalSh);
  return ask_for_words(session, std::move(text), limit);
}

asio::awaitable<Result<Answer>> remove_jobs(ssh::Session& session, std::vector<std::string> words,
                                            int older_than_days, Limit limit) {
  for (auto& word : words) word = job_word(word);
  auto text = set_variables({{"days", std::to_string(older_than_days)}}) + "set -- " + quote_words(words) +
              "\n" + std::string(kRemoveSh);
  return ask_for_words(session, std::move(text), limit);
}

}  // namespace ec2mpi::ops
