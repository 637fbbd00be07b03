#include "ec2mpi/ops/node/facts.hpp"

#include <fmt/format.h>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/ops/node/remote.hpp"
#include "ec2mpi/ops/node/remote_program.hpp"
#include "src/ops/node/programs.hpp"

namespace ec2mpi::ops {

namespace {

/// The answer takes a moment, for python3 has to start.
constexpr auto kPatience = std::chrono::seconds(30);

constexpr std::size_t kMostAnswer = 1 << 20;
constexpr std::size_t kMostComplaints = 4096;
constexpr std::string_view kOurs = "ec2mpi: ";

/// The line of a program's complaints that explains most.
std::string_view telling_line(std::string_view complaints) {
  const auto lines = split(trim(complaints), '\n');
  // A program of ours has given the reason itself. Python prints its own failure after its guesses, and an
  // exception after the calls that led to it.
  for (const std::string_view begin : {kOurs, std::string_view("Fatal Python error")})
    for (const auto line : lines)
      if (line.starts_with(begin)) return trim(line);
  return trim(lines.front().starts_with("Traceback (") ? lines.back() : lines.front());
}

}  // namespace

std::string facts_script(const std::string& mpirun) {
  return set_variables({{"want", mpirun}}).append(kFindSettingsSh).append(kFactsSh);
}

Error with_complaint(Error error, std::string_view complaints) {
  constexpr std::size_t kMostShown = 200;
  const auto line = telling_line(complaints);
  if (line.starts_with(kOurs)) return {error.kind, printable(line.substr(kOurs.size()))};
  if (!line.empty()) error.message.append(kItPrinted) += printable(line.substr(0, kMostShown));
  return error;
}

std::string_view find_settings_functions() {
  return kFindSettingsSh;
}

asio::awaitable<Result<NodeFacts>> ask_facts(ssh::Session& session, Limit limit, std::string mpirun) {
  const Limit patience = limit.at_most(kPatience);
  CO_TRY_AS(answer, co_await capture(session, facts_script(mpirun), patience));
  auto facts = parse_facts(answer->out);
  if (!facts) co_return std::unexpected(with_complaint(facts.error(), answer->err));
  co_return facts;
}

std::string facts_and_shell_command(const std::string& mpirun) {
  // In a subshell: the facts need a clean environment, the shell behind them the user's own.
  return "(" + std::string(clean_environment()) + facts_script(mpirun) + ")\nexec sh -s";
}

asio::awaitable<Result<FactsAnswer>> read_facts(ssh::Channel& shell, std::string_view end, Limit limit) {
  const auto end_line = fmt::format("\n{}\n", end);
  const Limit patience = limit.at_most(kPatience);
  std::string printed;
  std::string complaints;
  bool ended = false;
  while (!printed.ends_with(end_line)) {
    CO_TRY_AS(chunk, co_await shell.read(patience));
    ended = !*chunk;
    // parse_facts reports the answer that was cut off.
    if (ended || printed.size() > kMostAnswer) break;
    if ((*chunk)->stream == ssh::Stream::out)
      printed += (*chunk)->bytes;
    else if (complaints.size() < kMostComplaints)
      complaints += (*chunk)->bytes;
  }
  auto facts = parse_facts(printed);
  if (!facts) co_return std::unexpected(with_complaint(facts.error(), complaints));
  // What was written into it by now is lost.
  if (ended) {
    const Error gone{ErrorKind::remote_io, "the shell there has ended behind its answer"};
    co_return std::unexpected(with_complaint(gone, complaints));
  }
  const auto behind = printed.find(kFactsEnd) + kFactsEnd.size();
  co_return FactsAnswer{std::move(*facts), printed.substr(behind)};
}

}  // namespace ec2mpi::ops
