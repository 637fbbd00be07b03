#include "src/cli/commands/mpi_script.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <cctype>
#include <map>
#include <optional>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"

namespace ec2mpi::cli {

namespace {

using Words = std::vector<std::string>;

/// What an option of mpirun means for the job.
enum class Meaning { np, per_node, map_by, workdir, variable, value, flag, left_out };
struct MpirunOption {
  const char* names;
  Meaning meaning;
  std::size_t values;
  const char* flag = "";  ///< of `ec2mpi run`, in front of the values
};

/// The options of Open MPI and of MPICH, with one dash or two. An option that is missing here is
/// refused: the number of its values is unknown, so the program's name could be one of them.
constexpr MpirunOption kOptions[] = {
    {"np n c", Meaning::np, 1},
    {"N npernode ppn perhost", Meaning::per_node, 1},
    {"map-by", Meaning::map_by, 1, "--map-by"},
    {"wdir wd", Meaning::workdir, 1},
    {"x", Meaning::variable, 1},
    {"genv env", Meaning::value, 2},
    {"rank-by", Meaning::flag, 1, "--rank-by"},
    {"mca", Meaning::flag, 2, "--mca"},
    {"bind-to", Meaning::flag, 1, "--mca hwloc_base_binding_policy"},
    {"report-bindings", Meaning::flag, 0, "--mca hwloc_base_report_bindings 1"},
    {"use-hwthread-cpus", Meaning::flag, 0, "--slots threads"},
    {"tag-output l prepend-rank", Meaning::flag, 0, "--tag"},
    {"timeout", Meaning::flag, 1, "--timeout"},
    {"bynode", Meaning::flag, 0, "--map-by node"},
    {"hostfile machinefile f host hosts H prefix stdin", Meaning::left_out, 1},
    {"oversubscribe allow-run-as-root display-map q quiet v verbose", Meaning::left_out, 0},
};

const MpirunOption* known_option(std::string_view word) {
  const auto name = word.substr(std::min(word.find_first_not_of('-'), word.size()));
  const auto fits = [name](const auto& option) {
    return std::ranges::count(ec2mpi::words(option.names), name) > 0;
  };
  const auto found = std::ranges::find_if(kOptions, fits);
  return found == std::end(kOptions) ? nullptr : found;
}

/// In the value of a word: what the script has read from nodeIPaddress. A script has no control characters.
constexpr char kAllNodes = '\x01';
constexpr char kOneNode = '\x02';
constexpr char kNodeCount = '\x03';
constexpr std::string_view kGlobSigns = "*?[";
constexpr char kOpenBrace = '\x04';  ///< one of the script's own; '{' begins a parameter

bool has_marks(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return c >= kAllNodes && c <= kOpenBrace; });
}

bool is_node_list(std::string_view file) {
  return file.substr(file.rfind('/') + 1) == "nodeIPaddress";
}

/// Whether shell text names that file.
bool reads_nodes(std::string text) {
  std::ranges::replace_if(
      text, [](char c) { return std::string_view("<>|\"'()").find(c) != std::string_view::npos; }, ' ');
  return std::ranges::any_of(ec2mpi::words(text), is_node_list);
}

/// The words of {1..5} and $(seq 1 5); nothing if it is neither.
std::optional<Words> range_words(std::string_view text) {
  const auto dots = text.find("..");
  std::string plain;
  if (text.starts_with('{') && text.ends_with('}') && dots != std::string_view::npos)
    plain = fmt::format("{} {}", text.substr(1, dots - 1), text.substr(dots + 2, text.size() - dots - 3));
  else if (text.starts_with("$(seq ") && text.ends_with(')'))
    plain = text.substr(6, text.size() - 7);
  const auto ends = ec2mpi::words(plain);
  const auto is_padded = [](std::string_view end) { return end.size() > 1 && end.front() == '0'; };
  if (ends.size() != 2 || std::ranges::any_of(ends, is_padded)) return std::nullopt;
  const auto first = parse_number(ends[0]);
  const auto last = parse_number(ends[1]);
  constexpr std::uint64_t kMost = 1000;
  if (!first || !last || *last < *first || *last - *first > kMost) return std::nullopt;
  Words numbers;
  for (auto number = *first; number <= *last; ++number) numbers.push_back(std::to_string(number));
  return numbers;
}

std::unexpected<Error> not_read(std::string message) {
  return fail(ErrorKind::usage, std::move(message));
}

/// NAME=VALUE, with a name that a shell accepts.
bool is_assignment(std::string_view word) {
  const auto equals = word.find('=');
  if (equals == 0 || equals == std::string_view::npos ||
      std::isdigit(static_cast<unsigned char>(word[0])) != 0)
    return false;
  return std::ranges::all_of(word.substr(0, equals),
                             [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; });
}

/// Words of one line of shell text, with the values of variables that the script has set.
/// It follows sh(1) for blanks, quotes, backslashes, comments and plain variables, and refuses the
/// rest: a word that is read wrongly would start another job than the script. `divided` are the parameters
/// of loops, as "{NAME}", with a value that is not one plain word.
class Line {
 public:
  Line(std::string_view text, const std::map<std::string, std::string>& variables, const Words& divided)
      : text_(text), variables_(variables), divided_(divided) {}

  Result<Words> words() {
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

  std::string_view text_;
  const std::map<std::string, std::string>& variables_;
  const Words& divided_;
  std::size_t at_ = 0;
  Words words_;
  std::string word_;
  bool in_word_ = false;
  bool in_quotes_ = false;
};

/// "mpirun", "/usr/bin/mpirun"
bool is_starter(std::string_view word) {
  constexpr std::string_view kStarters[] = {"mpirun",  "mpirun.openmpi",  "mpirun.mpich", "mpiexec",
                                            "orterun", "mpiexec.openmpi", "prterun",      "mpiexec.hydra"};
  return std::ranges::count(kStarters, word.substr(word.rfind('/') + 1)) > 0;
}

/// for((i=2;i<=k;i++))
bool is_counting(std::string_view statement) {
  return statement.starts_with("for") && trim(statement.substr(3)).starts_with("((");
}

/// The statements of one line: the parts between semicolons, without a comment, and `do` alone.
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

/// Takes one statement after the other. A statement has an effect only on those below it, as in a shell.
class Script {
 public:
  Result<void> take(std::string_view statement) {
    if (ended_) return {};
    if (counting_) return take_counting(statement);
    if (statement == "do") return {};
    const auto [first, rest] = first_word(statement);
    if (is_counting(statement)) return begin_counting(statement);
    if (first == "while" || reading_) return take_reading(statement);
    if (first == "for") return begin_loop(trim(rest));
    if (statement == "done" && !loops_.empty()) {
      loops_.pop_back();
      return {};
    }
    if (const auto name = array_name(statement); !name.empty()) return take_array(name, statement);
    // Its words go to the terminal only.
    if (first == "echo" && statement.find_first_of(">|&<") == std::string_view::npos) return {};
    // The folder of the script, which the job does not have.
    if (first == "cd" && rest.find("dirname") != std::string_view::npos &&
        rest.find("$0") != std::string_view::npos) {
      job_.left_out.emplace_back(statement);
      return {};
    }
    TRY_AS(words, Line(statement, variables_, divided_).words());
    if (words->empty()) return {};
    return take_words(*words);
  }

  Result<ScriptJob> finish() {
    if (reading_ || counting_ || !loops_.empty()) return not_read("a loop has no end");
    if (job_.command.empty()) return not_read("it has no mpirun");
    const auto is_odd = [](const std::string& word) { return word.find(kOpenBrace) != std::string::npos; };
    if (std::ranges::any_of(job_.command, is_odd) || is_odd(job_.workdir) ||
        std::ranges::any_of(job_.env, [&](const auto& each) { return is_odd(each.second); }))
      return not_read("braces in its command would be parameters here");
    if (std::ranges::any_of(job_.command, has_marks) || has_marks(job_.workdir) ||
        std::ranges::any_of(job_.env, [](const auto& each) { return has_marks(each.second); }))
      return not_read("its program gets the addresses of the nodes");
    for (auto* texts : {&job_.left_out, &job_.flags})
      for (auto& text : *texts) text = without_marks(text);
    return std::move(job_);
  }

 private:
  Result<void> take_words(Words words) {
    // Without export the ranks do not get the variable; it only fills in the later lines.
    if (std::ranges::all_of(words, is_assignment)) return assign(words);
    // Variables in front of mpirun are for it alone, and so for the ranks.
    while (is_assignment(words.front())) {
      set_for_ranks(words.front());
      words.erase(words.begin());
    }
    constexpr std::string_view kPrefixes[] = {"time", "nohup", "exec"};
    while (words.size() > 1 && std::ranges::count(kPrefixes, words.front()) > 0) words.erase(words.begin());
    // /usr/bin/mpirun is mpirun too.
    const auto name = words.front().substr(words.front().rfind('/') + 1);
    // An export below mpirun does not reach the ranks any more.
    if (name == "export" && job_.command.empty() &&
        std::all_of(words.begin() + 1, words.end(), is_assignment)) {
      words.erase(words.begin());
      for (const auto& word : words) set_for_ranks(word);
      return assign(words);
    }
    if (name == "echo" || name == "set" || name == "sleep") return {};
    if (name == "exit" && loops_.empty() && !job_.command.empty()) {
      ended_ = true;
      return {};
    }
    // A cd below mpirun comes too late, and a second one may be relative to the first.
    if (name == "cd" && words.size() == 2 && job_.command.empty() && job_.workdir.empty()) {
      job_.workdir = words[1];
      return {};
    }
    if (name == "cd")
      return not_read(job_.command.empty() ? "it changes the folder twice" : "cd stands behind mpirun");
    if (std::ranges::any_of(words, [](const auto& word) { return word.starts_with('~'); }))
      return not_read("'~' is for a shell");
    if (is_starter(name)) return take_mpirun(words);
    return not_read(printable(without_marks(words.front())) + " is neither mpirun nor cd");
  }

  /// `while read LINE` to `done < nodeIPaddress`: what it sets holds addresses.
  Result<void> take_reading(std::string_view statement) {
    const auto refused = [] { return not_read("while is for a shell, unless it reads nodeIPaddress"); };
    if (!reading_) {
      if (std::ranges::count(words(statement), "read") == 0) return refused();
      reading_.emplace();
      return {};
    }
    const auto [first, rest] = first_word(statement);
    const auto name = statement.substr(0, statement.find_first_of("+="));
    if (first == "done") {
      const auto file = trim(rest);
      if (!file.starts_with('<')) return refused();
      TRY_AS(files, Line(file.substr(1), variables_, divided_).words());
      if (files->size() != 1 || !is_node_list(files->front())) return refused();
      for (const auto& each : *reading_) variables_[each] = kAllNodes;
      for (const auto& each : counters_) {
        // From another beginning it counts something else.
        const bool counts_nodes = variables_[each] == "0";
        if (counts_nodes)
          variables_[each] = kNodeCount;
        else
          variables_.erase(each);
      }
      counters_.clear();
      reading_.reset();
    } else if (is_assignment(std::string(name) + "=")) {
      reading_->emplace_back(name);
    } else if (statement.starts_with("((")) {
      const auto counter = trim(statement.substr(2));
      counters_.emplace_back(counter.substr(0, counter.find_first_of("+= ")));
    } else if (first != "echo") {
      return refused();
    }
    return {};
  }

  /// A loop over numbers, which is carried out at its end: `for((i=2;i<=k;i++))`.
  struct Counting {
    std::string variable;
    std::uint64_t first = 0;
    std::optional<std::uint64_t> last = {};  ///< nothing: up to the number of nodes
    Words body = {};
    int depth = 0;  ///< loops within it that have not ended
  };

  /// Of "i=2", "k" and "$k" the value behind the sign; nothing if it is no number that the script has set.
  [[nodiscard]] std::string number_text(std::string_view text) const {
    if (text.starts_with('$')) text.remove_prefix(1);
    const auto known = variables_.find(std::string(text));
    return known == variables_.end() ? std::string(text) : known->second;
  }

  Result<void> begin_counting(std::string_view statement) {
    const auto refused = [] { return not_read("this for is for a shell"); };
    std::string text(statement.substr(statement.find("((") + 2));
    std::erase_if(text, [](char c) { return c == ' ' || c == '\t' || c == ')'; });
    const auto parts = split(text, ';');
    if (parts.size() != 3) return refused();
    const auto equals = parts[0].find('=');
    const auto less = parts[1].find('<');
    if (equals == std::string_view::npos || less == std::string_view::npos) return refused();
    Counting loop{.variable = std::string(parts[0].substr(0, equals))};
    const auto& name = loop.variable;
    const bool steps = parts[2] == name + "++" || parts[2] == "++" + name || parts[2] == name + "+=1" ||
                       parts[2] == name + "=" + name + "+1";
    if (!is_assignment(name + "=") || parts[1].substr(0, less) != name || !steps) return refused();
    const auto first = parse_number(number_text(parts[0].substr(equals + 1)));
    const bool inclusive = parts[1].substr(less + 1).starts_with('=');
    const auto end = number_text(parts[1].substr(less + (inclusive ? 2 : 1)));
    if (!first) return refused();
    loop.first = *first;
    if (end != std::string(1, kNodeCount)) {
      const auto last = parse_number(end);
      constexpr std::uint64_t kMost = 1000;
      if (!last || *last > kMost) return refused();
      // A loop that is over before its first turn has no last number.
      if (*last + (inclusive ? 1 : 0) <= loop.first) return refused();
      loop.last = inclusive ? *last : *last - 1;
    }
    counting_ = std::move(loop);
    return {};
  }

  Result<void> take_counting(std::string_view statement) {
    const auto first = first_word(statement).first;
    if (first == "done" && counting_->depth-- == 0) {
      const auto loop = *std::exchange(counting_, std::nullopt);
      return carry_out(loop);
    }
    if (first == "for" || first == "while" || first == "until" || is_counting(statement)) ++counting_->depth;
    counting_->body.emplace_back(statement);
    return {};
  }

  Result<void> carry_out(const Counting& loop) {
    const auto starts = [](const auto& statement) {
      return std::ranges::any_of(words(statement), is_starter);
    };
    if (std::ranges::any_of(loop.body, starts)) {
      if (!loop.last) return not_read("the number of nodes is no number of jobs");
      Words values;
      for (auto number = loop.first; number <= *loop.last; ++number) values.push_back(std::to_string(number));
      add_loop(loop.variable, std::move(values));
      TRY(take_all(loop.body));
      loops_.pop_back();
      return {};
    }
    for (auto number = loop.first; number <= loop.last.value_or(loop.first); ++number) {
      variables_[loop.variable] = std::to_string(number);
      TRY(take_all(loop.body));
    }
    // One turn has stood for those of all nodes.
    if (loop.last) return {};
    for (auto& [name, value] : variables_)
      if (value.find(kOneNode) != std::string::npos && is_set_in(name, loop.body)) value = kAllNodes;
    return {};
  }

  Result<void> take_all(const Words& statements) {
    for (const auto& statement : statements) {
      TRY(take(statement));
    }
    return {};
  }

  static bool is_set_in(const std::string& name, const Words& statements) {
    return std::ranges::any_of(statements, [&](const auto& each) { return each.starts_with(name + "="); });
  }

  /// `for NAME in WORDS`: a parameter of the job with these values.
  Result<void> begin_loop(std::string_view text) {
    const auto [name, rest] = first_word(text);
    const auto [in, listed] = first_word(trim(rest));
    if (in != "in" || !is_assignment(std::string(name) + "=")) return not_read("this for is for a shell");
    auto values = range_words(trim(listed));
    if (!values) {
      TRY_AS(read, Line(listed, variables_, divided_).words());
      values = std::move(*read);
    }
    const auto is_odd = [](const std::string& word) {
      return has_marks(word) || word.find('{') != std::string::npos;
    };
    if (values->empty() || std::ranges::any_of(*values, is_odd)) return not_read("this for is for a shell");
    add_loop(std::string(name), std::move(*values));
    return {};
  }

  void add_loop(const std::string& name, Words values) {
    // These names set numbers of a job.
    const bool is_special = name == "np" || name == "per_node" || name == "nodes";
    const auto parameter = (is_special ? "n_" : "") + name;
    const auto is_one_word = [](const std::string& word) {
      return !word.empty() && word.find_first_of(" \t") == word.npos &&
             word.find_first_of(kGlobSigns) == word.npos;
    };
    variables_[name] = "{" + parameter + "}";
    if (!std::ranges::all_of(values, is_one_word)) divided_.push_back("{" + parameter + "}");
    loops_.emplace_back(parameter, std::move(values));
  }

  /// The name in NAME=(...) and NAME+=(...), and in `mapfile -t NAME < FILE`.
  static std::string array_name(std::string_view statement) {
    const auto parts = words(statement);
    if (parts.front() == "mapfile" || parts.front() == "readarray")
      for (const auto part : parts)
        if (part != parts.front() && part.front() != '-') return std::string(part);
    const auto open = statement.find("=(");
    if (open == std::string_view::npos || !statement.ends_with(')')) return {};
    auto name = std::string(statement.substr(0, open));
    if (name.ends_with('+')) name.pop_back();
    return is_assignment(name + "=") ? name : std::string();
  }

  Result<void> take_array(const std::string& name, std::string_view statement) {
    const bool is_empty = statement.ends_with("=()");
    if (!is_empty && !reads_nodes(std::string(statement))) return not_read("'(' is for a shell");
    variables_[name] = is_empty ? std::string() : std::string(1, kAllNodes);
    return {};
  }

  /// Behind three of them: a list of many hosts is not shown in full.
  static bool is_repeated(std::string& plain) {
    constexpr std::string_view kThree = "nodeIPaddress,nodeIPaddress,nodeIPaddress,";
    if (plain.ends_with("nodeIPaddress,...,")) return plain.pop_back(), true;
    if (!plain.ends_with(kThree)) return false;
    plain.replace(plain.size() - kThree.size(), std::string::npos, "nodeIPaddress,...");
    return true;
  }

  static std::string without_marks(const std::string& text) {
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

  Result<void> assign(const Words& words) {
    for (const auto& word : words)
      variables_[word.substr(0, word.find('='))] = word.substr(word.find('=') + 1);
    return {};
  }

  /// The last value of a name counts, as in a shell.
  void set_for_ranks(const std::string& assignment) {
    const auto name = assignment.substr(0, assignment.find('='));
    std::erase_if(job_.env, [&name](const auto& known) { return known.first == name; });
    job_.env.emplace_back(name, assignment.substr(assignment.find('=') + 1));
  }

  Result<void> take_mpirun(const Words& words) {
    if (!job_.command.empty()) return not_read("it starts mpirun twice");
    job_.sweep = loops_;
    std::size_t i = 1;
    // The first word without a dash is the program; what follows it belongs to the program.
    while (i < words.size() && words[i].starts_with('-')) {
      // -np4
      const auto digit = words[i].find_first_of("0123456789");
      if (digit != std::string::npos && known_option(words[i].substr(0, digit)) == kOptions) {
        TRY(take_option(kOptions[0], "-np", {words[i].substr(digit)}));
        ++i;
        continue;
      }
      const auto* option = known_option(words[i]);
      if (option == nullptr || i + option->values >= words.size())
        return not_read(fmt::format("mpirun's {} is not known here", printable(without_marks(words[i]))));
      const Words values(words.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                         words.begin() + static_cast<std::ptrdiff_t>(i + option->values) + 1);
      TRY(take_option(*option, words[i], values));
      i += 1 + option->values;
    }
    job_.command.assign(words.begin() + static_cast<std::ptrdiff_t>(i), words.end());
    if (job_.command.empty()) return not_read("mpirun has no program");
    // mpirun takes `:` between programs, each of which has its own ranks.
    if (std::ranges::count(job_.command, ":") > 0) return not_read("it starts several programs");
    if (!job_.np.empty() || !job_.per_node.empty() || hosts_.empty()) return {};
    // Open MPI starts one rank on each host.
    const auto is_node = [](std::string_view host) { return host == std::string_view(&kOneNode, 1); };
    const auto hosts = split(hosts_, ',');
    if (hosts_ == std::string(1, kAllNodes))
      job_.per_node = "1";
    else if (std::ranges::all_of(hosts, is_node))
      job_.np = std::to_string(hosts.size());
    else
      return not_read("it gives the number of ranks by --host");
    return {};
  }

  Result<void> take_count(const std::string& option, const std::string& value, std::string& count) {
    const bool is_parameter = value.starts_with('{') && value.find('}') == value.size() - 1;
    if (value == std::string(1, kNodeCount) && &count == &job_.np)
      job_.per_node = "1";
    else if (is_parameter)
      count = value;
    else if (const auto number = parse_number(value); number.value_or(0) > 0)
      count = std::to_string(*number);
    else
      return not_read(fmt::format("{} {} is not a number of ranks", option, printable(without_marks(value))));
    return {};
  }

  Result<void> take_option(const MpirunOption& option, const std::string& typed, const Words& values) {
    const auto with_values = [&values](const std::string& name) {
      return values.empty() ? name : name + " " + join(values, " ");
    };
    switch (option.meaning) {
      case Meaning::np:
        return take_count(typed, values.front(), job_.np);
      case Meaning::per_node:
        return take_count(typed, values.front(), job_.per_node);
      case Meaning::map_by:
        if (const auto parts = split(values.front(), ':');
            parts.size() == 3 && parts[0] == "ppr" && parts[2] == "node")
          return take_count(typed, std::string(parts[1]), job_.per_node);
        // It gives a number of ranks for something that is no node.
        if (values.front().starts_with("ppr:"))
          return not_read("only mpirun knows the ranks of " + with_values(typed));
        job_.flags.push_back(with_values(option.flag));
        break;
      case Meaning::workdir:
        if (!job_.workdir.empty() && !values.front().starts_with('/'))
          job_.workdir += "/" + values.front();
        else
          job_.workdir = values.front();
        break;
      // -x NAME passes on the present value, which only the shell of the script knows; -x NAME=VALUE sets it.
      case Meaning::variable:
        if (is_assignment(values.front()))
          set_for_ranks(values.front());
        else if (const auto known = variables_.find(values.front()); known != variables_.end())
          set_for_ranks(known->first + "=" + known->second);
        else
          job_.left_out.push_back(with_values(typed));
        break;
      case Meaning::value:
        set_for_ranks(values[0] + "=" + values[1]);
        break;
      case Meaning::flag:
        // ec2mpi knows the nodes' interfaces.
        if (!values.empty() && values.front().ends_with("tcp_if_include"))
          job_.left_out.push_back(with_values(typed));
        else
          job_.flags.push_back(with_values(option.flag));
        break;
      case Meaning::left_out:
        if (typed == "-H" || typed.ends_with("-host") || typed.ends_with("-hosts")) hosts_ = values.front();
        job_.left_out.push_back(with_values(typed));
    }
    return {};
  }

  std::map<std::string, std::string> variables_;
  Words divided_;                 ///< see Line
  std::optional<Words> reading_;  ///< in a `while read`: the names that it has set
  Words counters_;                ///< in a `while read`: the names that it has counted up
  std::optional<Counting> counting_;
  std::vector<std::pair<std::string, Words>> loops_;
  std::string hosts_;
  bool ended_ = false;
  ScriptJob job_;
};

}  // namespace

Result<ScriptJob> read_mpi_script(std::string_view text) {
  text = text.substr(text.starts_with("\xef\xbb\xbf") ? 3 : 0);
  const auto is_odd = [](char c) { return c >= 0 && c < '\t'; };
  if (std::ranges::any_of(text, is_odd)) return not_read("it has control characters");
  Script script;
  std::string whole;  // a line with those that a backslash at its end joins to it
  std::size_t number = 0;
  for (const auto raw : split(text, '\n')) {
    ++number;
    const auto line = trim(raw);
    const bool is_comment = whole.empty() && line.starts_with('#');
    // A word may go on in the next line, but not behind a blank there.
    if (!whole.empty() && !raw.empty() && (raw.front() == ' ' || raw.front() == '\t')) whole += ' ';
    whole += line;
    if (whole.ends_with('\\') && !is_comment) {
      whole.pop_back();
      continue;
    }
    for (const auto& statement : statements_of(std::exchange(whole, {})))
      if (auto taken = script.take(statement); !taken)
        return not_read(fmt::format("line {}: {}", number, taken.error().message));
  }
  return script.finish();
}

}  // namespace ec2mpi::cli
