#pragma once
/// Text in and out of the program: splitting, numbers, quoting, sizes. Pure; knows nothing of nodes.

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ec2mpi {

/// A digit of ASCII.
[[nodiscard]] constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// The letters of ASCII in lower case, whatever the locale is; everything else unchanged.
[[nodiscard]] constexpr char lower_case(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
[[nodiscard]] std::string lower_case(std::string_view text);

/// Without white space (space, tab, CR, LF) at both ends.
[[nodiscard]] std::string_view trim(std::string_view text);

/// The parts between separators, empty ones included; "" gives one empty part.
[[nodiscard]] std::vector<std::string_view> split(std::string_view text, char separator);

/// Calls `visit(line, number)` for each line between LFs; numbers start at 1.
template <class Visit>
void for_each_line(std::string_view text, Visit visit) {
  for (int number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    visit(text.substr(0, end), number);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
}

/// The words between runs of white space; none are empty.
[[nodiscard]] std::vector<std::string_view> words(std::string_view text);

/// Letters and digits of ASCII and `_`, not beginning with a digit: a name of a variable in a shell (POSIX),
/// and of a parameter of a job.
[[nodiscard]] bool is_identifier(std::string_view text);

/// "headPublic_ip" -> head, public, ip: the words of a name of a program, in lower case. Letters and digits
/// of ASCII count.
[[nodiscard]] std::vector<std::string> words_of_name(std::string_view name);

/// The text up to the first blank, and what stands behind that; all of it and nothing if there is none.
[[nodiscard]] std::pair<std::string_view, std::string_view> first_word(std::string_view line);

/// The items with the separator between them.
[[nodiscard]] std::string join(const std::vector<std::string>& items, std::string_view separator);

/// The whole text as a decimal number, or nothing: no sign, no blanks, no overflow.
[[nodiscard]] std::optional<std::uint64_t> parse_number(std::string_view text);

/// One word of a POSIX shell command line, whatever it holds. The only place where remote words are quoted.
[[nodiscard]] std::string quote_word(std::string_view word);

/// Quoted words with blanks between them.
[[nodiscard]] std::string quote_words(const std::vector<std::string>& words);

/// Lines of shell text that set variables: name='value'. They stand in front of a program to fill it in.
[[nodiscard]] std::string set_variables(
    std::initializer_list<std::pair<std::string_view, std::string_view>> values);

/// Text from a node or a file, safe for a terminal and on one line: control bytes and bytes that are no UTF-8
/// become \xNN, characters that change the direction or the line of a text \u{NNNN}.
[[nodiscard]] std::string printable(std::string_view text);

/// One line of a node's output as a terminal may show it: as printable() makes it, but tabs and colours (SGR
/// sequences) stay, and a colour ends with the line. A carriage return at its end is left out.
[[nodiscard]] std::string terminal_line(std::string_view line);

/// Whether there is a control character (below blank, or DEL) in the text.
[[nodiscard]] bool has_control_characters(std::string_view text);

/// Overwrites a secret, so that it does not stay in memory.
void wipe(std::string& secret);

/// "12.1 MB", "833 B": decimal units, as network people count.
[[nodiscard]] std::string format_bytes(std::uint64_t bytes);

/// "0.4 s", "3.4 s", "2 min 05 s", "3 h 10 min".
[[nodiscard]] std::string format_duration(std::chrono::nanoseconds duration);

/// The same for a time that is known in whole seconds only: "5 s".
[[nodiscard]] std::string format_seconds(std::chrono::seconds duration);

/// The seconds of "10", "0.5", "90s", "10m", "1h30m", "2 h", "1 day"; the larger unit comes first. Nothing
/// for other texts, also negative ones.
[[nodiscard]] std::optional<double> parse_seconds(std::string_view text);

/// "1 node", "3 nodes": for words whose plural only takes an s.
[[nodiscard]] std::string count_of(std::size_t count, std::string_view noun);

/// `count` lower-case hexadecimal digits from the kernel's random source; for names that must not collide.
[[nodiscard]] std::string random_hex(std::size_t count);

}  // namespace ec2mpi
