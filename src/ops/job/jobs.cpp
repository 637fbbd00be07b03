#include "ec2mpi/ops/job/jobs.hpp"

#include <fmt/format.h>
#include <algorithm>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/ops/job/shell.hpp"
#include "ec2mpi/ops/node/remote.hpp"
#include "ec2mpi/ops/process/sweep.hpp"

namespace ec2mpi::ops {

namespace {

constexpr auto kPatience = std::chrono::seconds(30);

constexpr const char* kList = R"sh(
for meta in $(cd "$jobs" 2>/dev/null && ls -t -- */meta 2>/dev/null); do record "${meta%/meta}"; done
)sh";

constexpr const char* kSignal = R"sh(
job_state "$jobs/$id"
[ "$state" = running ] || [ "$state" = ending ] || give_up "$id is not running"
mark=EC2MPI_JOB=$id
told=
for p in $(marked); do
  read -r name <"/proc/$p/comm"
  case $name in mpirun* | mpiexec* | orterun* | prterun*) kill -"$signal" "$p" && told="$told $p" ;; esac
done 2>/dev/null
[ -n "$told" ] || kill -"$signal" "$(cat "$jobs/$id/launcher")" 2>/dev/null || give_up "$id has nothing that takes signals"
echo "$id: SIG$signal sent"
)sh";

constexpr const char* kRemove = R"sh(
job_state "$jobs/$id"
case $state in running | ending) give_up "$id is running; ec2mpi cancel $id ends it" ;; esac
rm -rf "$jobs/$id" && echo "removed $id"
)sh";

constexpr const char* kRemoveOld = R"sh(
for old in $(cd "$jobs" 2>/dev/null && find . -mindepth 2 -maxdepth 2 -name exit -mtime "+$((days - 1))"); do
  id=${old#./} id=${id%/exit}
  rm -rf "$jobs/$id" && echo "removed $id"
done
)sh";

std::string lines_of(std::string_view text) {
  std::string safe;
  for (const auto line : split(trim(text), '\n')) safe += (safe.empty() ? "" : "\n") + printable(line);
  return safe;
}

asio::awaitable<Result<Captured>> ask(ssh::Session& session, std::string text, Limit limit) {
  const auto patience = limit.at_most(kPatience);
  auto whole = "{\n" + job_functions() + text + "}\n";
  auto captured = co_await capture(session, std::move(whole), patience);
  co_return captured;
}

asio::awaitable<Result<Answer>> tell(ssh::Session& session, std::string text, Limit limit) {
  CO_TRY_AS(captured, co_await ask(session, std::move(text), limit));
  Answer answer;
  answer.code = captured->status.shell_code();
  answer.said = lines_of(captured->out + captured->err);
  co_return answer;
}

std::string find(const std::string& word) {
  return "find_job " + quote_word(word) + "\n";
}

}  // namespace

asio::awaitable<Result<std::vector<JobRecord>>> list_jobs(ssh::Session& session, Limit limit) {
  CO_TRY_AS(captured, co_await ask(session, kList, limit));
  co_return parse_job_records(captured->out);
}

asio::awaitable<Result<Answer>> signal_job(ssh::Session& session, std::string word, std::string signal,
                                           Limit limit) {
  return tell(session,
              sweep_functions("none") + "unended=yes\n" + find(word) + "signal=" + quote_word(signal) + "\n" +
                  kSignal,
              limit);
}

asio::awaitable<Result<Answer>> remove_jobs(ssh::Session& session, std::vector<std::string> words,
                                            int older_than_days, Limit limit) {
  std::string text;
  for (const auto& word : words) text += find(word) + kRemove;
  if (older_than_days > 0) text += fmt::format("days={}\n", older_than_days) + kRemoveOld;
  return tell(session, std::move(text), limit);
}

}  // namespace ec2mpi::ops
