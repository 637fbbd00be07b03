#include "ec2mpi/base/pattern.hpp"

#include <algorithm>
#include <optional>

#include "ec2mpi/base/text.hpp"

namespace ec2mpi {
namespace {

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || is_digit(c) || c == '_' || c == '-' || c == '.';
}

/// How many of the signs at the start of `text` a mark of a pattern takes; nothing if it does not fit.
std::optional<std::size_t> length_of_mark(char mark, std::string_view text) {
  const auto run = [&](auto test) {
    return static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), test) - text.begin());
  };
  const std::size_t blanks = run([](char c) { return c == ' ' || c == '\t'; });
  const bool digit = !text.empty() && is_digit(text.front());
  std::size_t length = !text.empty() && text.front() == mark ? 1 : 0;
  if (mark == '~') return blanks;
  if (mark == '$') return text.empty() || text.front() == '\n' ? std::optional<std::size_t>(0) : std::nullopt;
  if (mark == ' ') length = blanks;
  if (mark == '%') length = digit ? 0 : run(is_name_character);
  if (mark == '#') length = digit ? run([](char c) { return is_digit(c) || c == ',' || c == '-'; }) : 0;
  if (mark == '&') length = run([](char c) { return c != ' ' && c != '\t' && c != '\n'; });
  return length > 0 ? std::optional(length) : std::nullopt;
}

}  // namespace

bool begins_as(std::string_view text, std::string_view pattern) {
  for (; !pattern.empty(); pattern.remove_prefix(1)) {
    if (pattern.front() == '*') {
      // Any text: each place where the next literal stands is tried.
      pattern.remove_prefix(1);
      const std::string_view next = pattern.substr(0, pattern.find_first_of("%#&~$ *"));
      for (std::size_t at = text.find(next); at < text.size(); at = text.find(next, at + 1)) {
        if (begins_as(text.substr(at), pattern)) return true;
      }
      return false;
    }
    const auto length = length_of_mark(pattern.front(), text);
    if (!length) return false;
    text.remove_prefix(*length);
  }
  return true;
}

}  // namespace ec2mpi
