#include "src/cli/command_line.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <CLI/CLI.hpp>
#include <memory>
#include <sstream>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cli/session/bracket_words.hpp"
#include "ec2mpi/cli/session/help_topics.hpp"
#include "ec2mpi/cli/session/situation.hpp"
#include "ec2mpi/cli/session/usage.hpp"
#include "ec2mpi/cli/session/variables.hpp"
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
  const bool unknown = app.get_subcommands().empty() && !command.empty();
  if (wrong.get_exit_code() == 0 && !unknown) {  // --help, --version
    std::ostringstream text;
    const int code = app.exit(wrong, text, text);
    print_result(text.str());
    return code;
  }
  const bool is_ours = dynamic_cast<const OtherWord*>(&wrong) != nullptr;
  const auto said = is_ours   ? wrong.what()
                    : unknown ? describe_unknown_command(app, command, {})
                              : describe_usage_error(app, wrong);
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
  const auto name = option.nonpositional() ? "the value of " + option.get_name() : shown_name(option);
  const bool is_job = name.starts_with("ID") || name.starts_with("[ID]") || name == "NAME";
  const bool is_path = name.contains("SRC") || name.contains("DST");
  return fmt::format("{} is an empty word; is a variable not set?", is_job    ? "the job's name"
                                                                    : is_path ? "a path"
                                                                              : name);
}

/// A word or an option's value that is empty, or a word that was meant as a flag, but begins with another
/// dash, or a command in other quotes than the shell's; empty if there is none. Behind the first word of a
/// command for the nodes, all words are its own.
std::string find_wrong_word(const CLI::App& command, const Dispatch& dispatch) {
  // CLI11 keeps a group of options as a nameless command.
  for (const auto* group :
       command.get_subcommands([](const CLI::App* each) { return each->get_name().empty(); }))
    if (auto wrong = find_wrong_word(*group, dispatch); !wrong.empty()) return wrong;
  if (dispatch.behind_dashes && !dispatch.behind_dashes->empty())
    if (auto wrong = describe_other_quote(dispatch.behind_dashes->front()); !wrong.empty()) return wrong;
  for (const auto* option : command.get_options()) {
    if (option->count() == 0) continue;
    const auto words = option->results();
    if (option->nonpositional()) {
      if (std::ranges::count(words, "") > 0) return describe_empty_word(*option);
      continue;
    }
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

constexpr const char* kList = "The list";
constexpr const char* kNodes = "The nodes";
constexpr const char* kJobs = "Jobs";
constexpr const char* kInstances = "Instances (by the EC2 API)";

/// In the order of the help.
const CommandGroup kCommands[] = {
    {kList, {"init"}, add_init_command},
    {kList, {"ips"}, add_ips_command},
    {kList, {"nodes"}, add_nodes_command},
    {kNodes, {"setup"}, add_setup_command},
    {kNodes, {"doctor"}, add_doctor_command},
    {kNodes, {"bugreport"}, add_bugreport_command},
    {kNodes, {"net"}, add_net_command},
    {kNodes, {"top"}, add_top_command},
    {kNodes, {"login"}, add_login_command},
    {kNodes, {"exec", "exec-all"}, add_exec_commands},
    {kNodes, {"shell"}, add_shell_command},
    {kNodes, {"push"}, add_push_command},
    {kNodes, {"pull"}, add_pull_command},
    {kNodes, {"disconnect"}, add_disconnect_command},
    {kJobs, {"run"}, add_run_command},
    {kJobs, {"jobs", "signal", "rm"}, add_jobs_commands},
    {kJobs, {"attach", "logs", "wait", "cancel"}, add_follow_commands},
    {kJobs, {"report"}, add_report_command},
    {kJobs, {"ps", "kill"}, add_ps_commands},
    {kJobs, {"profile"}, add_profile_command},
    {kJobs, {"stacks"}, add_stacks_command},
    {kInstances, {"up"}, add_up_command},
    {kInstances, {"status"}, add_status_command},
    {kInstances, {"start", "stop"}, add_start_stop_commands},
    {kInstances, {"extend"}, add_extend_command},
    {kInstances, {"allow"}, add_allow_command},
    {kInstances, {"down"}, add_down_command},
    {kInstances, {"iam-policy"}, add_iam_policy_command},
    {nullptr, {"option-tree"}, add_option_tree_command},
};

}  // namespace

CLI::App& add_command(CLI::App& app, const std::string& name, const std::string& description,
                      const std::string& example) {
  auto& command = *app.add_subcommand(name, description);
  command.footer("Example:\n  " + example);
  command.fallthrough();
  return command;
}

void when_typed(CLI::App& command, std::function<void()> action) {
  command.callback(std::move(action));
}

const CommandGroup* group_of_first(const std::vector<std::string>& arguments) {
  for (const auto& group : kCommands) {
    const bool shows_all = group.heading == nullptr;
    if (!arguments.empty() && !shows_all && std::ranges::count(group.names, arguments.front()) > 0)
      return &group;
  }
  return nullptr;
}

CommandLine::CommandLine(const World& world, const CommandGroup* only)
    : app_(kAbout, "ec2mpi"), common_{.world = &world} {
  app_.formatter(std::make_shared<HelpFormatter>());
  app_.set_version_flag("-V,--version", describe_versions);
  add_common_options(app_, common_);
  for (const auto& group : kCommands) {
    if (only != nullptr && &group != only) continue;
    group.add(app_, dispatch_);
    if (group.heading != nullptr) head_new_commands(app_, group.heading);
  }
  add_json_to_all(app_, answers_);
  read_brackets_whole(app_);
  // Without a command, show_situation answers.
  app_.require_subcommand(0, 1);
  dispatch_.chosen = show_situation;
  // The common flags may stand behind the command's name, too.
  app_.fallthrough();
}

/// Errors: CLI::ParseError, which also stands for --help and --version.
void CommandLine::parse(const std::vector<std::string>& words) {
  if (const auto wrong = describe_flag_in_front(app_, words); !wrong.empty()) throw OtherWord(wrong);
  const auto place = place_of_command(app_, words);
  if (place) {
    if (const auto wrong = describe_other_dash(words[*place]); !wrong.empty()) throw OtherWord(wrong);
    if (const auto wrong = describe_other_word(app_, words, *place); !wrong.empty()) throw OtherWord(wrong);
  }
  const VariablesOfCommand only(app_, place ? words[*place] : std::string());
  auto backwards = shield_brackets(words);  // as CLI11 reads a vector
  std::ranges::reverse(backwards);
  app_.parse(std::move(backwards));
  as_json_ = asks_for_json(app_, words, true);
  for (const auto* command : app_.get_subcommands())
    if (const auto wrong = find_wrong_word(*command, dispatch_); !wrong.empty()) throw OtherWord(wrong);
}

bool CommandLine::reads(const std::vector<std::string>& arguments) {
  try {
    parse(words_to_parse(app_, arguments, dispatch_));
    return describe_unknown_variables(app_).empty();
  } catch (const CLI::ParseError&) {
    return false;
  }
}

std::optional<int> CommandLine::read(const std::vector<std::string>& arguments) {
  auto words = words_to_parse(app_, arguments, dispatch_);
  // Alone it asks where you stand; behind a command it is the command's.
  const bool alone = words == std::vector<std::string>{"--json"};
  if (alone) {
    words.clear();
    dispatch_.chosen = show_situation_as_json;
  }
  try {
    const auto explained = explain_topics(app_, arguments);
    if (!explained) throw OtherWord(explained.error().message);
    if (!explained->empty()) {
      print_result(*explained);
      return exit_code::ok;
    }
    parse(words);
  } catch (const CLI::ParseError& wrong) {
    as_json_ = asks_for_json(app_, words, false);
    const auto place = place_of_command(app_, words);
    return say_usage(app_, wrong, place ? words[*place] : std::string());
  }
  as_json_ = as_json_ || alone;
  for (const auto& line : describe_unknown_variables(app_)) print_talk("ec2mpi: " + line + "\n");
  return std::nullopt;
}

Result<int> CommandLine::run() {
  common_.typed = typed_names(app_);
  common_.typed_values = typed_values(app_);
  auto code = dispatch_.chosen(common_);
  if (!code) code.error().message += describe_variables(app_, code.error().message);
  return code;
}

}  // namespace ec2mpi::cli
