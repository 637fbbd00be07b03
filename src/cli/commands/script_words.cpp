#include "src/cli/commands/script_words.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <utility>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"

namespace ec2mpi::cli {

namespace {

using Words = std::vector<std::string>;

/// Whether three addresses stand at the end already: a list of many hosts is shown as "A,A,A,...".
bool is_repeated(std::string& plain) {
  constexpr std::string_view kThree = "nodeIPaddress,nodeIPaddress,nodeIPaddress,";
  if (plain.ends_with("nodeIPaddress,...,")) return plain.pop_back(), true;
  if (!plain.ends_with(kThree)) return false;
  plain.replace(plain.size() - kThree.size(), std::string::npos, "nodeIPaddress,...");
  return true;
}

/// Reads one character after the other; see shell_words.
class WordReader {
 public:
  WordReader(std::string_view text, const ScriptVariables& variables)
      : text_(text), variables_(variables.values), divided_(variables.divided) {}

  /// The signs of a shell that stand outside of quotes end the reading: their effect is not known here.
  Result<Words> read() {
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c == ' ' || c == '\t') {
        end_word();
      } else if (c == '#' && !in_word_) {
        break;
      } else if (c == '\'' || c == '"') {
        TRY(quoted(c));
      } else if (std::string_view("|&;<>()*?[!").find(c) != std::string_view::npos) {
        return not_read(fmt::format("'{}' is for a shell", c));
      } else {
        TRY(letter(c));
      }
    }
    end_word();
    return std::move(words_);
  }

 private:
  /// `in_word_` decides, and not the text: '' is an empty word.
  void end_word() {
    if (in_word_) words_.push_back(std::exchange(word_, {}));
    in_word_ = false;
  }

  /// One quotation, up to its closing quote. Errors: usage, if it does not end on this line.
  Result<void> quoted(char quote) {
    in_word_ = in_quotes_ = true;
    while (at_ < text_.size() && text_[at_] != quote) {
      const char c = text_[at_++];
      // In double quotes a backslash stays, except in front of these.
      const bool is_kept = c == '\\' && at_ < text_.size() &&
                           std::string_view("$`\"\\").find(text_[at_]) == std::string_view::npos;
      if (quote == '"' && !is_kept) {
        TRY(letter(c));
      } else {
        word_ += c == '{' ? kOpenBrace : c;
      }
    }
    if (at_++ >= text_.size()) return not_read("a quotation goes over several lines");
    in_quotes_ = false;
    return {};
  }

  /// One character outside of single quotes.
  Result<void> letter(char c) {
    if (c == '$') return variable();
    in_word_ = true;
    if (c == '`') return output_of(at_, '`');
    if (c == '\\' && at_ < text_.size()) c = text_[at_++];
    word_ += c == '{' ? kOpenBrace : c;
    return {};
  }

  /// The output of a command, `...` or $(...), of which only those are known that read nodeIPaddress.
  Result<void> output_of(std::size_t begin, char closing) {
    auto end = begin;
    for (int depth = 1; end < text_.size(); ++end) {
      depth += closing == ')' && text_[end] == '(' ? 1 : 0;
      if (text_[end] == closing && --depth == 0) break;
    }
    const std::string command(text_.substr(begin, end - begin));
    if (end >= text_.size() || !reads_nodes(command)) {
      if (closing == '`') return not_read("'`' is for a shell");
      return not_read("only a shell knows the value of $(" + printable(command) + ")");
    }
    const bool counts =
        command.find("wc ") != std::string::npos || command.find("grep -c") != std::string::npos;
    in_word_ = true;
    word_ += counts ? kNodeCount : kAllNodes;
    at_ = end + 1;
    return {};
  }

  /// The shell splits no value in A=$B and in export A=$B.
  bool in_assignment() const {
    return is_assignment(word_) && (std::ranges::all_of(words_, is_assignment) || words_.front() == "export");
  }

  /// The value of a variable, which outside of quotes gives a word for each of its words, and none if it is
  /// empty.
  Result<void> put(const std::string& value, std::string_view typed) {
    if (in_quotes_ || in_assignment()) {
      in_word_ = true;
      word_ += value;
      return {};
    }
    const auto is_inside = [&value](const auto& part) { return value.find(part) != std::string::npos; };
    if (variables_.contains("IFS") || std::ranges::any_of(divided_, is_inside))
      return not_read(fmt::format("only a shell knows the words of ${0}; in quotes, \"${0}\", it is one word",
                                  printable(typed)));
    if (const auto glob = value.find_first_of(kGlobSigns); glob != std::string::npos)
      return not_read(fmt::format("'{}' is for a shell", value[glob]));
    for (const char c : value) {
      if (c == ' ' || c == '\t') {
        end_word();
      } else {
        in_word_ = true;
        word_ += c;
      }
    }
    return {};
  }

  /// $NAME or ${NAME}, of an array ${NAME[...]} and ${#NAME[@]}, and no form such as ${NAME:-word}. A name
  /// that the script has not set is an error: its value would come from the environment of a shell.
  Result<void> variable() {
    const auto from = at_;
    if (at_ < text_.size() && text_[at_] == '(') return output_of(at_ + 1, ')');
    const bool braces = at_ < text_.size() && text_[at_] == '{';
    if (braces) ++at_;
    const bool counts = braces && at_ < text_.size() && text_[at_] == '#';
    if (counts) ++at_;
    const auto begin = at_;
    while (at_ < text_.size() &&
           (std::isalnum(static_cast<unsigned char>(text_[at_])) != 0 || text_[at_] == '_'))
      ++at_;
    const auto known = variables_.find(std::string(text_.substr(begin, at_ - begin)));
    const auto close = braces ? text_.find('}', at_) : at_;
    const auto index = close == std::string_view::npos ? "?" : text_.substr(at_, close - at_);
    const bool is_array = known != variables_.end() && known->second == std::string_view(&kAllNodes, 1);
    const bool fits =
        is_array ? index.empty() || (index.front() == '[' && index.back() == ']') : index.empty() && !counts;
    if (known == variables_.end() || !fits) {
      const auto end = braces && close != std::string_view::npos
                           ? close + 1
                           : std::max(at_, std::min(from + 1, text_.size()));
      return not_read("only a shell knows the value of $" + printable(text_.substr(from, end - from)));
    }
    at_ = braces ? close + 1 : close;
    if (!is_array) return put(known->second, text_.substr(from, at_ - from));
    in_word_ = true;
    if (counts)
      word_ += kNodeCount;
    else
      word_ += index.empty() || index == "[@]" || index == "[*]" ? kAllNodes : kOneNode;
    return {};
  }

  // Where the reader is in the text, and the words so far.
  std::string_view text_;
  const std::map<std::string, std::string>& variables_;
  const Words& divided_;
  std::size_t at_ = 0;
  Words words_;
  std::string word_;
  bool in_word_ = false;
  bool in_quotes_ = false;
};

}  // namespace

std::unexpected<Error> not_read(std::string message) {
  return fail(ErrorKind::usage, std::move(message));
}

/// The marks are control characters, which no readable script holds.
bool has_marks(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return c >= kAllNodes && c <= kOpenBrace; });
}

std::string without_marks(const std::string& text) {
  std::string plain;
  for (const char c : text) {
    if (c == kOpenBrace)
      plain += '{';
    else if (c < kAllNodes || c > kNodeCount)
      plain += c;
    else if (!is_repeated(plain))
      plain += "nodeIPaddress";
  }
  return plain;
}

// Bash also has NAME[0]=VALUE and NAME+=VALUE; those are refused as unknown words.
bool is_assignment(std::string_view word) {
  const auto equals = word.find('=');
  return equals != std::string_view::npos && is_identifier(word.substr(0, equals));
}

/// By its name alone, in any folder.
bool is_node_list(std::string_view file) {
  return file.substr(file.rfind('/') + 1) == "nodeIPaddress";
}

/// Whether one word of the command, with the signs of the shell taken as blanks, is that file.
bool reads_nodes(std::string text) {
  std::ranges::replace_if(
      text, [](char c) { return std::string_view("<>|\"'()").find(c) != std::string_view::npos; }, ' ');
  return std::ranges::any_of(ec2mpi::words(text), is_node_list);
}

// {01..10} is left to the shell: it keeps the zeros, which a list of numbers would lose.
std::optional<Words> range_words(std::string_view text) {
  const bool is_seq = text.starts_with("$(seq ") && text.ends_with(')');
  std::string plain;
  if (is_seq) {
    plain = text.substr(6, text.size() - 7);
  } else if (text.starts_with('{') && text.ends_with('}') && text.find("..") != std::string_view::npos) {
    plain = text.substr(1, text.size() - 2);
    for (auto dots = plain.find(".."); dots != std::string::npos; dots = plain.find(".."))
      plain.replace(dots, 2, " ");
  }
  auto ends = ec2mpi::words(plain);
  if (is_seq && ends.size() == 1) ends.insert(ends.begin(), "1");
  if (ends.size() == 2) ends.emplace_back("1");
  // seq has the step in the middle.
  else if (is_seq && ends.size() == 3)
    std::swap(ends[1], ends[2]);
  const auto is_padded = [](std::string_view end) { return end.size() > 1 && end.front() == '0'; };
  if (ends.size() != 3 || std::ranges::any_of(ends, is_padded)) return std::nullopt;
  const auto first = parse_number(ends[0]);
  const auto last = parse_number(ends[1]);
  const auto step = parse_number(ends[2]);
  constexpr std::uint64_t kMost = 1000;
  if (!first || !last || !step || *step == 0 || *last < *first || (*last - *first) / *step > kMost)
    return std::nullopt;
  Words numbers;
  for (auto left = (*last - *first) / *step + 1, number = *first; left > 0; --left, number += *step)
    numbers.push_back(std::to_string(number));
  return numbers;
}

// Semicolons in quotes and in $(...) divide nothing. `do` becomes a statement, so that "do X" and "do" on a
// line of its own are the same to the caller.
Words statements_of(std::string_view line) {
  Words statements(1);
  char quote = 0;
  int depth = 0;
  for (std::size_t at = 0; at < line.size(); ++at) {
    const char c = line[at];
    if (quote == 0 && c == '#' && (at == 0 || line[at - 1] == ' ' || line[at - 1] == '\t')) break;
    if (c == '\\' && quote != '\'') {
      statements.back() += c;
      if (++at < line.size()) statements.back() += line[at];
      continue;
    }
    if (c == quote)
      quote = 0;
    else if (quote == 0 && (c == '\'' || c == '"' || c == '`'))
      quote = c;
    depth += quote == 0 && c == '(' ? 1 : 0;
    depth -= quote == 0 && c == ')' && depth > 0 ? 1 : 0;
    if (quote == 0 && depth == 0 && c == ';')
      statements.emplace_back();
    else
      statements.back() += c;
  }
  Words plain;
  for (const auto& each : statements) {
    auto statement = trim(each);
    if (statement == "do" || statement.starts_with("do ")) {
      plain.emplace_back("do");
      statement = trim(statement.substr(2));
    }
    if (!statement.empty()) plain.emplace_back(statement);
  }
  return plain;
}

Result<Words> shell_words(std::string_view text, const ScriptVariables& variables) {
  return WordReader(text, variables).read();
}

}  // namespace ec2mpi::cli
