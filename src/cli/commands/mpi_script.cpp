#include "src/cli/commands/mpi_script.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "src/cli/commands/mpirun_line.hpp"
#include "src/cli/commands/script_words.hpp"

namespace ec2mpi::cli {

namespace {

using Words = std::vector<std::string>;

/// for((i=2;i<=k;i++))
bool is_counting(std::string_view statement) {
  return statement.starts_with("for") && trim(statement.substr(3)).starts_with("((");
}

/// Takes one statement after the other. A statement has an effect only on those below it, as in a shell.
/// It is a shell that knows a dozen statements, and refuses all others by name.
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
    TRY_AS(words, shell_words(statement, variables_));
    if (words->empty()) return {};
    return take_words(*words);
  }

  /// To be called after the last statement; the Script is then of no more use.
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
  /// A statement that is no loop: assignments, cd, or the line of mpirun.
  Result<void> take_words(Words words) {
    // Without export the ranks do not get the variable; it only fills in the later lines.
    if (std::ranges::all_of(words, is_assignment)) return assign(words);
    // Variables in front of mpirun are for it alone, and so for the ranks.
    while (is_assignment(words.front())) {
      set_for_ranks(job_, words.front());
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
      for (const auto& word : words) set_for_ranks(job_, word);
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
    if (!is_starter(name))
      return not_read(printable(without_marks(words.front())) + " is neither mpirun nor cd");
    if (!job_.command.empty()) return not_read("it starts mpirun twice");
    job_.sweep = loops_;
    return read_mpirun_line(words, variables_, job_);
  }

  /// `while read LINE` to `done < nodeIPaddress`: the variables that it sets hold addresses.
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
      TRY_AS(files, shell_words(file.substr(1), variables_));
      if (files->size() != 1 || !is_node_list(files->front())) return refused();
      for (const auto& each : *reading_) variables_.values[each] = kAllNodes;
      for (const auto& each : counters_) {
        // A counter that did not begin at 0 is no number of nodes.
        const bool counts_nodes = variables_.values[each] == "0";
        if (counts_nodes)
          variables_.values[each] = kNodeCount;
        else
          variables_.values.erase(each);
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
    const auto known = variables_.values.find(std::string(text));
    return known == variables_.values.end() ? std::string(text) : known->second;
  }

  /// Any other form of the three parts could count another way, and is refused.
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

  /// Collects the body, because it may be carried out several times.
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

  /// A loop around mpirun becomes a sweep, since its turns are jobs. Any other one is carried out here, as it
  /// only computes values.
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
      variables_.values[loop.variable] = std::to_string(number);
      TRY(take_all(loop.body));
    }
    // One turn stands for the turns of all nodes.
    if (loop.last) return {};
    for (auto& [name, value] : variables_.values)
      if (value.find(kOneNode) != std::string::npos && is_set_in(name, loop.body)) value = kAllNodes;
    return {};
  }

  /// The body of a loop. The first statement that is not understood ends it.
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
      TRY_AS(read, shell_words(listed, variables_));
      values = std::move(*read);
    }
    const auto is_odd = [](const std::string& word) {
      return has_marks(word) || word.find('{') != std::string::npos;
    };
    if (values->empty() || std::ranges::any_of(*values, is_odd)) return not_read("this for is for a shell");
    add_loop(std::string(name), std::move(*values));
    return {};
  }

  /// In the loop's body the variable has the parameter in braces as its value.
  void add_loop(const std::string& name, Words values) {
    // These names set numbers of a job.
    const bool is_special = name == "np" || name == "per_node" || name == "nodes";
    const auto parameter = (is_special ? "n_" : "") + name;
    const auto is_one_word = [](const std::string& word) {
      return !word.empty() && word.find_first_of(" \t") == word.npos &&
             word.find_first_of(kGlobSigns) == word.npos;
    };
    variables_.values[name] = "{" + parameter + "}";
    if (!std::ranges::all_of(values, is_one_word)) variables_.divided.push_back("{" + parameter + "}");
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
    variables_.values[name] = is_empty ? std::string() : std::string(1, kAllNodes);
    return {};
  }

  Result<void> assign(const Words& words) {
    for (const auto& word : words)
      variables_.values[word.substr(0, word.find('='))] = word.substr(word.find('=') + 1);
    return {};
  }

  ScriptVariables variables_;
  std::optional<Words> reading_;  ///< in a `while read`: the names that it has set
  Words counters_;                ///< in a `while read`: the names that it has counted up
  std::optional<Counting> counting_;
  std::vector<std::pair<std::string, Words>> loops_;
  bool ended_ = false;
  ScriptJob job_;
};

}  // namespace

Result<ScriptJob> read_mpi_script(std::string_view text) {
  text = text.substr(text.starts_with("\xef\xbb\xbf") ? 3 : 0);
  const auto is_odd = [](char c) { return c >= 0 && c < '\t'; };
  // The marks of script_words.hpp are control characters, so a script must have none.
  if (std::ranges::any_of(text, is_odd)) return not_read("it has control characters");
  Script script;
  std::string whole;  // a line with those that a backslash at its end joins to it
  std::size_t number = 0;
  for (const auto raw : split(text, '\n')) {
    ++number;
    const auto line = trim(raw);
    const bool is_comment = whole.empty() && line.starts_with('#');
    // A word may continue in the next line, but not behind a blank there.
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
