#include "ec2mpi/base/text.hpp"

#include <sys/random.h>

#include <fmt/format.h>
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>

#include "ec2mpi/base/utf8.hpp"

namespace ec2mpi {

namespace {
// The same in each locale, unlike isspace.
constexpr std::string_view kBlanks = " \t\r\n";
}  // namespace

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = lower_case(c);
  return lower;
}

/// A text of blanks alone gives an empty view.
std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const auto end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::vector<std::string_view> words(std::string_view text) {
  std::vector<std::string_view> found;
  for (;;) {
    const auto start = text.find_first_not_of(kBlanks);
    if (start == std::string_view::npos) return found;
    text.remove_prefix(start);
    const auto end = text.find_first_of(kBlanks);
    found.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return found;
    text.remove_prefix(end);
  }
}

bool is_identifier(std::string_view text) {
  const auto fits = [](char c) {
    return is_digit(c) || c == '_' || (lower_case(c) >= 'a' && lower_case(c) <= 'z');
  };
  return !text.empty() && !is_digit(text.front()) && std::ranges::all_of(text, fits);
}

/// A new word begins behind a sign, and where a capital follows a small letter.
std::vector<std::string> words_of_name(std::string_view name) {
  std::vector<std::string> out(1);
  char before = '_';
  for (const char c : name) {
    const bool upper = c != lower_case(c);
    const bool word = upper || (c >= 'a' && c <= 'z') || is_digit(c);
    if ((!word || (upper && before >= 'a' && before <= 'z')) && !out.back().empty()) out.emplace_back();
    if (word) out.back() += lower_case(c);
    before = c;
  }
  if (out.back().empty()) out.pop_back();
  return out;
}

std::pair<std::string_view, std::string_view> first_word(std::string_view line) {
  const auto gap = line.find(' ');
  if (gap == std::string_view::npos) return {line, {}};
  return {line.substr(0, gap), line.substr(gap + 1)};
}

/// The names are ours and need no quotes; the values may be anything.
std::string set_variables(std::initializer_list<std::pair<std::string_view, std::string_view>> values) {
  std::string text;
  for (const auto& [name, value] : values)
    text.append(name).append("=").append(quote_word(value)).append("\n");
  return text;
}

std::string join(const std::vector<std::string>& items, std::string_view separator) {
  std::string text;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i > 0) text += separator;
    text += items[i];
  }
  return text;
}

/// from_chars knows no locale and accepts no sign for unsigned numbers.
std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

std::string quote_word(std::string_view word) {
  // These characters mean nothing to a shell, wherever in a word they stand.
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("_-+./:,@%=").find(c) != std::string_view::npos;
  };
  bool all_plain = !word.empty() && word.front() != '=';  // zsh expands a leading =
  for (const char c : word) all_plain = all_plain && plain(c);
  if (all_plain) return std::string(word);

  // Within single quotes a shell expands nothing; only the quote itself has to be written outside.
  std::string quoted = "'";
  for (const char c : word) {
    if (c == '\'')
      quoted += "'\\''";
    else
      quoted += c;
  }
  return quoted + "'";
}

std::string quote_words(const std::vector<std::string>& words) {
  std::string line;
  for (const auto& word : words) {
    if (!line.empty()) line += ' ';
    line += quote_word(word);
  }
  return line;
}

namespace {

/// Controls of the C0 and C1 sets, and characters that change the direction or the line of a text.
bool is_unsafe(char32_t code) {
  const auto within = [code](char32_t first, char32_t last) { return code >= first && code <= last; };
  return code < 0x20 || within(0x7f, 0x9f) || code == 0x61c || within(0x200e, 0x200f) ||
         within(0x2028, 0x202e) || within(0x2066, 0x2069) || code == 0xfeff;
}

/// `bytes` are those of `point`.
void append_safe(std::string& safe, std::string_view bytes, const CodePoint& point) {
  if (point.valid && !is_unsafe(point.value))
    safe += bytes;
  else if (point.valid && point.value > 0xff)
    safe += fmt::format("\\u{{{:x}}}", static_cast<std::uint32_t>(point.value));
  else
    // Control characters, and bytes that are no UTF-8, one by one.
    for (const char c : bytes) safe += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
}

/// The length of the SGR sequence ("\x1b[1;31m") at the start of a text; 0 if there is none.
std::size_t sgr_length(std::string_view text) {
  if (!text.starts_with("\x1b[")) return 0;
  // Only digits and separators may stand before the m, so no other sequence can hide in it.
  const auto end = text.find_first_not_of("0123456789;:", 2);
  return end != std::string_view::npos && text[end] == 'm' ? end + 1 : 0;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string safe;
  while (!text.empty()) {
    const CodePoint point = first_code_point(text);
    append_safe(safe, text.substr(0, point.length), point);
    text.remove_prefix(point.length);
  }
  return safe;
}

std::string terminal_line(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  std::string safe;
  bool coloured = false;
  while (!line.empty()) {
    const CodePoint point = first_code_point(line);
    std::size_t size = point.length;
    const auto sgr = sgr_length(line);
    // A sequence that moves the cursor or sets a title could forge another node's line.
    if (sgr > 0 || line.front() == '\t')
      safe += line.substr(0, size = std::max(sgr, size));
    else
      append_safe(safe, line.substr(0, size), point);
    coloured = coloured || sgr > 0;
    line.remove_prefix(size);
  }
  // The colour must not run into the next line, which may be another node's.
  return coloured ? safe + "\x1b[0m" : safe;
}

bool has_control_characters(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

void wipe(std::string& secret) {
  // The compiler may drop a memset of memory that nobody reads again; not this call.
  ::explicit_bzero(secret.data(), secret.size());
  secret.clear();
}

/// Below 100 of a unit with one decimal, from there without: three digits are enough to compare.
std::string format_bytes(std::uint64_t bytes) {
  static constexpr std::array<const char*, 5> kUnits = {"kB", "MB", "GB", "TB", "PB"};
  if (bytes < 1000) return fmt::format("{} B", bytes);
  double amount = static_cast<double>(bytes) / 1000.0;
  std::size_t unit = 0;
  // From here on, one decimal would be rounded up to "1000.0".
  while (amount >= 999.95 && unit + 1 < kUnits.size()) {
    amount /= 1000.0;
    ++unit;
  }
  return amount < 99.95 ? fmt::format("{:.1f} {}", amount, kUnits[unit])
                        : fmt::format("{:.0f} {}", amount, kUnits[unit]);
}

std::string format_duration(std::chrono::nanoseconds duration) {
  const double seconds = std::chrono::duration<double>(duration).count();
  // From here on, one decimal would be rounded up to "60.0 s".
  if (seconds < 59.95) return fmt::format("{:.1f} s", seconds);
  const auto whole = std::lround(seconds);
  if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} h {:02} min", whole / 3600, whole % 3600 / 60);
}

std::string format_seconds(std::chrono::seconds duration) {
  return duration.count() < 60 ? fmt::format("{} s", duration.count()) : format_duration(duration);
}

namespace {

/// 0 for a word that is no unit of time.
double seconds_of_unit(std::string_view word) {
  static constexpr std::pair<std::string_view, double> kUnits[] = {
      {"d day days", 86400},
      {"h hr hrs hour hours", 3600},
      {"m min mins minute minutes", 60},
      {"s sec secs second seconds", 1},
      {"ms msec millisecond milliseconds", 0.001}};
  for (const auto& [names, seconds] : kUnits)
    for (const auto name : words(names))
      if (name == word) return seconds;
  return 0;
}

/// Takes a number off the front; nothing if there is none.
std::optional<double> take_decimal(std::string_view& text) {
  const auto size = std::min(text.find_first_not_of("0123456789."), text.size());
  double value = 0;
  const auto digits = text.substr(0, size);
  const auto [end, wrong] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (wrong != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  text.remove_prefix(size);
  return value;
}

}  // namespace

std::optional<double> parse_seconds(std::string_view text) {
  text = trim(text);
  double sum = 0;
  for (double last_unit = 0; !text.empty();) {
    const auto number = take_decimal(text);
    if (!number) return std::nullopt;
    // A number without a unit stands alone: the 30 of "1h30" could be minutes.
    if (text.empty()) return last_unit == 0 ? number : std::nullopt;
    text = trim(text);
    const auto size = std::min(text.find_first_of("0123456789. "), text.size());
    const auto unit = seconds_of_unit(text.substr(0, size));
    if (unit == 0 || (last_unit != 0 && unit >= last_unit)) return std::nullopt;
    sum += *number * unit;
    last_unit = unit;
    text = trim(text.substr(size));
    if (text.empty()) return sum;
  }
  return std::nullopt;
}

std::string count_of(std::size_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string random_hex(std::size_t count) {
  std::string bytes((count + 1) / 2, '\0');
  std::size_t filled = 0;
  while (filled < bytes.size()) {
    // A signal can end the call before all bytes are there.
    const auto got = ::getrandom(bytes.data() + filled, bytes.size() - filled, 0);
    if (got > 0) filled += static_cast<std::size_t>(got);
  }
  std::string digits;
  for (const char c : bytes) digits += fmt::format("{:02x}", static_cast<unsigned char>(c));
  digits.resize(count);
  return digits;
}

}  // namespace ec2mpi
