#include "ec2mpi/cli/app.hpp"

#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <algorithm>
#include <csignal>
#include <cstddef>
#include <exception>
#include <sstream>
#include <system_error>

#include "ec2mpi/base/file.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cli/session/bracket_words.hpp"
#include "ec2mpi/cli/session/command.hpp"
#include "ec2mpi/cli/session/help_topics.hpp"
#include "ec2mpi/cli/session/situation.hpp"
#include "ec2mpi/cli/session/stay_behind.hpp"
#include "ec2mpi/cli/session/usage.hpp"
#include "ec2mpi/cli/session/variables.hpp"
#include "ec2mpi/cli/terminal/answer.hpp"
#include "ec2mpi/cli/terminal/diverted_results.hpp"
#include "ec2mpi/cli/terminal/standard_output.hpp"

namespace ec2mpi::cli {

namespace {

constexpr const char* kAbout =
    "Turns a list of Amazon EC2 instances into an MPI cluster and runs MPI jobs on it.\n"
    "Paste the console's table into amazon_instances_info, put the .pem beside it, and:\n"
    "  ec2mpi                          where you stand, and the next step\n"
    "  ec2mpi ips                      what the list says\n"
    "  ec2mpi setup                    MPI, and nodes that trust each other by ssh\n"
    "  ec2mpi exec-all 'uname -n'      a command on every node\n"
    "  ec2mpi push train.py proj/      files to every node\n"
    "  ec2mpi run -- python3 hello.py  an MPI program over all nodes";

/// -v and -vv show the program's own steps; without them only its warnings.
void set_up_log(int verbose) {
  const auto level = verbose > 1    ? spdlog::level::trace
                     : verbose == 1 ? spdlog::level::debug
                                    : spdlog::level::warn;
  // stderr: stdout holds results only.
  auto terminal = std::make_shared<spdlog::sinks::stderr_sink_st>();
  terminal->set_pattern("ec2mpi: %v");
  terminal->set_level(level);
  auto logger = std::make_shared<spdlog::logger>("ec2mpi", std::move(terminal));
  logger->set_level(level);
  spdlog::set_default_logger(std::move(logger));
}

/// For errors that are found before anything was started: exit code 2.
int say(const Error& error) {
  print_talk("ec2mpi: " + error.message + "\n");
  return exit_code::not_started;
}

constexpr std::uint64_t kLeastOpenFiles = 40;  ///< the event loop, the log, and a few connections

/// Also for a limit that was enough to begin, and not for all nodes.
std::string describe_open_files(std::uint64_t most) {
  return fmt::format(
      "a process may open only {} files here, and ec2mpi needs {}, and two for each node: ulimit -n 1024, or "
      "in a new shell if this one refuses that",
      most, kLeastOpenFiles);
}

/// An exception that nobody expected: exit code 70, as in sysexits.h (EX_SOFTWARE).
int say_bug(const std::exception& bug) {
  print_talk(fmt::format("ec2mpi: internal error: {}; please report it with the command that you typed\n",
                         bug.what()));
  return exit_code::bug;
}

/// The position of the sub-command's name. Only flags may precede it.
std::optional<std::size_t> place_of_command(const CLI::App& app, const std::vector<std::string>& arguments) {
  const auto is_command = [&app](const std::string& word) {
    return !app.get_subcommands([&](const CLI::App* each) { return each->get_name() == word; }).empty();
  };
  for (auto word = arguments.begin(); word != arguments.end(); ++word) {
    const auto name = word->substr(0, word->starts_with("--") ? word->find('=') : 2);
    const bool is_ours = app.get_option_no_throw(name) != nullptr;
    // A flag of a command stands too far in front, and the word behind it may be its value.
    if (word->starts_with('-') && !is_ours) word = std::find_if(word, arguments.end(), is_command);
    if (word == arguments.end()) break;
    if (!word->starts_with('-')) return word - arguments.begin();
    // The word behind it is its value, not the command's name.
    if (*word == "--color" && ++word == arguments.end()) break;
  }
  return std::nullopt;
}

/// A word that is refused before CLI11 reads it.
class OtherWord : public CLI::ParseError {
 public:
  explicit OtherWord(const std::string& message)
      : ParseError("OtherWord", message, CLI::ExitCodes::BaseClass) {}
};

/// CLI11's own codes (100 and up) mean nothing to our users.
int say_usage(const CLI::App& app, const CLI::ParseError& wrong, const std::string& command) {
  if (dynamic_cast<const OtherWord*>(&wrong) != nullptr) return say({ErrorKind::usage, wrong.what()});
  const bool unknown = app.get_subcommands().empty() && !command.empty();
  if (wrong.get_exit_code() == 0 && !unknown) {  // --help, --version
    std::ostringstream text;
    const int code = app.exit(wrong, text, text);
    print_result(text.str());
    return code;
  }
  const auto said = unknown ? describe_unknown_command(app, command, {}) : describe_usage_error(app, wrong);
  print_talk("ec2mpi: " + said + "\n");
  return exit_code::not_started;
}

/// The words for CLI11. It does not separate the words behind -- from ours, and does not read -np.
std::vector<std::string> words_to_parse(const CLI::App& app, std::vector<std::string> arguments,
                                        Dispatch& dispatch) {
  const auto command = place_of_command(app, arguments);
  if (command && arguments[*command] == "help") {  // git, docker and cargo have taught people to type it
    arguments.erase(arguments.begin() + static_cast<std::ptrdiff_t>(*command));
    arguments.push_back("--help");
    return arguments;
  }
  if (!command || (arguments[*command] != "run" && arguments[*command] != "login")) return arguments;
  // The words behind -- belong to the program on the node; none of them is an option here.
  const auto dashes = std::find(arguments.begin(), arguments.end(), "--");
  if (dashes != arguments.end()) {
    dispatch.behind_dashes.emplace(dashes + 1, arguments.end());
    arguments.erase(dashes, arguments.end());
  }
  for (auto& word : arguments) {
    if (arguments[*command] != "run" || !word.starts_with("-np")) continue;
    const auto count = word.substr(word.starts_with("-np=") ? 4 : 3);
    if (count.find_first_not_of("0123456789") == count.npos)
      word = "--np" + (count.empty() ? "" : "=" + count);
  }
  return arguments;
}

/// The command and the flags that were typed, for the log: values may be secrets.
std::string typed_names(const CLI::App& app) {
  std::string text;
  for (const auto* command : app.get_subcommands()) {
    text += command->get_name();
    for (const auto* option : command->parse_order())
      if (option->nonpositional()) text += " " + option->get_name();
  }
  return text;
}

/// The words that a bug report must not show.
std::vector<std::string> typed_values(const CLI::App& app) {
  std::vector<std::string> values;
  // parse_order() has an option with many words once for each word, and so would give all words as often.
  for (const auto* command : app.get_subcommands())
    for (const auto* option : command->get_options())
      for (const auto& value : option->results()) values.push_back(value);
  return values;
}

/// For a word without a letter: an unset variable gives one, and a missing word often means all or the
/// newest.
std::string describe_empty_word(const CLI::Option& option) {
  const auto name = shown_name(option);
  const bool is_job = name.starts_with("ID") || name.starts_with("[ID]") || name == "NAME";
  const bool is_path = name.contains("SRC") || name.contains("DST");
  return fmt::format("{} is an empty word; is a variable not set?", is_job    ? "the job's name"
                                                                    : is_path ? "a path"
                                                                              : name);
}

/// A word that is empty, or was meant as a flag, but begins with another dash, or a command in other quotes
/// than the shell's; empty if there is none. Behind the first word of a command for the nodes, all words are
/// its own.
std::string find_wrong_word(const CLI::App& command, const Dispatch& dispatch) {
  if (dispatch.behind_dashes && !dispatch.behind_dashes->empty())
    if (auto wrong = describe_other_quote(dispatch.behind_dashes->front()); !wrong.empty()) return wrong;
  for (const auto* option : command.get_options()) {
    if (option->nonpositional() || option->count() == 0) continue;
    const auto words = option->results();
    const bool is_command = option->get_name() == "command";
    if (is_command)
      if (auto wrong = describe_other_quote(words.front()); !wrong.empty()) return wrong;
    if (!is_command && std::ranges::count(words, "") > 0) return describe_empty_word(*option);
    for (std::size_t i = 0; i < (is_command ? 1 : words.size()); ++i)
      if (auto wrong = describe_other_dash(words[i]); !wrong.empty()) return wrong;
  }
  return {};
}

/// The heading in the help of all commands that have none yet.
void head_new_commands(CLI::App& app, const char* heading) {
  // CLI11 gives this heading to all commands that have none.
  const auto is_new = [](const CLI::App* command) { return command->get_group() == "Subcommands"; };
  for (auto* command : app.get_subcommands(is_new)) command->group(heading);
}

/// The help of CLI11 without its words for programmers, and with lines that fit into a terminal.
class HelpFormatter : public CLI::Formatter {
 public:
  [[nodiscard]] std::string make_description(const CLI::App* app) const override {
    return app->get_description() + "\n";
  }

  /// A group of options: their own heading says what they have in common.
  [[nodiscard]] std::string make_expanded(const CLI::App* group) const override {
    return make_groups(group, CLI::AppFormatMode::Sub);
  }

  [[nodiscard]] std::string make_option_name(const CLI::Option* option, bool is_positional) const override {
    return is_positional ? shown_name(*option) : CLI::Formatter::make_option_name(option, is_positional);
  }

  [[nodiscard]] std::string make_option_usage(const CLI::Option* option) const override {
    const auto name = shown_name(*option);
    return option->get_required() || name.starts_with('[') ? name : "[" + name + "]";
  }

  [[nodiscard]] std::string make_option_opts(const CLI::Option* option) const override {
    std::string text;
    if (option->nonpositional() && option->get_type_size() != 0 && !option->get_type_name().empty())
      text += " " + option->get_type_name();
    if (!option->get_envname().empty()) text += " (" + option->get_envname() + ")";
    return text;
  }

  [[nodiscard]] std::string make_option_desc(const CLI::Option* option) const override {
    constexpr std::size_t kWidth = 78;  // of the column of descriptions
    std::string text;
    std::size_t column = 0;
    for (const auto word : words(option->get_description())) {
      const bool fits = column + 1 + word.size() <= kWidth;
      if (column > 0) text += fits ? ' ' : '\n';
      column = (fits ? column + 1 : 0) + word.size();
      text += word;
    }
    return text;
  }
};

/// Whether --json was typed. A command line that could not be read is searched for the word.
bool asks_for_json(const CLI::App& app, const std::vector<std::string>& words, bool is_read) {
  const auto place = place_of_command(app, words);
  if (!place) return false;
  const auto found =
      app.get_subcommands([&](const CLI::App* command) { return command->get_name() == words[*place]; });
  const auto* option = found.empty() ? nullptr : found.front()->get_option_no_throw("--json");
  if (option == nullptr) return false;
  if (is_read) return option->count() > 0;
  const auto end = std::find(words.begin(), words.end(), "--");
  return std::find(words.begin(), end, "--json") != end;
}

/// Commands that have no --json.
constexpr std::string_view kWithoutJson[] = {
    "login",        // its output is that of a program on the node
    "shell",        // the same, for each of its lines; exec has it
    "option-tree",  // prints JSON
};

/// Each command has --json: one that has no special document answers by its messages, and the fields that
/// it adds to answer_fields().
void add_json_to_all(CLI::App& app, bool& answers) {
  for (auto* command : app.get_subcommands({}))
    if (command->get_option_no_throw("--json") == nullptr &&
        std::ranges::count(kWithoutJson, command->get_name()) == 0)
      command->add_flag("--json", answers, "Exit code, messages and what was done, as one JSON document");
}

/// In the order of the help, with the heading of each group behind its commands.
void add_commands(CLI::App& app, Dispatch& dispatch) {
  add_init_command(app, dispatch);
  add_ips_command(app, dispatch);
  add_nodes_command(app, dispatch);
  head_new_commands(app, "The list");
  add_setup_command(app, dispatch);
  add_doctor_command(app, dispatch);
  add_bugreport_command(app, dispatch);
  add_net_command(app, dispatch);
  add_top_command(app, dispatch);
  add_login_command(app, dispatch);
  add_exec_commands(app, dispatch);
  add_shell_command(app, dispatch);
  add_push_command(app, dispatch);
  add_pull_command(app, dispatch);
  add_disconnect_command(app, dispatch);
  head_new_commands(app, "The nodes");
  add_run_command(app, dispatch);
  add_jobs_commands(app, dispatch);
  add_follow_commands(app, dispatch);
  add_report_command(app, dispatch);
  add_ps_commands(app, dispatch);
  add_profile_command(app, dispatch);
  add_stacks_command(app, dispatch);
  head_new_commands(app, "Jobs");
  add_up_command(app, dispatch);
  add_status_command(app, dispatch);
  add_start_stop_commands(app, dispatch);
  add_extend_command(app, dispatch);
  add_allow_command(app, dispatch);
  add_down_command(app, dispatch);
  add_iam_policy_command(app, dispatch);
  head_new_commands(app, "Instances (by the EC2 API)");
  add_option_tree_command(app, dispatch);
}

/// Sets `as_json` if standard output is to have a JSON document.
int parse_and_run(const World& world, const std::vector<std::string>& arguments, bool& as_json) {
  CLI::App app(kAbout, "ec2mpi");
  app.formatter(std::make_shared<HelpFormatter>());
  CommonOptions common{.world = &world};
  Dispatch dispatch;
  app.set_version_flag("-V,--version", describe_versions);
  add_common_options(app, common);
  add_commands(app, dispatch);
  bool answers = false;
  add_json_to_all(app, answers);
  read_brackets_whole(app);
  // Without a command, show_situation answers.
  app.require_subcommand(0, 1);
  dispatch.chosen = show_situation;
  // The common flags may stand behind the command's name, too.
  app.fallthrough();
  auto words = words_to_parse(app, arguments, dispatch);
  // Alone it asks where you stand; behind a command it is the command's.
  const bool alone = words == std::vector<std::string>{"--json"};
  if (alone) {
    words.clear();
    dispatch.chosen = show_situation_as_json;
  }
  const auto explained = explain_topics(app, arguments);
  if (!explained) return say(explained.error());
  if (!explained->empty()) {
    print_result(*explained);
    return exit_code::ok;
  }
  try {
    if (const auto wrong = describe_flag_in_front(app, words); !wrong.empty()) throw OtherWord(wrong);
    if (const auto place = place_of_command(app, words)) {
      if (const auto wrong = describe_other_dash(words[*place]); !wrong.empty()) throw OtherWord(wrong);
      if (const auto wrong = describe_other_word(app, words, *place); !wrong.empty()) throw OtherWord(wrong);
    }
    const auto place = place_of_command(app, words);
    const VariablesOfCommand only(app, place ? words[*place] : std::string());
    auto backwards = shield_brackets(words);  // as CLI11 reads a vector
    std::ranges::reverse(backwards);
    app.parse(std::move(backwards));
    as_json = alone || asks_for_json(app, words, true);
  } catch (const CLI::ParseError& wrong) {
    as_json = asks_for_json(app, words, false);
    const auto place = place_of_command(app, words);
    return say_usage(app, wrong, place ? words[*place] : std::string());
  }
  for (const auto* command : app.get_subcommands())
    if (const auto wrong = find_wrong_word(*command, dispatch); !wrong.empty())
      return say({ErrorKind::usage, wrong});
  common.typed = typed_names(app);
  common.typed_values = typed_values(app);
  for (const auto& line : describe_unknown_variables(app)) print_talk("ec2mpi: " + line + "\n");
  set_up_log(common.verbose);
  divert_results(answers);
  if (const auto most = raise_open_file_limit(); most < kLeastOpenFiles)
    return say({ErrorKind::usage, describe_open_files(most)});
  const auto code = dispatch.chosen(common);
  if (code) return *code;
  const auto& error = code.error();
  return say({error.kind, error.message + describe_variables(app, error.message)});
}

}  // namespace

CLI::App& add_command(CLI::App& app, const std::string& name, const std::string& description,
                      const std::string& example) {
  auto& command = *app.add_subcommand(name, description);
  command.footer("Example:\n  " + example);
  command.fallthrough();
  return command;
}

int run(const World& world, const std::vector<std::string>& arguments) {
  forget_notes();
  forget_answer();
  fill_standard_descriptors();
  note_inherited_descriptors();
  std::signal(SIGPIPE, SIG_IGN);  // a reader that leaves shows as EPIPE
  std::signal(SIGCHLD, SIG_DFL);  // an ignored one would lose the exit status of our children
  std::signal(SIGXFSZ, SIG_IGN);  // and a file that `ulimit -f` does not allow as EFBIG
  int code = exit_code::bug;
  bool as_json = false;
  try {
    code = parse_and_run(world, arguments, as_json);
  } catch (const std::system_error& error) {
    // The limit was enough for a few nodes and not for all: no bug of ours.
    if (error.code() == std::errc::too_many_files_open) {
      code = say({ErrorKind::usage, describe_open_files(raise_open_file_limit())});
    } else {
      code = say_bug(error);
    }
  } catch (const std::exception& bug) {
    code = say_bug(bug);
  }
  if (as_json) print_answer(code);
  return exit_code_with_losses(code);
}

}  // namespace ec2mpi::cli
