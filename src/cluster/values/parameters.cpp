#include "ec2mpi/cluster/values/parameters.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <charconv>
#include <optional>
#include <set>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/base/utf8.hpp"
#include "ec2mpi/cluster/values/lookalike.hpp"
#include "ec2mpi/cluster/values/quote.hpp"

namespace ec2mpi {

namespace {

/// An id names a folder on the master; behind it come "-runN-tryN" and the names of files.
constexpr std::size_t kLongestId = 120;
constexpr std::size_t kLongestPart = 24;  ///< of an id, for one value

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/// May be negative, unlike the numbers of parse_number.
std::optional<long> whole_number(std::string_view text) {
  long value = 0;
  const auto [end, trouble] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || trouble != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::unexpected<Error> wrong(std::string message) {
  return fail(ErrorKind::usage, std::move(message));
}

/// The items between commas; commas in double quotes do not count. Quotes stay.
Result<std::vector<std::string_view>> items_of(std::string_view text) {
  std::vector<std::string_view> items;
  std::size_t begin = 0;
  bool quoted = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    // A doubled quote changes the state twice, and so not at all.
    if (text[at] == '"') quoted = !quoted;
    if (text[at] != ',' || quoted) continue;
    items.push_back(text.substr(begin, at - begin));
    begin = at + 1;
  }
  if (quoted) return wrong("a double quote has no partner");
  items.push_back(text.substr(begin));
  return items;
}

/// `"say ""no"""` without its quotes.
Result<std::string> unquoted(std::string_view item) {
  const auto bad = [&] {
    return wrong(in_quotes(item) + ": quotes stand around the whole value, and are doubled in it");
  };
  if (item.size() < 2 || item.back() != '"') return bad();
  const auto inner = item.substr(1, item.size() - 2);
  std::string value;
  for (std::size_t at = 0; at < inner.size(); ++at) {
    if (inner[at] == '"' && (++at == inner.size() || inner[at] != '"')) return bad();
    value += inner[at];
  }
  return value;
}

/// The digits that each value of a range has at least: those of its longer end if one begins with a zero, as
/// in the {01..10} of bash.
std::size_t width_of_range(std::string_view first, std::string_view last) {
  const auto is_padded = [](std::string_view text) {
    const auto digits = text.substr(text.starts_with('-') ? 1 : 0);
    return digits.size() > 1 && digits.front() == '0';
  };
  return is_padded(first) || is_padded(last) ? std::max(first.size(), last.size()) : 0;
}

/// a..b or a..b..step; the last value is the last one that does not lie beyond b.
Result<void> add_range(std::string_view item, std::vector<std::string>& values) {
  const auto dots = item.find("..");
  auto rest = item.substr(dots + 2);
  const auto more = rest.find("..");
  const auto first = whole_number(item.substr(0, dots));
  const auto last = whole_number(rest.substr(0, more));
  const auto step = more == std::string_view::npos ? std::optional(1L) : whole_number(rest.substr(more + 2));
  if (!first || !last || !step)
    return wrong(in_quotes(item) +
                 " is no range of whole numbers: a..b or a..b..step; a text with .. stands in double quotes");
  if (*step == 0) return wrong(in_quotes(item) + ": the step is 0");
  constexpr long kFar = 1'000'000'000'000'000;
  // Halved, since the absolute value of the smallest long is no long.
  if (std::max({std::abs(*first / 2), std::abs(*last / 2), std::abs(*step / 2)}) > kFar)
    return wrong(in_quotes(item) + " has numbers that are too big");
  // One value is a range in either direction, so then any step will do.
  if ((*last - *first) / *step < 0 || (*last != *first && (*last > *first) != (*step > 0))) {
    return wrong(fmt::format("{} is empty: it runs the other way; write {}..{}..{}", in_quotes(item), *first,
                             *last, *step > 0 && more == std::string_view::npos ? -1L : -*step));
  }
  // Before the loop, which would fill the memory after a slip of the keyboard.
  if ((*last - *first) / *step >= static_cast<long>(kMostVariants))
    return wrong(fmt::format("{} has more than {} values", in_quotes(item), kMostVariants));
  const auto width = width_of_range(item.substr(0, dots), rest.substr(0, more));
  for (long value = *first; *step > 0 ? value <= *last : value >= *last; value += *step)
    values.push_back(fmt::format("{:0{}}", value, width));
  return {};
}

/// The name in the braces at the beginning of `text`; nothing if there is none.
std::optional<std::string_view> braced_name(std::string_view text) {
  if (!text.starts_with('{')) return std::nullopt;
  const auto close = text.find('}');
  if (close == std::string_view::npos || !is_identifier(text.substr(1, close - 1))) return std::nullopt;
  return text.substr(1, close - 1);
}

/// Text cut into parts that stand for themselves and parts that ask for a value.
struct Piece {
  std::string_view text;
  bool is_name;
};

/// The name in `{{name}}`. Not in `{{{name}}}`, which is a value in braces.
std::optional<std::string_view> doubly_braced_name(std::string_view text) {
  if (!text.starts_with("{{")) return std::nullopt;
  const auto name = braced_name(text.substr(1));
  return name && text.substr(name->size() + 2).starts_with("}}") ? name : std::nullopt;
}

/// The form with the most braces first, since each form contains the shorter ones.
std::vector<Piece> pieces_of(std::string_view text) {
  std::vector<Piece> pieces;
  std::size_t plain = 0;
  std::size_t at = 0;
  const auto cut = [&](std::size_t end) {
    if (end > plain) pieces.push_back({text.substr(plain, end - plain), false});
  };
  while (at < text.size()) {
    const auto left = text.substr(at);
    const auto tripled = left.starts_with('{') ? doubly_braced_name(left.substr(1)) : std::nullopt;
    // 5: the four braces of `{{name}}` and the one in front of them.
    if (tripled && left.substr(tripled->size() + 5).starts_with('}')) {
      cut(at + 1);
      pieces.push_back({*tripled, true});
      at = plain = at + tripled->size() + 5;
    } else if (const auto doubled = doubly_braced_name(left)) {
      cut(at);
      // One pair of the braces stays as text.
      pieces.push_back({text.substr(at + 1, doubled->size() + 2), false});
      at = plain = at + doubled->size() + 4;
    } else if (const auto name = braced_name(left)) {
      cut(at);
      pieces.push_back({*name, true});
      at = plain = at + name->size() + 2;
    } else {
      ++at;
    }
  }
  cut(at);
  return pieces;
}

/// sum = product {+- product}; product = factor {*/ factor}; factor = number | -factor | (sum)
/// Evaluates while it reads: formulas are short, and no tree is needed.
class Arithmetic {
 public:
  explicit Arithmetic(std::string_view text) : left_(text) {}

  /// Nothing if the text is no formula as a whole; trouble() then says why.
  std::optional<long> whole() {
    const auto value = sum();
    skip_blanks();
    if (!left_.empty()) complain(in_quotes(left_) + " is no arithmetic");
    return trouble_ ? std::nullopt : value;
  }
  [[nodiscard]] const std::string& trouble() const { return *trouble_; }

 private:
  // The product of two such numbers still fits into a long.
  static constexpr long kMost = 1'000'000'000;
  // The functions below call each other, so endless brackets would use up the stack.
  static constexpr int kDeepest = 100;

  // One function for each rule of the grammar above. Nothing: there was an error, and trouble_ has it.
  std::optional<long> sum() {
    auto value = product();
    for (;;) {
      if (take('+'))
        value = checked(value, product(), [](long a, long b) { return a + b; });
      else if (take('-'))
        value = checked(value, product(), [](long a, long b) { return a - b; });
      else
        return value;
    }
  }

  /// A division with a remainder is an error: half a rank does not exist.
  std::optional<long> product() {
    auto value = factor();
    for (;;) {
      if (take('*')) {
        value = checked(value, factor(), [](long a, long b) { return a * b; });
      } else if (take('/')) {
        const auto divisor = factor();
        if (value && divisor && (*divisor == 0 || *value % *divisor != 0))
          complain(fmt::format("{}/{} is no whole number", *value, *divisor));
        value = trouble_ ? std::nullopt : checked(value, divisor, [](long a, long b) { return a / b; });
      } else {
        return value;
      }
    }
  }

  std::optional<long> factor() {
    if (++depth_ > kDeepest) return complain("too many brackets");
    const auto value = take('-') ? checked(0, factor(), [](long a, long b) { return a - b; }) : atom();
    --depth_;
    return value;
  }

  std::optional<long> atom() {
    if (take('(')) {
      const auto value = sum();
      if (!take(')')) return complain("a ( has no )");
      return value;
    }
    const auto digits = left_.substr(0, std::min(left_.find_first_not_of("0123456789"), left_.size()));
    const auto value = whole_number(digits);
    if (!value && !digits.empty()) return complain("the numbers are too big");
    if (!value)
      return complain(left_.empty() ? "a number is missing at its end"
                                    : "a number is missing before " + in_quotes(left_));
    left_.remove_prefix(digits.size());
    // Only for its limit.
    return checked(value, 0, [](long a, long) { return a; });
  }

  /// Bounds the result, so that no later operation overflows.
  template <class Operation>
  std::optional<long> checked(std::optional<long> a, std::optional<long> b, Operation operation) {
    if (!a || !b) return std::nullopt;
    const long value = operation(*a, *b);
    if (std::abs(value) > kMost) return complain("the numbers are too big");
    return value;
  }

  /// Takes the sign off the front, with the blanks around it.
  bool take(char c) {
    skip_blanks();
    if (!left_.starts_with(c)) return false;
    left_.remove_prefix(1);
    skip_blanks();
    return true;
  }
  void skip_blanks() { left_ = left_.substr(std::min(left_.find_first_not_of(' '), left_.size())); }

  std::nullopt_t complain(std::string what) {
    // The first error counts: later ones follow from it.
    if (!trouble_) trouble_ = std::move(what);
    return std::nullopt;
  }

  std::string_view left_;
  int depth_ = 0;
  std::optional<std::string> trouble_;
};

/// Letters, digits, `.` and `_` stay; other characters in a row become one `-`, and letters beyond ASCII a
/// code.
std::string plain_part(std::string_view text) {
  std::string part;
  for (const char c : code_beyond_ascii(text).substr(0, kLongestPart)) {
    const bool plain = is_letter(c) || is_digit(c) || c == '.';
    if (plain)
      part += c;
    else if (!part.ends_with('-'))
      part += '-';
  }
  return part;
}

/// "1-3", which counts in other tools.
bool is_dashed_range(std::string_view item) {
  const auto dash = item.find('-');
  if (dash == std::string_view::npos) return false;
  const auto first = parse_number(item.substr(0, dash));
  const auto last = parse_number(item.substr(dash + 1));
  return first && last && *first < *last;
}

}  // namespace

/// Values become words of command lines and parts of ids, so each of them must be printable and different.
Result<void> check_values(const std::vector<std::string>& values) {
  if (values.empty()) return wrong("there is no value");
  std::set<std::string_view> seen;
  for (const auto& value : values) {
    const auto control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
    if (std::any_of(value.begin(), value.end(), control))
      return wrong(in_quotes(value) + " has control characters");
    if (!seen.insert(value).second) return wrong(in_quotes(value) + " stands twice");
  }
  return {};
}

/// Items are ranges, texts in quotes, or plain texts, and may be mixed: 1..3,8,"a,b".
Result<std::vector<std::string>> parse_values(std::string_view text) {
  TRY_AS(items, items_of(text));
  std::vector<std::string> values;
  for (const auto item : *items) {
    if (item.empty()) return wrong("a value is missing; an empty one is written \"\"");
    if (item.front() == '"') {
      TRY_AS(value, unquoted(item));
      values.push_back(std::move(*value));
    } else if (item.find('"') != std::string_view::npos) {
      return wrong(in_quotes(item) + ": quotes stand around the whole value, and are doubled in it");
    } else if (item.find("..") != std::string_view::npos) {
      TRY(add_range(item, values));
    } else {
      values.emplace_back(item);
    }
  }
  TRY(check_values(values));
  return values;
}

/// Slips that would give a series of one wrong job are refused here: signs of other keyboards, and 1-3.
Result<Sweep> parse_sweep(std::string_view text) {
  // A value in quotes means what stands in it.
  if (const auto sign = describe_lookalike(text); !sign.empty() && text.find('"') == text.npos)
    return wrong(fmt::format(
        "{}: {}; type it as in agents=3,6,12; a value that has it stands in quotes: --set 'NAME=\"VALUE\"'",
        in_quotes(text), sign));
  const auto equals = text.find('=');
  const auto name = text.substr(0, equals);
  if (equals == std::string_view::npos || !is_identifier(name))
    return wrong(in_quotes(text) + " is not NAME=VALUES, as in agents=3,6,12 or seed=1..5");
  if (const auto value = text.substr(equals + 1); is_dashed_range(value))
    return wrong(fmt::format("{0} is one value; {1}={2}..{3} counts, and '{1}=\"{2}-{3}\"' is this text",
                             in_quotes(text), name, value.substr(0, value.find('-')),
                             value.substr(value.find('-') + 1)));
  auto values = parse_values(text.substr(equals + 1));
  if (!values) return std::unexpected(values.error().within(in_quotes(text)));
  return Sweep{std::string(name), std::move(*values)};
}

Result<std::vector<Parameters>> combinations(const std::vector<Sweep>& sweeps) {
  std::vector<Parameters> all{{}};
  std::set<std::string_view> names;
  for (const auto& [name, values] : sweeps) {
    if (!names.insert(name).second) return wrong(fmt::format("{} is set twice", name));
    // Divided, since the product could overflow.
    if (values.size() > kMostVariants / all.size())
      return wrong(fmt::format("these are more than {} variants", kMostVariants));
    std::vector<Parameters> longer;
    for (const auto& beginning : all) {
      for (const auto& value : values) {
        longer.push_back(beginning);
        longer.back().emplace_back(name, value);
      }
    }
    all = std::move(longer);
  }
  return all;
}

Result<std::string> fill_in(std::string_view text, const Parameters& parameters) {
  std::string filled;
  for (const auto& piece : pieces_of(text)) {
    if (!piece.is_name) {
      filled += piece.text;
      continue;
    }
    const auto found = std::find_if(parameters.begin(), parameters.end(),
                                    [&](const auto& known) { return known.first == piece.text; });
    if (found == parameters.end() && piece.text == "variant")
      return wrong(
          fmt::format("{{variant}} in {} is the name of one job of a series, and this job belongs to none; "
                      "leave it out, or "
                      "make a series of it with --set",
                      in_quotes(text)));
    if (found == parameters.end()) {
      return wrong(fmt::format(
          "{{{0}}} in {1} has no value; give it one: --set {0}=..., or write {{{{{0}}}}} for the braces",
          piece.text, in_quotes(text)));
    }
    filled += found->second;
  }
  return filled;
}

std::vector<std::string> names_in(std::string_view text) {
  std::vector<std::string> names;
  for (const auto& piece : pieces_of(text)) {
    if (piece.is_name) names.emplace_back(piece.text);
  }
  return names;
}

Result<long> evaluate(std::string_view formula, const Parameters& parameters) {
  // Filled in first, so a value may be a part of a formula.
  TRY_AS(filled, fill_in(formula, parameters));
  Arithmetic arithmetic(*filled);
  if (const auto value = arithmetic.whole()) return *value;
  const auto asked =
      *filled == formula ? in_quotes(formula) : in_quotes(formula) + ", that is " + in_quotes(*filled);
  return wrong(asked + ": " + arithmetic.trouble());
}

std::string variant_id(std::string_view job, const Parameters& parameters) {
  auto id = plain_part(job);
  // A file whose name begins with . is hidden; a word that begins with - is an option.
  if (id.empty() || id.front() == '.' || id.front() == '-') id = "job" + id;
  for (const auto& [name, value] : parameters) id += "-" + plain_part(name) + plain_part(value);
  return id.substr(0, kLongestId);
}

/// Different values may have equal plain parts, as "a b" and "a-b".
std::vector<std::string> variant_ids(std::string_view job, const std::vector<Parameters>& variants) {
  std::vector<std::string> ids;
  std::set<std::string> taken;
  for (const auto& parameters : variants) {
    const auto plain = variant_id(job, parameters);
    auto id = plain;
    for (int number = 2; !taken.insert(id).second; ++number) id = fmt::format("{}_{}", plain, number);
    ids.push_back(std::move(id));
  }
  return ids;
}

std::string describe(const Parameters& parameters) {
  std::string text;
  for (const auto& [name, value] : parameters) {
    const bool plain = !value.empty() && value.find_first_of(" \"',") == std::string::npos;
    text +=
        fmt::format("{}{}={}", text.empty() ? "" : " ", name, plain ? printable(value) : in_quotes(value));
  }
  return text;
}

}  // namespace ec2mpi
