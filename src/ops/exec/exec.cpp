#include "ec2mpi/ops/exec/exec.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <asio/this_coro.hpp>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/fleet/lines.hpp"
#include "ec2mpi/ops/node/feeder.hpp"
#include "ec2mpi/ops/node/placeholders.hpp"
#include "ec2mpi/ops/node/remote.hpp"
#include "ec2mpi/ops/node/remote_program.hpp"
#include "ec2mpi/ops/node/root_access.hpp"
#include "ec2mpi/ops/process/end_marked.hpp"
#include "src/ops/exec/programs.hpp"

namespace ec2mpi::ops {

namespace {

/// stop_marked() takes up to 5 s: 3 of grace, and 5 looks after KILL.
constexpr auto kTimeToStop = std::chrono::seconds(8);
/// For a command that has not begun: most likely its login shell hangs, and so will ours.
constexpr auto kTimeToFindNothing = std::chrono::seconds(3);

/// The texts on standard error by which sudo starts the program or asks for a password. The first is printed
/// in two halves: a sudo that refuses repeats the command. A program that would like to receive the
/// password cannot guess them.
struct SudoTokens {
  explicit SudoTokens(const std::string& mark)
      : ahead(fmt::format("[{} ahead]", mark)), password(fmt::format("[{} password]", mark)) {}
  std::string ahead;
  std::string password;
};

/// sudo asks with a prompt of ours, and only where it has to. The program that it starts prints a token
/// first, and gets input only then: after a refused password, sudo must not take the user's data for another
/// password.
std::string under_sudo(const std::string& command, const std::string& mark) {
  const SudoTokens tokens(mark);
  const auto begin = quote_word(fmt::format("printf %s%s {} {} >&2\n{}exec \"$@\"", quote_word("[" + mark),
                                            quote_word(" ahead]"), check_noexec_text()));
  return fmt::format(
      "if sudo -n sh -c : </dev/null 2>/dev/null; then exec sudo -n sh -c {0} sh {2}; "
      "else exec sudo -S -p {1} sh -c {0} sh {2}; fi",
      begin, quote_word(tokens.password), command);
}

/// Splits a command's output into lines for the observer; removes the tokens of sudo. Borrows the run and the
/// channel.
class Output {
 public:
  /// `script`: what run_script.sh prints when the script is there, or nothing.
  Output(const NodeRun& run, const ProgramChannel& channel, std::optional<SudoTokens> sudo,
         std::optional<std::string> script)
      : run_(run), channel_(channel), sudo_(std::move(sudo)), script_(std::move(script)) {}

  enum class Sudo { none, ahead, password };

  /// Returns the token of sudo that this chunk completes.
  Sudo take(const ssh::Chunk& chunk) {
    if (sudo_ && chunk.stream == stream_of_sudo()) return look_for_sudo(chunk.bytes);
    pass_on(chunk.stream, chunk.bytes);
    return Sudo::none;
  }

  /// Why sudo started nothing; empty if it started the program, or if its own message is short and says why.
  std::string take_refusal() {
    auto refusal = sudo_ ? sudo_refusal(held_) : std::string();
    if (!refusal.empty()) held_.clear();
    return refusal;
  }

  /// Why the user's script did not begin; nothing if it did.
  std::optional<std::string> take_loss() {
    if (!script_ || sudo_) return std::nullopt;
    const auto said = std::exchange(before_script_.err, {});
    auto last = trim(said);
    last.remove_prefix(last.rfind('\n') + 1);  // npos + 1 is the beginning
    if (last.starts_with(kOurs)) last.remove_prefix(kOurs.size());
    return fmt::format("the script did not arrive{}{}", last.empty() ? "" : ": ", printable(last));
  }

  void finish() {
    pass_held();
    script_.reset();
    pass_on(ssh::Stream::out, std::exchange(before_script_.out, {}));
    pass_on(ssh::Stream::err, std::exchange(before_script_.err, {}));
    const auto rest = [this](ssh::Stream stream) {
      return [this, stream](std::string_view line) { run_.observer.on_line(run_.node, stream, line); };
    };
    out_.finish(rest(ssh::Stream::out));
    err_.finish(rest(ssh::Stream::err));
  }

 private:
  static constexpr std::size_t kMostHeld = 64 * 1024;
  static constexpr std::string_view kOurs = "ec2mpi: ";

  void pass_on(ssh::Stream stream, std::string_view bytes) {
    if (bytes.empty()) return;
    if (script_) return look_for_script(stream, bytes);
    run_.observer.on_output(run_.node, stream, bytes);
    std::string lines;
    (stream == ssh::Stream::out ? out_ : err_).feed(bytes, [&lines](std::string_view line) {
      lines.append(line).append(1, '\n');
    });
    if (!lines.empty()) run_.observer.on_lines(run_.node, stream, lines);
  }

  /// What stands on standard error before the script may be the reason why it does not come.
  void look_for_script(ssh::Stream stream, std::string_view bytes) {
    auto& before = stream == ssh::Stream::out ? before_script_.out : before_script_.err;
    before += bytes;
    const auto at = stream == ssh::Stream::out ? before.find(*script_) : std::string::npos;
    if (at != std::string::npos) before.erase(at, script_->size());
    if (at == std::string::npos && before.size() <= kMostHeld) return;
    script_.reset();
    pass_on(ssh::Stream::err, std::exchange(before_script_.err, {}));
    pass_on(ssh::Stream::out, std::exchange(before_script_.out, {}));
  }

  [[nodiscard]] ssh::Stream stream_of_sudo() const {
    return channel_.is_joined() ? ssh::Stream::out : ssh::Stream::err;
  }

  void pass_held() {
    pass_on(stream_of_sudo(), held_);
    held_.clear();
  }

  Sudo look_for_sudo(std::string_view bytes) {
    held_ += bytes;
    auto said = Sudo::none;
    if (const auto at = held_.find(sudo_->ahead); at != std::string::npos) {
      held_.erase(at, sudo_->ahead.size());
      sudo_.reset();
      said = Sudo::ahead;
    } else if (const auto asked = held_.find(sudo_->password); asked != std::string::npos) {
      held_.erase(asked, sudo_->password.size());
      said = Sudo::password;
    }
    // A token may arrive in pieces, so bytes that may become one are held back.
    if (!sudo_ || held_.size() > kMostHeld) pass_held();
    return said;
  }

  const NodeRun& run_;
  const ProgramChannel& channel_;
  std::optional<SudoTokens> sudo_;
  std::optional<std::string> script_;
  struct {
    std::string out;
    std::string err;
  } before_script_;
  std::string held_;
  LineCutter out_;
  LineCutter err_;
};

bool ended_by_limit(const Error& error) {
  return error.kind == ErrorKind::timeout || error.kind == ErrorKind::cancelled;
}

/// The error of a command that a limit or Ctrl-C has ended, after a look at the node. A command that has not
/// begun will not begin: nobody reads its begin mark.
asio::awaitable<Error> end_with_proof(ssh::Session& session, std::unique_ptr<ProgramChannel> channel,
                                      std::string mark, SudoAccess sudo, Error why) {
  const bool unbegun = channel != nullptr && !channel->begun();
  if (unbegun) channel.reset();
  const Limit limit{Clock::now() + (unbegun ? kTimeToFindNothing : kTimeToStop), {}};
  const auto proof = co_await stop_marked(session, std::move(mark), std::move(sudo), limit);
  // Only after the look: a process without parents and with an empty environment could not be found any more.
  if (!proof && channel != nullptr) channel->signal("TERM");
  if (!proof && unbegun) co_return why;
  const auto found =
      proof ? proof->describe() : "it may still run: no look was possible (" + proof.error().message + ")";
  // Of a command that has begun, it says no more than that the limit was reached.
  const bool is_told = why.kind == ErrorKind::timeout && !unbegun;
  co_return Error{why.kind, is_told ? found : fmt::format("{}; {}", why.message, found)};
}

/// Without sudo the input goes out at once. With sudo it waits until sudo has let the command through,
/// because sudo reads the password from the same standard input.
asio::awaitable<Result<ssh::ExitStatus>> exec(NodeRun run, std::shared_ptr<const ExecPlan> plan) {
  const auto word = random_hex(16);
  const auto mark = "EC2MPI_TASK=" + word;
  const BeginMark begin;
  ssh::Request request{.command = command_line(*plan, run.node, mark, begin.print())};
  auto channel = co_await start_line(run.session, std::move(request), begin, Greeting::shown, run.limit);
  if (!channel) {
    if (!ended_by_limit(channel.error())) co_return std::unexpected(channel.error());
    // The command may have begun, though nothing was read from it.
    SudoAccess sudo{plan->sudo};
    auto error = co_await end_with_proof(run.session, nullptr, mark, std::move(sudo), channel.error());
    co_return std::unexpected(std::move(error));
  }
  const auto executor = co_await asio::this_coro::executor;
  const auto feeder = Feeder::over(executor, **channel, plan->script, plan->input);
  if (!plan->sudo) feeder->start();
  std::optional<std::string> script;
  if (plan->script) script = fmt::format("[{} script]", word);
  Output output(run, **channel, plan->sudo ? std::optional<SudoTokens>(mark) : std::nullopt,
                std::move(script));
  bool password_sent = false;
  std::string sudo_password;
  std::optional<Error> refused;
  const auto sink = [&](const ssh::Chunk& chunk) {
    const auto said = output.take(chunk);
    if (said == Output::Sudo::ahead) feeder->start();
    if (said != Output::Sudo::password || refused) return;
    auto password = password_sent ? std::nullopt : plan->password();
    if (password) {
      sudo_password = *password;
      feeder->answer(std::move(*password += "\n"));
    } else
      refused = Error{ErrorKind::auth,
                      password_sent ? "sudo refused the password" : "sudo wants a password; none was given"};
    password_sent = true;
    // sudo reads the end of its input in the place of a password, and ends.
    if (refused) (*channel)->close_input();
  };
  auto status = co_await read_to_end(**channel, run.limit, sink, run.observer);
  co_await feeder->finish();
  if (auto refusal = output.take_refusal(); !refusal.empty() && !refused)
    refused = Error{ErrorKind::auth, std::move(refusal)};
  if (auto loss = status && !status->ok() && !refused ? output.take_loss() : std::nullopt)
    refused = Error{ErrorKind::remote_io, std::move(*loss)};
  output.finish();
  // Only the look after a limit needs the password once more.
  if (refused || status || !ended_by_limit(status.error())) wipe(sudo_password);
  if (refused) co_return std::unexpected(*refused);
  if (status || !ended_by_limit(status.error())) co_return status;
  SudoAccess sudo{plan->sudo, std::move(sudo_password)};
  auto error =
      co_await end_with_proof(run.session, std::move(*channel), mark, std::move(sudo), status.error());
  co_return std::unexpected(std::move(error));
}

}  // namespace

std::string command_line(const ExecPlan& plan, const Node& node, const std::string& mark,
                         const std::string& begin) {
  const auto filled = fill_placeholders(plan.command, node);
  const auto variables = quote_words(
      {mark, fmt::format("EC2MPI_INDEX={}", node.index), fmt::format("EC2MPI_COUNT={}", plan.count),
       fmt::format("EC2MPI_ROLE={}", role_name(node)), "EC2MPI_MASTER=" + plan.master});
  std::string text(plan.script ? check_limits_text() : "");
  if (plan.script || plan.input) text += check_input_text();
  text += begin;
  if (!plan.script) {
    text += set_variables({{"ec2mpi_command", filled}, {"ec2mpi_back", take_back_text()}});
    text += kLoginShellSh;
  }
  const auto words = plan.script ? fmt::format("/bin/sh -c {} sh {} {}", quote_word(kRunScriptSh),
                                               plan.script->size(), filled)
                                 : std::string(R"sh("$ec2mpi_shell" $ec2mpi_option -c "$ec2mpi_command")sh");
  if (plan.sudo)
    text.append(find_tools_text()).append(under_sudo(fmt::format("env {} {}", variables, words), mark));
  else
    text.append(fmt::format("command export {}\nexec {}", variables, words));
  return plan.sudo || plan.script ? shell_line(text) : shell_line_in_user_environment(text);
}

NodeTask exec_task(ExecPlan plan) {
  return [plan = std::make_shared<const ExecPlan>(std::move(plan))](NodeRun run) {
    return exec(std::move(run), plan);
  };
}

}  // namespace ec2mpi::ops
