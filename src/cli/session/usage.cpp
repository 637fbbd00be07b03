#include "ec2mpi/cli/session/usage.hpp"

#include <fmt/format.h>
#include <unistd.h>
#include <algorithm>
#include <cctype>
#include <CLI/CLI.hpp>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <numeric>
#include <optional>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cli/session/bracket_words.hpp"
#include "ec2mpi/cluster/values/lookalike.hpp"
#include "ec2mpi/ssh/libssh/version.hpp"
#include "src/cli/session/other_words.hpp"

namespace ec2mpi::cli {

namespace {

/// How many letters have to be added, taken away or replaced, or neighbours swapped (the distance of optimal
/// string alignment).
std::size_t distance(std::string_view a, std::string_view b) {
  // Three rows of the table are enough: a swap looks back by two.
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  auto above = row;
  auto next = row;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    next[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const auto replaced = row[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      next[j] = std::min({row[j] + 1, next[j - 1] + 1, replaced});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) next[j] = std::min(next[j], above[j - 2] + 1);
    }
    std::swap(above, row);
    std::swap(row, next);
  }
  return row.back();
}

/// Also those that are hidden in the help.
std::vector<std::string> commands_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const auto* command : app.get_subcommands({})) names.push_back(command->get_name());
  return names;
}

void add_options(const CLI::App& app, std::vector<std::string>& names) {
  for (const auto* option : app.get_options()) {
    // CLI11 keeps the names without their dashes.
    for (const auto& name : option->get_lnames()) names.push_back("--" + name);
    for (const auto& name : option->get_snames()) names.push_back("-" + name);
  }
}

/// The options that may stand behind a command: its own, those of its groups (which CLI11 keeps as
/// nameless sub-commands), and everybody's.
std::vector<std::string> options_of(const CLI::App& command) {
  std::vector<std::string> names;
  add_options(command, names);
  const auto is_group = [](const CLI::App* each) { return each->get_name().empty(); };
  for (const auto* group : command.get_subcommands(is_group)) add_options(*group, names);
  if (const auto* parent = command.get_parent()) add_options(*parent, names);
  return names;
}

/// `next` is the word behind it, or empty.
std::string known_elsewhere(std::string word, const std::string& next) {
  const auto program = program_words(word);
  const bool is_program =
      program != quote_word(word) && (word.ends_with(".py") || ::access(word.c_str(), X_OK) == 0);
  // The tutorial's scripts were typed so.
  if (word.starts_with("./")) word.erase(0, 2);
  if (word.ends_with(".sh")) word.erase(word.size() - 3);
  // The tutorial's scripts have such names.
  if ((word.starts_with("run_") || word.starts_with("run-")) && word.size() > 4)
    return "ec2mpi run " + printable(quote_word(word.substr(4)));
  const bool is_shell = word == "sh" || word == "bash" || word == "ksh";
  if (is_shell && !next.empty()) return known_elsewhere(next, {});
  std::ranges::transform(word, word.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  auto ours = ours_for(word, next);
  if (ours.empty()) ours = ours_for("-", word);
  if (ours.empty() && is_program) return "ec2mpi run -- " + printable(program);
  return ours.empty() ? std::string() : "ec2mpi " + std::string(ours);
}

/// The same for an option, typed with one dash or two.
std::string known_option_elsewhere(const CLI::App& chosen, std::string_view option,
                                   const std::string& called) {
  const auto dashes = option.find_first_not_of('-');
  if (dashes == std::string_view::npos) return {};
  const auto name = option.substr(dashes, option.find('=') - dashes);
  // "--a" is no "-a".
  if (name.size() == 1 && dashes != 1) return {};
  std::string ours(ours_for(chosen.get_name(), name));
  if (const auto at = ours.find("{}"); at != std::string::npos) ours.replace(at, 2, called);
  return ours;
}

/// Empty if nothing is near enough.
std::string did_you_mean(const std::string& meant) {
  return meant.empty() ? std::string() : fmt::format("did you mean {}? ", meant);
}

/// The sign that the word begins with, if it only looks like this one.
std::string_view first_sign(std::string_view word, char plain) {
  const auto found = find_lookalike(word);
  const bool is_first = found && word.starts_with(found->sign) && found->plain == plain;
  return is_first ? found->sign : std::string_view();
}

/// How many of the next words are values of the option; nothing if it is none of ours. A letter for the help
/// or the version stands alone: within a longer word it is another tool's.
std::optional<std::size_t> read_option(const CLI::App& chosen, const std::string& word) {
  const auto values_of = [&](const std::string& name) -> std::optional<std::size_t> {
    const auto* option = chosen.get_option_no_throw(name);
    if (option == nullptr) option = chosen.get_parent()->get_option_no_throw(name);
    if (option == nullptr) return std::nullopt;
    return static_cast<std::size_t>(option->get_items_expected_min());
  };
  if (word.starts_with("--")) {
    const auto values = values_of(word.substr(0, word.find('=')));
    return values && word.find('=') != std::string::npos ? 0 : values;
  }
  for (std::size_t at = 1; at < word.size(); ++at) {
    const auto values = values_of({'-', word[at]});
    const bool is_last = at + 1 == word.size();
    if (!values || (word.size() > 2 && (word[at] == 'h' || word[at] == 'V'))) return std::nullopt;
    if (*values > 0) return is_last ? *values : 0;
  }
  return 0;
}

/// Slurm's --nodes=2, which ours would read as node2.
bool is_number_of_nodes(const std::vector<std::string>& typed, std::size_t at) {
  constexpr std::string_view kNodes = "--nodes";
  if (typed[at] == kNodes) return at + 1 < typed.size() && parse_number(typed[at + 1]);
  return typed[at].starts_with("--nodes=") &&
         parse_number(std::string_view(typed[at]).substr(kNodes.size() + 1));
}

/// `login -t 4`: -t forces a terminal in ssh and is a time here, so a node's number behind it would be lost.
std::string describe_terminal_of_ssh(const CLI::App& login, const std::vector<std::string>& typed,
                                     std::size_t place) {
  std::string number;
  for (auto at = place + 1; at < typed.size(); ++at) {
    const auto& word = typed[at];
    if (!word.starts_with('-')) return {};  // NODE
    if (word.starts_with("-t"))
      number = word.size() > 2 ? word.substr(2) : at + 1 < typed.size() ? typed[at + 1] : std::string();
    at += read_option(login, word).value_or(0);
  }
  if (!parse_number(number)) return {};
  return fmt::format(
      "-t {0} is a time, and no node is named; a terminal on node{0}: ec2mpi login --tty {0}; the time for "
      "the connection: --connect-timeout {0}",
      number);
}

/// Of an error that begins with an option of ours: what its letter means elsewhere, and ours for that.
std::string letter_elsewhere(const CLI::App& chosen, const std::string& said, const std::string& called) {
  const auto* option = chosen.get_option_no_throw(said.substr(0, said.find_first_of(" :")));
  if (option == nullptr || option->get_snames().empty()) return {};
  const auto letter = "-" + option->get_snames().front();
  const auto ours = known_option_elsewhere(chosen, letter, called);
  return ours.empty() ? ours : fmt::format("if another tool's {} is meant: {}", letter, ours);
}

/// First the option's meaning in other tools, then a place where it would be right, then the nearest name.
std::string describe_unknown_option(const CLI::App& chosen, const std::string& word,
                                    const std::string& called) {
  const auto shown = printable(word.substr(0, word.find('=')));
  if (const auto ours = known_option_elsewhere(chosen, word, called); !ours.empty())
    return fmt::format("{} has no option {}; instead: {}", called, shown, ours);
  auto options = options_of(chosen);
  if (std::find(options.begin(), options.end(), word.substr(0, word.find('='))) != options.end())
    return fmt::format("{0} stands behind the command: {1} {0} ...", printable(word), called);
  std::erase_if(options,
                [](const auto& name) { return !name.starts_with("--"); });  // a letter is near to any other
  return fmt::format("{} has no option {}; {}see {} --help", called, printable(word),
                     did_you_mean(nearest(word, options)), called);
}

/// The word that CLI11 could not place: an option that does not exist, or a word too many.
std::string describe_extra(const CLI::App& app, const CLI::App& chosen, const std::string& called) {
  const auto extras = app.remaining(true);
  if (extras.empty()) return fmt::format("there are too many words; see {} --help", called);
  const auto word = without_shield(extras.front());
  if (auto wrong = describe_other_dash(word); !wrong.empty()) return wrong;
  if (!word.starts_with('-') && chosen.get_name() == "login")
    return fmt::format("a command stands behind --: {} NODE -- {}", called, quote_word(printable(word)));
  if (chosen.get_name() == "login" && word.size() > 1 && std::strchr("YNWKfg", word[1]) != nullptr)
    return fmt::format(
        "ec2mpi login has no {0}, ssh has: ssh -F \"$(ec2mpi nodes --ssh-config)\" {0} ... node1",
        printable(word.substr(0, 2)));
  if (word.starts_with("-w") && chosen.get_name() == "login")
    return fmt::format("login goes to one node, which needs no -w: {} 2", called);
  if (!word.starts_with('-') && (chosen.get_name() == "stop" || chosen.get_name() == "kill"))
    return fmt::format("'{0}' is a word too many; if it is a job: ec2mpi cancel {0}", printable(word));
  if (!word.starts_with('-'))
    return fmt::format("'{}' is a word too many; see {} --help", printable(word), called);
  return describe_unknown_option(chosen, word, called);
}

/// CLI11 puts the names of options between words of its own; empty for an error that has other words.
std::string describe_options(const CLI::App& command, const CLI::ParseError& wrong) {
  const std::string said = wrong.what();
  // The last word is a name too, where the error is about two options.
  const auto first = command.get_option_no_throw(said.substr(0, said.find_first_of(" :")));
  const auto second = command.get_option_no_throw(said.substr(said.rfind(' ') + 1));
  if (first == nullptr) return {};
  if (dynamic_cast<const CLI::RequiredError*>(&wrong) != nullptr)
    return fmt::format("{} is missing", shown_name(*first));
  if (dynamic_cast<const CLI::ExcludesError*>(&wrong) != nullptr && second != nullptr)
    return fmt::format("{} and {} do not go together", shown_name(*first), shown_name(*second));
  if (dynamic_cast<const CLI::RequiresError*>(&wrong) != nullptr && second != nullptr)
    return fmt::format("{} goes with {} only", shown_name(*first), shown_name(*second));
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&wrong) != nullptr && said.ends_with(" missing"))
    return fmt::format("{} needs {}", shown_name(*first), first->get_type_name());
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&wrong) != nullptr && first->count() > 1)
    return fmt::format("{} is given {} times", shown_name(*first), first->count());
  return {};
}

/// Whether an option has its value from its variable. CLI11 keeps the options that were typed in parse_order.
bool comes_from_variable(const CLI::App& app, const CLI::Option& option) {
  const auto& variable = option.get_envname();
  if (variable.empty()) return false;
  if (const char* value = std::getenv(variable.c_str()); value == nullptr || *value == '\0') return false;
  const auto typed = [&option](const CLI::App& command) {
    return std::ranges::count(command.parse_order(), &option) > 0;
  };
  return !typed(app) && std::ranges::none_of(app.get_subcommands(), [&](auto* each) { return typed(*each); });
}

/// "--retries: not 'q'" of CLI11's "Could not convert: --retries = q"; other errors as they are.
std::string without_conversion(const std::string& said) {
  constexpr std::string_view kNotConverted = "Could not convert: ";
  const auto equals = said.find(" = ");
  if (!said.starts_with(kNotConverted) || equals == std::string::npos) return said;
  return fmt::format("{}: not '{}'", said.substr(kNotConverted.size(), equals - kNotConverted.size()),
                     said.substr(equals + 3));
}

/// The option that an error begins with; nullptr if there is none.
const CLI::Option* blamed_option(const CLI::App& app, const CLI::App& chosen, const std::string& said) {
  const auto name = said.substr(0, said.find_first_of(" :"));
  const auto* option = chosen.get_option_no_throw(name);
  return option != nullptr ? option : app.get_option_no_throw(name);
}

/// Whether a message names the value as what the user gave: in quotes, or as the file or the node of an
/// error, which stands before a colon. A file's name may stand anywhere. Any other word may be there by
/// chance.
bool names_value(std::string_view message, std::string_view value, bool is_file) {
  for (auto at = message.find(value); at != std::string_view::npos; at = message.find(value, at + 1)) {
    const char before = at == 0 ? ' ' : message[at - 1];
    const auto rest = message.substr(at + value.size());
    if (before == '\'' && rest.starts_with('\'')) return true;
    if (before == ' ' && rest.starts_with(':')) return true;
    const bool is_path = is_file && value.find_first_of("./") != std::string_view::npos;
    if (is_path && (before == ' ' || before == '/') && (rest.empty() || rest.front() == ' ')) return true;
  }
  return false;
}

/// Whether `word` stands in the text, and is not a part of a longer word.
bool has_word(std::string_view text, std::string_view word) {
  const auto is_part = [&](std::size_t at) {
    return at < text.size() && (std::isalnum(static_cast<unsigned char>(text[at])) != 0 || text[at] == '-');
  };
  for (auto at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1))
    if ((at == 0 || !is_part(at - 1)) && !is_part(at + word.size())) return true;
  return false;
}

}  // namespace

std::string nearest(std::string_view word, const std::vector<std::string>& known) {
  // The distance costs time with the product of the lengths.
  if (word.size() > 64) return {};
  const auto nearer = [word](const std::string& a, const std::string& b) {
    return distance(word, a) < distance(word, b);
  };
  const auto best = std::min_element(known.begin(), known.end(), nearer);
  // Within a short word, two changes reach nearly every other one.
  const auto most = word.size() < 4 ? std::size_t{1} : std::size_t{2};
  return best != known.end() && distance(word, *best) <= most ? *best : std::string();
}

std::string shown_name(const CLI::Option& option) {
  const auto name = option.get_name();
  // A name in capitals is for people already; the type of such an option would be a word of CLI11.
  const bool is_code = !option.nonpositional() && std::islower(static_cast<unsigned char>(name.front())) != 0;
  return is_code ? option.get_type_name() : name;
}

std::string describe_other_dash(const std::string& word) {
  auto rest = std::string_view(word);
  while (const auto length = first_sign(rest, '-').size()) rest.remove_prefix(length);
  if (rest.size() == word.size()) return {};
  if (rest.empty()) return fmt::format("'{}' is not two minus signs; type --", word);
  const bool is_long = rest.size() > 1 && std::isalpha(static_cast<unsigned char>(rest[1])) != 0;
  return fmt::format("'{}' does not begin with the minus sign; type {}{}", printable(word),
                     is_long ? "--" : "-", printable(rest));
}

std::string describe_other_quote(std::string_view word) {
  for (const char quote : {'\'', '"'})
    if (const auto sign = first_sign(word, quote); !sign.empty())
      return fmt::format("'{}' is no quote for the shell; type {}", sign, quote);
  return {};
}

std::string describe_versions() {
  return "ec2mpi " EC2MPI_VERSION "\n" + ssh::describe_libssh();
}

std::string describe_unknown_command(const CLI::App& app, const std::string& word, const std::string& next) {
  auto meant = known_elsewhere(word, next);
  if (meant.empty()) {
    auto commands = commands_of(app);
    commands.emplace_back("help");
    meant = nearest(word, commands);
    // A slip of the fingers must neither end instances nor start some.
    if (meant == "stop" || meant == "down" || meant == "start") meant.clear();
  }
  return fmt::format("'{}' is not a command; {}ec2mpi --help lists them", printable(word),
                     did_you_mean(meant));
}

std::string program_words(const std::string& word) {
  std::error_code ignored;
  if (word.ends_with(".py")) return "python3 " + quote_word(word);
  const bool is_here = word.find('/') == word.npos && std::filesystem::is_regular_file(word, ignored);
  return (is_here ? "./" : "") + quote_word(word);
}

std::string describe_flag_in_front(const CLI::App& app, const std::vector<std::string>& typed) {
  const auto is_command = [&app](const std::string& word) {
    return !app.get_subcommands([&](const CLI::App* each) { return each->get_name() == word; }).empty();
  };
  if (typed.empty() || !typed[0].starts_with('-') || std::ranges::any_of(typed, is_command)) return {};
  const auto& word = typed[0];
  const auto name = word.substr(0, word.starts_with("--") ? word.find('=') : 2);
  if (app.get_option_no_throw(name) != nullptr) return {};
  // mpirun and srun take their numbers by -n; the flags of pdsh and clush are those of exec.
  const std::string command = name == "-n" || name == "--np" ? "run" : "exec";
  const auto& chosen =
      *app.get_subcommands([&](const CLI::App* each) { return each->get_name() == command; }).front();
  const auto options = options_of(chosen);
  if (std::ranges::count(options, name) > 0)
    return fmt::format("{0} stands behind the command: ec2mpi {1} {0} ...", name, command);
  const auto ours = known_option_elsewhere(chosen, word, "ec2mpi " + command);
  return ours.empty() ? ours : fmt::format("ec2mpi has no option {}; instead: {}", printable(word), ours);
}

std::string describe_other_word(const CLI::App& app, const std::vector<std::string>& typed,
                                std::size_t place) {
  const auto is_called = [&](const CLI::App* command) { return command->get_name() == typed[place]; };
  const auto commands = app.get_subcommands(is_called);
  if (commands.empty()) {
    const auto next = place + 1 < typed.size() ? typed[place + 1] : std::string();
    // Behind a flag it may be the flag's value.
    const bool is_known = place == 0 && !known_elsewhere(typed[place], next).empty();
    return is_known ? describe_unknown_command(app, typed[place], next) : std::string();
  }
  const auto& chosen = *commands.front();
  const auto called = "ec2mpi " + chosen.get_name();
  if (chosen.get_name() == "login")
    if (auto wrong = describe_terminal_of_ssh(chosen, typed, place); !wrong.empty()) return wrong;
  for (auto at = place + 1; at < typed.size() && typed[at] != "--" && typed[at] != "--help"; ++at) {
    const auto& word = typed[at];
    if (word.size() < 2 || word.front() != '-') {
      if (chosen.get_positionals_at_end()) break;  // a command for the nodes, with its own options
      continue;
    }
    const bool has_next = at + 1 < typed.size() && !typed[at + 1].starts_with('-');
    const auto read = read_option(chosen, word);
    // CLI11 would read -ppn as -p pn, and -host as -h.
    const bool is_long = word.size() > 2 && word != "-help";
    const bool may_be_theirs = !read || (is_long && !word.starts_with("--")) || (word == "-h" && has_next);
    if (read && word.size() > 2 && word[2] == '=' && word[1] != '-')
      return fmt::format("{0} has its value behind a blank: {0} {1}", word.substr(0, 2),
                         printable(quote_word(word.substr(3))));
    const bool is_theirs = may_be_theirs && !known_option_elsewhere(chosen, word, called).empty();
    if (is_theirs || (!read && is_long && (word.starts_with("--") || word.find_first_of("hV") != word.npos)))
      return describe_unknown_option(chosen, word, called);
    if (chosen.get_name() == "run" && is_number_of_nodes(typed, at))
      return "--nodes names nodes, and is no number of them: -w 1-2 for the first two, -w 2 for node2 alone";
    at += read.value_or(0);
  }
  return {};
}

std::string describe_usage_error(const CLI::App& app, const CLI::ParseError& wrong) {
  const auto subcommands = app.get_subcommands();
  const auto& chosen = subcommands.empty() ? app : *subcommands.front();
  const auto called = subcommands.empty() ? "ec2mpi" : "ec2mpi " + chosen.get_name();
  if (dynamic_cast<const CLI::ExtrasError*>(&wrong) != nullptr) return describe_extra(app, chosen, called);
  const auto words = describe_options(chosen, wrong);
  auto said = words.empty() ? without_conversion(printable(wrong.what())) : words;
  const auto* option = blamed_option(app, chosen, said);
  if (option == nullptr || !comes_from_variable(app, *option)) {
    if (const auto meant = letter_elsewhere(chosen, said, called); !meant.empty())
      return fmt::format("{}; {}", said, meant);
    if (const auto sign = describe_lookalike(said); !sign.empty()) return fmt::format("{}; {}", said, sign);
    return fmt::format("{}; see {} --help", said, called);
  }
  const auto& variable = option->get_envname();
  // A flag is the only option that takes no word, and CLI11 has words of its own about it.
  if (option->get_items_expected_max() == 0)
    said = fmt::format("{}: 1 or 0, not '{}'", variable, printable(std::getenv(variable.c_str())));
  else
    said.replace(0, said.find_first_of(" :"), variable);
  return fmt::format("{}; it stands for {} of {}", said, shown_name(*option), called);
}

std::string describe_variables(const CLI::App& app, std::string_view message) {
  std::string text;
  for (const auto* command : app.get_subcommands())
    for (const auto* option : command->get_options()) {
      if (!comes_from_variable(app, *option)) continue;
      const std::string value = std::getenv(option->get_envname().c_str());
      const auto names = option->get_lnames();
      const bool named =
          std::ranges::any_of(names, [&](const auto& name) { return has_word(message, "--" + name); });
      // A number that is right as the value of an option may stand in any message; only nodes are named by
      // it.
      const bool quoted = names_value(message, value, option->get_type_name() == "FILE") &&
                          (!parse_number(value) || option->get_name() == "--nodes");
      if (named || quoted) text += fmt::format(" ({} is '{}')", option->get_envname(), printable(value));
    }
  return text;
}

}  // namespace ec2mpi::cli
