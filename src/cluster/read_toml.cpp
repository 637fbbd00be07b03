#include "src/cluster/read_toml.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cluster/values/lookalike.hpp"

namespace ec2mpi {

namespace {

/// Looks in a TOML text for two things that toml++ 3.3 cannot take: it uses up the stack for keys of many
/// dots, and asserts that letters outside of quotes and comments are ASCII.
class TomlGuard {
 public:
  explicit TomlGuard(std::string_view text) : text_(text) {
    // A byte order mark may stand in front.
    if (text_.starts_with("\xef\xbb\xbf")) at_ = 3;
    while (at_ < text_.size() && wrong_.empty()) step();
  }
  [[nodiscard]] std::size_t line() const { return line_; }
  /// Empty if nothing is wrong.
  [[nodiscard]] const std::string& wrong() const { return wrong_; }

 private:
  static constexpr int kMostDots = 100;

  void step() {
    const char c = text_[at_++];
    if (c == '\n')
      next_line();
    else if (!quote_.empty())
      step_in_quotes(c);
    else if (c == '#')
      at_ = std::min(text_.find('\n', at_), text_.size());
    else if (c == '"' || c == '\'')
      open_quote(c);
    else if (static_cast<unsigned char>(c) >= 0x80)
      refuse_letter(text_.substr(at_ - 1, 3));
    else if (c == '.' && ++dots_ > kMostDots)
      wrong_ = "too many dots in one line of names";
  }

  void next_line() {
    ++line_;
    dots_ = 0;
    // A quote that is still open at the end of its line is an error that toml++ reports.
    if (quote_.size() == 1) quote_ = {};
  }

  void refuse_letter(std::string_view letter) {
    wrong_ = describe_lookalike(letter);
    if (wrong_.empty()) wrong_ = "a letter that must stand in quotes";
  }

  void open_quote(char c) {
    const std::string_view three = c == '"' ? "\"\"\"" : "'''";
    // Three quotes begin a text of many lines.
    quote_ = text_.substr(at_ - 1).starts_with(three) ? three : three.substr(0, 1);
    at_ += quote_.size() - 1;
  }

  void step_in_quotes(char c) {
    // Only texts in double quotes know escapes.
    if (c == '\\' && quote_.front() == '"' && at_ < text_.size() && text_[at_] != '\n') {
      ++at_;
    } else if (text_.substr(at_ - 1).starts_with(quote_)) {
      at_ += quote_.size() - 1;
      quote_ = {};
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t line_ = 1;
  int dots_ = 0;
  std::string_view quote_;  ///< what ends the text in quotes; empty outside of quotes
  std::string wrong_;
};

/// The commonest reason why toml++ refuses a line: its text has no quotes. Empty for any other reason.
std::string missing_quotes(std::string_view line) {
  const auto equals = line.find('=');
  if (equals == std::string_view::npos) return {};
  const auto key = trim(line.substr(0, equals));
  const auto value = trim(line.substr(equals + 1, line.find('#', equals) - equals - 1));
  const auto is_letter = [](char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; };
  // A number, true and a text in quotes lack none, so the reason is another one.
  if (key.empty() || value.find_first_of("\"'\\{") != std::string_view::npos ||
      std::ranges::none_of(value, is_letter) || value == "true" || value == "false")
    return {};
  if (value.starts_with('[')) return "texts in a list need quotes: [\"a\", \"b\"]";
  return fmt::format("a text needs quotes: {} = \"{}\"", printable(key), printable(value));
}

/// What is wrong with the text, behind "FILE:".
std::string describe_toml_error(std::string_view text, const toml::parse_error& error) {
  const auto number = error.source().begin.line;
  const auto lines = split(text, '\n');
  auto said = number > 0 && number <= lines.size() ? missing_quotes(lines[number - 1]) : std::string();
  return fmt::format("{}: {}", number, said.empty() ? printable(error.description()) : said);
}

/// For some texts, toml++ 3.3 throws instead of reporting an error.
toml::parse_result parse_toml(std::string_view text, std::string_view source) {
  try {
    return toml::parse(text, source);
  } catch (const std::invalid_argument&) {
    return toml::parse("= not TOML", source);  // the error that it should have found
  }
}

}  // namespace

Result<toml::table> read_toml(std::string_view text, std::string_view source) {
  if (const TomlGuard guard(text); !guard.wrong().empty())
    return fail(ErrorKind::usage, fmt::format("{}:{}: {}", source, guard.line(), guard.wrong()));
  auto parsed = parse_toml(text, source);
  if (!parsed)
    return fail(ErrorKind::usage, fmt::format("{}:{}", source, describe_toml_error(text, parsed.error())));
  return std::move(parsed).table();
}

}  // namespace ec2mpi
