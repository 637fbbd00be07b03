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
enum class Meaning { np, per_node, variable, left_out };
struct MpirunOption {
  Meaning meaning;
  std::size_t values;
};

/// The options of Open MPI and of MPICH, with one dash or two. An option that is missing here is
/// refused: the number of its values is unknown, so the program's name could be one of them.
std::optional<MpirunOption> known_option(const std::string& word) {
  static const std::map<std::string, MpirunOption> kOptions = {{"np", {Meaning::np, 1}},
                                                               {"n", {Meaning::np, 1}},
                                                               {"c", {Meaning::np, 1}},
                                                               {"N", {Meaning::per_node, 1}},
                                                               {"npernode", {Meaning::per_node, 1}},
                                                               {"ppn", {Meaning::per_node, 1}},
                                                               {"x", {Meaning::variable, 1}},
                                                               {"hostfile", {Meaning::left_out, 1}},
                                                               {"machinefile", {Meaning::left_out, 1}},
                                                               {"f", {Meaning::left_out, 1}},
                                                               {"host", {Meaning::left_out, 1}},
                                                               {"hosts", {Meaning::left_out, 1}},
                                                               {"H", {Meaning::left_out, 1}},
                                                               {"mca", {Meaning::left_out, 2}},
                                                               {"bind-to", {Meaning::left_out, 1}},
                                                               {"map-by", {Meaning::left_out, 1}},
                                                               {"oversubscribe", {Meaning::left_out, 0}},
                                                               {"allow-run-as-root", {Meaning::left_out, 0}}};
  const auto found = kOptions.find(word.substr(std::min(word.find_first_not_of('-'), word.size())));
  return found == kOptions.end() ? std::nullopt : std::optional(found->second);
}

std::unexpected<Error> not_read(std::string message) {
  return fail(ErrorKind::usage, std::move(message));
}

/// Words of one line of shell text, with the values of variables that the script has set.
/// It follows sh(1) for blanks, quotes, backslashes, comments and plain variables, and refuses the
/// rest: a word that is read wrongly would start another job than the script.
class Line {
 public:
  Line(std::string_view text, const std::map<std::string, std::string>& variables)
      : text_(text), variables_(variables) {}

  Result<Words> words() {
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c == ' ' || c == '\t') {
        end_word();
      } else if (c == '#' && !in_word_) {
        break;
      } else if (c == '\'' || c == '"') {
        TRY(quoted(c));
      } else if (std::string_view("|&;<>()`*?[!").find(c) != std::string_view::npos) {
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
    in_word_ = true;
    while (at_ < text_.size() && text_[at_] != quote) {
      const char c = text_[at_++];
      // In double quotes a backslash stays, except in front of these.
      const bool is_kept = c == '\\' && at_ < text_.size() &&
                           std::string_view("$`\"\\").find(text_[at_]) == std::string_view::npos;
      if (quote == '"' && !is_kept) {
        TRY(letter(c));
      } else {
        word_ += c;
      }
    }
    if (at_++ >= text_.size()) return not_read("a quotation goes over several lines");
    return {};
  }

  /// One character outside of single quotes.
  Result<void> letter(char c) {
    in_word_ = true;
    if (c == '$') return variable();
    if (c == '`') return not_read("'`' is for a shell");
    if (c == '\\' && at_ < text_.size()) c = text_[at_++];
    word_ += c;
    return {};
  }

  /// $NAME or ${NAME}, and no form such as ${NAME:-word}. A name that the script has not set is an
  /// error: its value would come from the environment of a shell.
  Result<void> variable() {
    const bool braces = at_ < text_.size() && text_[at_] == '{';
    if (braces) ++at_;
    const auto begin = at_;
    while (at_ < text_.size() &&
           (std::isalnum(static_cast<unsigned char>(text_[at_])) != 0 || text_[at_] == '_'))
      ++at_;
    const auto known = variables_.find(std::string(text_.substr(begin, at_ - begin)));
    if (known == variables_.end() || (braces && (at_ >= text_.size() || text_[at_++] != '}')))
      return not_read("only a shell knows the value of " + printable(text_.substr(begin - 1)));
    word_ += known->second;
    return {};
  }

  std::string_view text_;
  const std::map<std::string, std::string>& variables_;
  std::size_t at_ = 0;
  Words words_;
  std::string word_;
  bool in_word_ = false;
};

/// NAME=VALUE, with a name that a shell accepts.
bool is_assignment(std::string_view word) {
  const auto equals = word.find('=');
  if (equals == 0 || equals == std::string_view::npos ||
      std::isdigit(static_cast<unsigned char>(word[0])) != 0)
    return false;
  return std::ranges::all_of(word.substr(0, equals),
                             [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; });
}

/// Whether the option decides how many ranks there are, if no other does.
/// Open MPI starts one rank on each host of `--host a,b`, and `ppr:2:node` has a number in it.
bool tells_ranks(const std::string& option) {
  const auto name = option.substr(option.find_first_not_of('-'));
  return name.starts_with("host ") || name.starts_with("H ") || name.find("ppr:") != std::string::npos;
}

/// Takes one line after the other. A line has an effect only on the lines below it, as in a shell.
class Script {
 public:
  Result<void> take(std::string_view line) {
    TRY_AS(words, Line(line, variables_).words());
    if (words->empty()) return {};
    // Without export the ranks do not get the variable; it only fills in the later lines.
    if (std::ranges::all_of(*words, is_assignment)) return assign(*words);
    // /usr/bin/mpirun is mpirun too.
    auto name = words->front().substr(words->front().rfind('/') + 1);
    // An export below mpirun does not reach the ranks any more.
    if (name == "export" && job_.command.empty() &&
        std::all_of(words->begin() + 1, words->end(), is_assignment)) {
      words->erase(words->begin());
      for (const auto& word : *words) set_for_ranks(word);
      return assign(*words);
    }
    if (name == "echo" || name == "set") return {};
    // A cd below mpirun comes too late, and a second one may be relative to the first.
    if (name == "cd" && words->size() == 2 && job_.command.empty() && job_.workdir.empty()) {
      job_.workdir = (*words)[1];
      return {};
    }
    if (std::ranges::any_of(*words, [](const auto& word) { return word.starts_with('~'); }))
      return not_read("'~' is for a shell");
    if (name == "mpirun" || name == "mpiexec") return take_mpirun(*words);
    return not_read(printable(words->front()) + " is neither mpirun nor cd");
  }

  Result<ScriptJob> finish() {
    if (job_.command.empty()) return not_read("it has no mpirun");
    return std::move(job_);
  }

 private:
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
    std::size_t i = 1;
    // The first word without a dash is the program; what follows it belongs to the program.
    while (i < words.size() && words[i].starts_with('-')) {
      const auto option = known_option(words[i]);
      if (!option || i + option->values >= words.size())
        return not_read(fmt::format("mpirun's {} is not known here", printable(words[i])));
      const Words values(words.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                         words.begin() + static_cast<std::ptrdiff_t>(i + option->values) + 1);
      TRY(take_option(option->meaning, words[i], values));
      i += 1 + option->values;
    }
    job_.command.assign(words.begin() + static_cast<std::ptrdiff_t>(i), words.end());
    if (job_.command.empty()) return not_read("mpirun has no program");
    // mpirun takes `:` between programs, each of which has its own ranks.
    if (std::ranges::count(job_.command, ":") > 0) return not_read("it starts several programs");
    if (job_.np.empty() && job_.per_node.empty() && std::ranges::any_of(job_.left_out, tells_ranks))
      return not_read("it gives the number of ranks by --host or --map-by");
    return {};
  }

  Result<void> take_option(Meaning meaning, const std::string& option, const Words& values) {
    switch (meaning) {
      case Meaning::np:
      case Meaning::per_node:
        if (const auto count = parse_number(values.front()); count.value_or(0) > 0)
          (meaning == Meaning::np ? job_.np : job_.per_node) = std::to_string(*count);
        else
          return not_read(fmt::format("{} {} is not a number of ranks", option, printable(values.front())));
        break;
      // -x NAME passes on the present value; -x NAME=VALUE sets it.
      case Meaning::variable:
        if (is_assignment(values.front()))
          set_for_ranks(values.front());
        else if (const auto known = variables_.find(values.front()); known != variables_.end())
          set_for_ranks(known->first + "=" + known->second);
        else
          return not_read(fmt::format("only a shell knows the value of {}", printable(values.front())));
        break;
      case Meaning::left_out:
        job_.left_out.push_back(option + (values.empty() ? "" : " " + join(values, " ")));
    }
    return {};
  }

  std::map<std::string, std::string> variables_;
  ScriptJob job_;
};

}  // namespace

Result<ScriptJob> read_mpi_script(std::string_view text) {
  Script script;
  std::string whole;  // a line with those that a backslash at its end joins to it
  std::size_t number = 0;
  for (const auto raw : split(text, '\n')) {
    ++number;
    const auto line = trim(raw);
    whole += line;
    if (whole.ends_with('\\')) {
      whole.back() = ' ';
      continue;
    }
    if (auto taken = script.take(std::exchange(whole, {})); !taken)
      return not_read(fmt::format("line {}: {}", number, taken.error().message));
  }
  return script.finish();
}

}  // namespace ec2mpi::cli
