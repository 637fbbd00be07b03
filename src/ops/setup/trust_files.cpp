#include "src/ops/setup/trust_files.hpp"

#include <fmt/format.h>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/ops/exec/root_command.hpp"
#include "ec2mpi/ops/node/remote.hpp"
#include "src/ops/setup/trust_script.hpp"

namespace ec2mpi::ops {

namespace {

constexpr auto kWriting = std::chrono::seconds(90);  ///< twice the script's patience with locks, and more
constexpr std::string_view kDone = "did ";
constexpr std::string_view kTightened = "tightened ";
constexpr std::string_view kLogin = "login ";
/// In the text of a login that succeeds, but runs another program than the command.
constexpr std::string_view kNoCommand = "does not run the command";

/// The program goes as an argument and not by standard input, which carries the texts, and the private key
/// among them.
std::string trust_command(const std::vector<std::string>& arguments) {
  return "exec sh -c " + quote_word(trust_program()) + " sh " + quote_words(arguments);
}

/// The script's own reason for its end is its last line; warnings of programs stand above it.
Error refusal(const Captured& said) {
  const auto lines = split(trim(said.err), '\n');
  auto reason = trim(lines.back());
  // The program prints this in front, and under sudo the text around it once more.
  while (reason.starts_with("ec2mpi: ")) reason.remove_prefix(8);
  return {ErrorKind::remote_io,
          reason.empty() ? "writing ended with " + said.status.describe() : printable(reason)};
}

void take_line(std::string_view line, TrustChange& change) {
  if (line.starts_with(kDone)) change.done.emplace(line.substr(kDone.size()));
  if (line.starts_with(kTightened))
    change.tightened.push_back(shown_loose_path(line.substr(kTightened.size())));
}

/// Other lines than those of changes are left to other readers.
TrustChange read_change(std::string_view printed) {
  TrustChange change;
  for (const auto line : split(printed, '\n')) take_line(line, change);
  return change;
}

/// Errors: a text is not there although the script has ended well.
Result<TrustChange> checked_change(const std::vector<TrustText>& texts, const std::string& printed) {
  // A state after the change proves that the text is there; the exit status would not.
  TRY_AS(states, parse_states(printed));
  TRY_AS(missing, missing_texts(texts, *states));
  if (!missing->empty()) {
    return fail(ErrorKind::remote_io,
                fmt::format("{} is not there as it was sent; run setup again", missing->front().path));
  }
  return read_change(printed);
}

/// For /etc/hosts, which belongs to root. The lines of the answer are read while they come, as run_as_root
/// keeps no output.
asio::awaitable<Result<TrustChange>> change_as_root(NodeRun run, RootAccess access, PasswordSource password,
                                                    std::vector<std::string> arguments,
                                                    std::string input = {}) {
  run.limit = run.limit.at_most(kWriting);
  TrustChange change;
  RootScript script{.text = trust_program(), .arguments = std::move(arguments), .input = std::move(input)};
  script.on_line = [&change](std::string_view line) { take_line(line, change); };
  CO_TRY_AS(ended, co_await run_as_root(std::move(run), access, std::move(password), std::move(script)));
  co_return change;
}

/// "login ok" or "login WORD TEXT", where the text is ssh's and may be anything.
TrustLogin read_login(const std::string& printed) {
  TrustLogin login;
  for (const auto line : split(printed, '\n')) {
    if (!line.starts_with(kLogin)) continue;
    const auto [word, said] = first_word(line.substr(kLogin.size()));
    login.ok = word == "ok";
    login.said = printable(trim(said).substr(0, 300));
  }
  return login;
}

}  // namespace

asio::awaitable<Result<TrustChange>> write_texts(NodeRun run, std::vector<TrustText> texts,
                                                 std::string claim) {
  const Limit limit = run.limit.at_most(kWriting);
  auto command = trust_command({"write", std::move(claim)});
  CO_TRY_AS(said, co_await capture(run.session, std::move(command), limit, sectioned(texts)));
  // No Error: the caller reports which ec2mpi is at work there.
  if (said->status.code == kTrustBusy) {
    TrustChange none{.busy = true, .reason = refusal(*said).message};
    co_return none;
  }
  if (!said->status.ok()) {
    auto error = refusal(*said);
    co_return std::unexpected(std::move(error));
  }
  auto change = checked_change(texts, said->out);
  co_return change;
}

asio::awaitable<Result<TrustChange>> write_hosts(NodeRun run, RootAccess access, PasswordSource password,
                                                 TrustText text) {
  std::vector<std::string> arguments = {"hosts"};
  auto input = sectioned({text});
  auto changed = co_await change_as_root(std::move(run), access, std::move(password), std::move(arguments),
                                         std::move(input));
  co_return changed;
}

asio::awaitable<Result<TrustChange>> take_texts(NodeRun run) {
  const Limit limit = run.limit.at_most(kWriting);
  auto command = trust_command({"take"});
  CO_TRY_AS(said, co_await capture(run.session, std::move(command), limit));
  if (!said->status.ok()) {
    auto error = refusal(*said);
    co_return std::unexpected(std::move(error));
  }
  co_return read_change(said->out);
}

asio::awaitable<Result<TrustChange>> take_hosts(NodeRun run, RootAccess access, PasswordSource password) {
  std::vector<std::string> arguments = {"take_hosts"};
  auto changed = co_await change_as_root(std::move(run), access, std::move(password), std::move(arguments));
  co_return changed;
}

asio::awaitable<Result<TrustLogin>> try_login(NodeRun run, std::string address, std::string claim) {
  const Limit limit = run.limit.at_most(kWriting);
  auto command = trust_command({"login", std::move(address), std::move(claim)});
  CO_TRY_AS(said, co_await capture(run.session, std::move(command), limit));
  if (!said->status.ok()) {
    auto error = refusal(*said);
    co_return std::unexpected(std::move(error));
  }
  auto login = read_login(said->out);
  CO_TRY_AS(states, parse_states(said->out));
  login.states = std::move(*states);
  co_return login;
}

bool TrustLogin::is_sshds_choice() const {
  return said.find("Permission denied") != std::string_view::npos ||
         said.find(kNoCommand) != std::string_view::npos;
}

std::string TrustLogin::next_step(int from, int to) const {
  const auto says = [this](std::string_view text) { return said.find(text) != std::string_view::npos; };
  if (says("exchange_identification"))
    return fmt::format(
        "; the sshd of node{} ended the connection before the login: look there at /etc/hosts.deny and "
        "MaxStartups",
        to);
  if (says("remote command."))
    return fmt::format("; remove RemoteCommand from the configuration of ssh on node{}", from);
  // ssh says these with a port, too, and no firewall is their reason.
  if (says("bind "))
    return fmt::format("; look at BindAddress and BindInterface in the configuration of ssh on node{}", from);
  if (says("Unable to negotiate"))
    return fmt::format("; compare the configuration of ssh on node{} with that of sshd on node{}", from, to);
  if (says("connect to host "))
    return fmt::format(
        "; does the security group let its own members in, and does a firewall on node{} keep them out?", to);
  return {};
}

asio::awaitable<std::string> sshd_settings(NodeRun run, RootAccess access, PasswordSource password,
                                           SshdQuestion question) {
  run.limit = run.limit.at_most(kWriting);
  std::string settings;
  RootScript script{.text = trust_program(),
                    .arguments = {"sshd", question.user, question.home, question.from, question.to,
                                  std::to_string(question.port)}};
  // Bounded, since the text comes from a node.
  script.on_line = [&settings](std::string_view line) { settings.append(line.substr(0, 2000)).append("\n"); };
  auto ended = co_await run_as_root(std::move(run), access, std::move(password), std::move(script));
  // The settings only explain a refused login, so a failure here is none of setup's.
  co_return ended ? settings : std::string();
}

}  // namespace ec2mpi::ops
