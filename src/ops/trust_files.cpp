#include "src/ops/trust_files.hpp"

#include <fmt/format.h>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/ops/remote.hpp"
#include "src/ops/root_command.hpp"
#include "src/ops/trust_script.hpp"

namespace ec2mpi::ops {

namespace {

constexpr auto kWriting = std::chrono::seconds(60);

std::string script_command(std::initializer_list<std::string_view> parts, const std::string& argument = {}) {
  std::string script;
  for (const auto part : parts) script += part;
  return "exec sh -c " + quote_word(script) + (argument.empty() ? "" : " sh " + quote_word(argument));
}

/// The script's own word on why it ended.
Error refusal(const Captured& said) {
  const auto lines = split(trim(said.err), '\n');
  auto reason = trim(lines.back());
  if (reason.starts_with("ec2mpi: ")) reason.remove_prefix(8);
  return {ErrorKind::remote_io,
          reason.empty() ? "writing ended with " + said.status.describe() : printable(reason)};
}

}  // namespace

asio::awaitable<Result<void>> write_texts(NodeRun run, std::vector<TrustText> texts) {
  const Limit limit = run.limit.at_most(kWriting);
  auto command = script_command({kBlockFunctions, kStateFunctions, kWriteTrustScript, kStatesScript});
  auto said = co_await capture(run.session, std::move(command), limit, sectioned(texts));
  if (!said) co_return std::unexpected(said.error());
  if (!said->status.ok()) {
    auto error = refusal(*said);
    co_return std::unexpected(std::move(error));
  }
  const auto states = parse_states(said->out);
  if (!states) co_return std::unexpected(states.error());
  const auto missing = missing_texts(texts, *states);
  if (!missing) co_return std::unexpected(missing.error());
  if (!missing->empty()) {
    auto reason = fmt::format("{} is not there as it was sent; is the disk full?", missing->front().path);
    co_return fail(ErrorKind::remote_io, std::move(reason));
  }
  co_return Result<void>{};
}

asio::awaitable<Result<void>> write_hosts(NodeRun run, RootAccess access, PasswordSource password,
                                          std::string text) {
  run.limit = run.limit.at_most(kWriting);
  RootScript script{.text = std::string(kBlockFunctions) + kStateFunctions + kWriteHostsScript,
                    .arguments = {std::move(text)}};
  auto written = co_await run_as_root(std::move(run), access, std::move(password), std::move(script));
  co_return written;
}

asio::awaitable<Result<void>> take_texts(NodeRun run) {
  const Limit limit = run.limit.at_most(kWriting);
  auto command = script_command({kBlockFunctions, kUndoScript}, "user");
  auto said = co_await capture(run.session, std::move(command), limit);
  if (!said) co_return std::unexpected(said.error());
  if (!said->status.ok()) {
    auto error = refusal(*said);
    co_return std::unexpected(std::move(error));
  }
  co_return Result<void>{};
}

asio::awaitable<Result<void>> take_hosts(NodeRun run, RootAccess access, PasswordSource password) {
  run.limit = run.limit.at_most(kWriting);
  RootScript script{.text = std::string(kBlockFunctions) + kUndoScript, .arguments = {"root"}};
  auto taken = co_await run_as_root(std::move(run), access, std::move(password), std::move(script));
  co_return taken;
}

}  // namespace ec2mpi::ops
