#include <fmt/format.h>

#include "ec2mpi/cli/session/command.hpp"
#include "ec2mpi/cli/session/on_master.hpp"
#include "ec2mpi/cli/session/option_values.hpp"
#include "ec2mpi/cli/views/job_view.hpp"
#include "ec2mpi/ops/job/follow.hpp"
#include "src/cli/commands/bring_results.hpp"

namespace ec2mpi::cli {

namespace {

struct FollowOptions {
  MasterOptions master;
  std::string word;
  bool follow = false;
  std::optional<int> rank;
  bool raw = false;
};

enum class Verb { attach, logs, wait, cancel };

ops::FollowWish make_wish(CommandContext& context, const FollowOptions& options, Verb verb) {
  ops::FollowWish wish;
  wish.master = context.master();
  wish.word = options.word;
  wish.connect_timeout = context.flow.connect_timeout;
  wish.stop = context.runtime.stop();
  wish.cancels = verb == Verb::attach;
  wish.output = verb == Verb::attach || verb == Verb::logs;
  wish.lasting = verb != Verb::logs || options.follow;
  if (verb != Verb::cancel) {
    wish.detach = context.runtime.detach([] { return true; });
  } else {  // as if Ctrl-C had been there from the beginning; ours leaves
    static std::stop_source at_once;
    at_once.request_stop();
    wish.stop = at_once.get_token();
    wish.detach = context.runtime.stop();
    wish.cancels = true;
    wish.unended = true;
  }
  return wish;
}

int exit_code_of(const ops::Followed& followed, Verb verb, bool stopped) {
  const bool ended = followed.how == ops::Followed::How::ended;
  if (ended && verb == Verb::logs) return exit_code::ok;
  if (ended && verb == Verb::cancel) {
    const bool clean = followed.record.not_swept.empty();
    return clean ? exit_code::ok : exit_code::node_failed;
  }
  if (followed.how == ops::Followed::How::detached && stopped) return exit_code::interrupted;
  return ops::exit_code_for(followed);
}

asio::awaitable<int> follow(CommandContext& context, FollowOptions options, Verb verb) {
  JobView view(context.console(), context.runtime.options(), options.word,
               {.attached = true,
                .reports = verb != Verb::logs,
                .lasting = verb != Verb::logs || options.follow,
                .rank = options.rank,
                .raw = options.raw});
  context.runtime.set_parting_words([&view] { return view.parting_words(); });
  auto wish = make_wish(context, options, verb);
  const auto followed = co_await ops::follow_job(std::move(wish), context.connector, view);
  view.conclude(followed);
  const int code = exit_code_of(followed, verb, context.runtime.stop().stop_requested());
  if (verb != Verb::attach || followed.how != ops::Followed::How::ended) co_return code;
  std::vector<ops::JobRecord> jobs = {followed.record};
  const int with_results = co_await bring_results(context, std::move(jobs), code);
  co_return with_results;
}

std::shared_ptr<FollowOptions> add(CLI::App& app, Dispatch& dispatch, Verb verb, const std::string& name,
                                   const std::string& description) {
  auto options = std::make_shared<FollowOptions>();
  auto& command = add_command(app, name, description, "ec2mpi " + name + " spread");
  const auto* newest = verb == Verb::cancel ? "the newest that waits or runs" : "the newest";
  command
      .add_option("id", options->word,
                  fmt::format("The job: its id, how that begins, or its name [{}]", newest))
      ->type_name("ID");
  add_master_options(command, options->master);
  if (verb == Verb::attach || verb == Verb::logs) {
    command.add_flag("--raw", options->raw,
                     "Control characters of the job reach the terminal, too, not only colours and tabs");
  }
  if (verb == Verb::logs) {
    command.add_flag("-f,--follow", options->follow, "Continue until the job has ended; Ctrl-C leaves");
    command
        .add_option("--rank", options->rank, "Only this rank's lines, of a job that was started with --tag")
        ->type_name("N")
        ->check(number(0, 999'999));
  }
  command.callback([options, verb, &dispatch] {
    dispatch.chosen = [options, verb](const CommonOptions& common) {
      return work_on_master(options->master, common, [options, verb](CommandContext& context) {
        return follow(context, *options, verb);
      });
    };
  });
  return options;
}

}  // namespace

void add_follow_commands(CLI::App& app, Dispatch& dispatch) {
  add(app, dispatch, Verb::attach, "attach",
      "Follows a job as run does: its output from the beginning, and its exit status; Ctrl-C cancels it, "
      "TERM and output that can't be written leave it running");
  add(app, dispatch, Verb::logs, "logs", "Prints the output of a job so far");
  add(app, dispatch, Verb::wait, "wait",
      "Waits for a job's end and gives its exit status; prints nothing of it");
  add(app, dispatch, Verb::cancel, "cancel",
      "Ends a job's processes on all nodes, and checks that none is left");
}

}  // namespace ec2mpi::cli
