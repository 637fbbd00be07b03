#include "src/cluster/read/comments.hpp"

#include <algorithm>
#include <string>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cluster/values/address.hpp"
#include "ec2mpi/cluster/values/ec2_words.hpp"
#include "src/cluster/read/readers.hpp"

namespace ec2mpi {
namespace {

/// No row begins with these.
constexpr std::string_view kSigns[] = {";", "/*", "(*", "{-", "{#", "%{", "<!--", "<#", "--[[", "=begin"};
/// Only a line that names a machine is refused for these: any other one is no row, or its name begins so.
constexpr std::string_view kUnclearSigns[] = {"//", "%", "!", "@rem ", "rem ", "dnl "};

/// The two dashes of SQL. Those of an empty cell and of a rule begin no comment.
bool begins_with_dashes(std::string_view line) {
  const std::size_t end = line.find_first_not_of('-');
  return line.starts_with("--") && end != std::string_view::npos && !is_rule(line) &&
         !std::string_view("\t,;|").contains(line[end]);
}

/// The two colons of a batch file. "::1" is an address, and so is "::203.0.113.11", but of no machine.
bool begins_with_colons(std::string_view line) {
  return line.starts_with(":: ") || (line.starts_with("::") && is_ipv4(first_word(line.substr(2)).first));
}

/// The sign in a list with which a line begins, or nothing.
template <class Signs>
std::string_view sign_in(const Signs& signs, std::string_view line) {
  constexpr std::size_t kLongest = 8;
  const std::string start = lower_case(line.substr(0, kLongest));
  for (const std::string_view sign : signs) {
    if (start.starts_with(sign)) return trim(line.substr(0, sign.size()));
  }
  return {};
}

/// A sign with which no row begins; three quotes of Python are one if they stand alone.
std::string_view sure_sign(std::string_view line) {
  return line == "\"\"\"" || line == "'''" ? line : sign_in(kSigns, line);
}

std::string_view unclear_sign(std::string_view line) {
  const bool open_quote = line.front() == '\'' && std::ranges::count(line, '\'') % 2 == 1;
  if (open_quote) return line.substr(0, 1);
  if (begins_with_dashes(line) || begins_with_colons(line)) return line.substr(0, 2);
  return sign_in(kUnclearSigns, line);
}

/// True for an instance id, an address, or a name of EC2 that holds one.
bool names_machine(std::string_view line) {
  constexpr std::string_view kBetweenWords = " \t,;|\"'";
  for (std::size_t at = 0; at < line.size();) {
    const std::size_t end = std::min(line.find_first_of(kBetweenWords, at), line.size());
    const std::string_view word = line.substr(at, end - at);
    at = end + 1;
    if (is_instance_id(word)) return true;
    const auto host = parse_host_spec(word);
    if (host && is_numeric_address(host_in_one_spelling(host->host))) return true;
  }
  return false;
}

/// True if a line names columns with a `;` between them.
bool has_semicolon_header(std::string_view text) {
  constexpr std::size_t kEnough = 8192;
  auto table = split_table(text.substr(0, kEnough), Separator::semicolon);
  // The beginning may end within a quoted cell.
  if (!table) table = split_table(text, Separator::semicolon);
  const auto header = table ? find_header(*table) : std::nullopt;
  // Not a line that is a comment itself.
  return header && std::ranges::count_if(table->row(*header), [](auto cell) { return !cell.empty(); }) > 1;
}

}  // namespace

std::optional<Refusal> find_foreign_comment(std::string_view text) {
  std::optional<Refusal> found;
  std::optional<bool> cells;
  for_each_line(text, [&](std::string_view line, int number) {
    line = trim(line);
    // A row seldom begins with another sign than a letter or a digit.
    if (found || line.empty() || is_digit(line.front()) || line.front() == '#') return;
    std::string_view sign = sure_sign(line);
    if (sign.empty()) {
      sign = unclear_sign(line);
      if (sign.empty() || !names_machine(line.substr(sign.size()))) return;
    }
    if (sign == ";" && !cells) cells = has_semicolon_header(text);
    if (sign != ";" || !*cells) found = Refusal{number, fmt::format(kForeignComment, in_quotes(sign))};
  });
  return found;
}

}  // namespace ec2mpi
