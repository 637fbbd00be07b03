#pragma once
/// The messages for a wrong command line.

#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
class Option;
class ParseError;
}  // namespace CLI

namespace ec2mpi::cli {

/// The word of `known` that is probably meant by `word`; empty if none is near.
[[nodiscard]] std::string nearest(std::string_view word, const std::vector<std::string>& known);

/// As the help and error messages show it: "--region", or "SRC... DST" and "COUNT" of one that has no dashes.
[[nodiscard]] std::string shown_name(const CLI::Option& option);

/// One line about a word such as "–w" or "——", which begins with another dash than the minus sign; empty for
/// others.
[[nodiscard]] std::string describe_other_dash(const std::string& word);

/// The same about a quote that is none for the shell, as in “a b”.
[[nodiscard]] std::string describe_other_quote(std::string_view word);

/// The words that start a program of this name on the nodes: python3 a.py, ./a for a file that is here.
[[nodiscard]] std::string program_words(const std::string& word);

/// The two lines of --version, of ec2mpi and of libssh.
[[nodiscard]] std::string describe_versions();

/// One line, without "ec2mpi: ", for a first word that is no command; `next` is the word behind it, or empty.
[[nodiscard]] std::string describe_unknown_command(const CLI::App& app, const std::string& word,
                                                   const std::string& next);

/// The same for a flag of a command that is in front of no command, as in `ec2mpi -w 1 uname`; empty if there
/// is none.
[[nodiscard]] std::string describe_flag_in_front(const CLI::App& app, const std::vector<std::string>& typed);

/// The same for words of other tools, and for unknown options that CLI11 would read as something else or
/// would not name; empty if there are none. typed[place] is the command.
[[nodiscard]] std::string describe_other_word(const CLI::App& app, const std::vector<std::string>& typed,
                                              std::size_t place);

/// One line, without "ec2mpi: ": the error and its remedy.
[[nodiscard]] std::string describe_usage_error(const CLI::App& app, const CLI::ParseError& wrong);

/// " (EC2MPI_NODES is '9')" for each variable in the place of a flag that a command's message is about; empty
/// if there is none.
[[nodiscard]] std::string describe_variables(const CLI::App& app, std::string_view message);

}  // namespace ec2mpi::cli
