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

}  // namespace

std::string facts_script(const std::string& mpirun) {
  return set_variables({{"want", mpirun}}).append(kFindSettingsSh).append(kFactsSh);
}

Error with_complaint(Error error, std::string_view complaints) {
  constexpr std::size_t kMostShown = 200;
  const auto line = trim(complaints).substr(0, trim(complaints).find('\n'));
  if (!line.empty()) error.message += "; it printed: " + printable(trim(line).substr(0, kMostShown));
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
  while (!printed.ends_with(end_line)) {
    CO_TRY_AS(chunk, co_await shell.read(patience));
    // parse_facts reports the answer that was cut off.
    if (!*chunk || printed.size() > kMostAnswer) break;
    if ((*chunk)->stream == ssh::Stream::out)
      printed += (*chunk)->bytes;
    else if (complaints.size() < kMostComplaints)
      complaints += (*chunk)->bytes;
  }
  auto facts = parse_facts(printed);
  if (!facts) co_return std::unexpected(with_complaint(facts.error(), complaints));
  const auto behind = printed.find(kFactsEnd) + kFactsEnd.size();
  co_return FactsAnswer{std::move(*facts), printed.substr(behind)};
}

}  // namespace ec2mpi::ops
