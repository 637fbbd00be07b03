#include "src/cluster/read/unsupported_formats.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cluster/values/ec2_words.hpp"
#include "src/cluster/read/column_names.hpp"
#include "src/cluster/read/json_record.hpp"
#include "src/cluster/read/lines.hpp"

namespace ec2mpi {
namespace {

#include "src/cluster/read/unsupported_advice.inc"

enum class Of { text, json };

struct UnsupportedFormat {
  Of of;
  std::string_view sign;
  std::string_view format;
  std::string_view advice;

  [[nodiscard]] std::string message() const { return fmt::format("{}; {}", format, advice); }
};

constexpr UnsupportedFormat kUnsupportedFormats[] = {
#include "src/cluster/read/unsupported_formats.inc"
};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || is_digit(c) || c == '_' || c == '-' || c == '.';
}

/// How many of the signs at the start of `text` a mark of a pattern takes; nothing if it does not fit.
/// unsupported_formats.inc describes the marks; any other sign takes itself.
std::optional<std::size_t> length_of_mark(char mark, std::string_view text) {
  const auto run = [&](auto test) {
    return static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), test) - text.begin());
  };
  const std::size_t blanks = run([](char c) { return c == ' ' || c == '\t'; });
  const bool digit = !text.empty() && is_digit(text.front());
  std::size_t length = 0;
  switch (mark) {
    case '~':
      return blanks;
    case '$':
      return text.empty() || text.front() == '\n' ? std::optional<std::size_t>(0) : std::nullopt;
    case ' ':
      length = blanks;
      break;
    case '%':
      length = digit ? 0 : run(is_name_character);
      break;
    case '#':
      length = digit ? run([](char c) { return is_digit(c) || c == ',' || c == '-'; }) : 0;
      break;
    case '&':
      length = run([](char c) { return c != ' ' && c != '\t' && c != '\n'; });
      break;
    default:
      length = !text.empty() && text.front() == mark ? 1 : 0;
  }
  return length > 0 ? std::optional(length) : std::nullopt;
}

/// True if `text` begins as the pattern says.
bool fits(std::string_view text, std::string_view pattern) {
  for (; !pattern.empty(); pattern.remove_prefix(1)) {
    if (pattern.front() == '*') {
      // Any text: each place where the next literal stands is tried.
      pattern.remove_prefix(1);
      const std::string_view next = pattern.substr(0, pattern.find_first_of("%#&~$ *"));
      for (std::size_t at = text.find(next); at < text.size(); at = text.find(next, at + 1)) {
        if (fits(text.substr(at), pattern)) return true;
      }
      return false;
    }
    const auto length = length_of_mark(pattern.front(), text);
    if (!length) return false;
    text.remove_prefix(*length);
  }
  return true;
}

/// The first lines that are neither blank nor comments, trimmed and in lower case, each after a line break.
std::string first_lines(std::string_view text) {
  constexpr std::size_t kEnough = std::size_t{16} << 10U;
  std::string out;
  for_each_line(text.substr(0, kEnough), [&](std::string_view line, int) {
    line = trim(line);
    if (!line.empty() && line.front() != '#') out.append("\n").append(line);
  });
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

}  // namespace

bool begins_as_json(std::string_view text) {
  text = trim(text);
  if (!text.starts_with('{') && !text.starts_with('[')) return false;
  while (text.starts_with('[')) text = trim(text.substr(1));
  // "{a}" may be the Name of an instance; an object of JSON begins with a quoted key.
  if (text.starts_with('{')) {
    text = trim(text.substr(1));
    return text.empty() || text.front() == '"' || text.front() == '}';
  }
  constexpr std::size_t kLongest = 64;
  const std::string_view word = text.substr(0, std::min(text.find_first_of(" \t\n,]"), kLongest));
  if (word.empty() || word == "null" || word == "true" || word == "false") return true;
  // "[::1]" and "[10.0.0.1]" are hosts of a plain list.
  const bool number =
      is_digit(word.front()) && word.find(':') == std::string_view::npos && std::ranges::count(word, '.') < 2;
  return number || word.front() == '"' || word.front() == '-';
}

std::optional<std::string> why_unsupported(std::string_view text) {
  const std::string lines = first_lines(text);
  if (lines.empty()) return std::nullopt;
  const std::string_view label = std::string_view(lines).substr(1, lines.find(':') - 1);
  // A line that begins with an id is a row, whatever follows its colon.
  if (is_instance_id(label)) return std::nullopt;
  for (const UnsupportedFormat& format : kUnsupportedFormats) {
    if (format.of == Of::text && fits(lines, format.sign)) return format.message();
  }
  if (label.size() + 2 < lines.size() && lines[label.size() + 2] == ' ' &&
      field_of_label(label) != Field::unknown)
    return fmt::format("lines of labels and values are not read; {}", kInstances);
  return std::nullopt;
}

std::optional<std::string> why_json_unsupported(const JsonTape& tape) {
  const UnsupportedFormat* found = nullptr;
  const auto look_at = [&](std::size_t object) {
    if (found != nullptr || !tape.is_object(object)) return;
    tape.for_each_in(object, [&](std::size_t child) {
      for (const UnsupportedFormat& format : kUnsupportedFormats) {
        if (found == nullptr && format.of == Of::json && format.sign == tape.key(child)) found = &format;
      }
    });
  };
  const auto look_into = [&](std::size_t list) {
    if (tape.is_array(list) && tape.at(list).end > list + 1) look_at(list + 1);
  };
  // A reply shows its kind at the beginning; a million values are not searched.
  for (std::size_t root = 0; root < tape.size() && root < 1000; root = tape.at(root).end) {
    look_at(root);
    look_into(root);
    if (!tape.is_object(root) || signs_of_record(tape, root).has_id) continue;
    tape.for_each_in(root, [&](std::size_t child) {
      look_at(child);
      look_into(child);
      if (tape.is_object(child)) tape.for_each_in(child, look_into);
    });
  }
  return found == nullptr ? std::nullopt : std::optional(found->message());
}

}  // namespace ec2mpi
