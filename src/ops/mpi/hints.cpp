#include "ec2mpi/ops/mpi/hints.hpp"

#include <fmt/format.h>
#include <algorithm>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/ops/mpi/command.hpp"
#include "src/ops/mpi/known_errors.hpp"
#include "src/ops/mpi/rank_tag.hpp"

namespace ec2mpi::ops {

namespace {

/// A longer word between two known texts is no path or host, but a piece of the program's own output.
constexpr std::size_t kLongestWord = 120;

/// A known text in the output.
struct Match {
  std::string word;        ///< that `*` stands for; "" without one
  std::size_t end = 0;     ///< behind the text
  std::string ahead = {};  ///< with a `*`: the last word in front of the text, "./ring" of "./ring: "
};

/// Without the tag of the rank that has printed the line.
std::string word_ahead(std::string_view line, std::size_t text) {
  auto ahead = line.substr(0, text);
  if (const auto tag = rank_tag(line); tag && tag->size <= text) ahead.remove_prefix(tag->size);
  ahead = trim(ahead);
  if (ahead.ends_with(':')) ahead.remove_suffix(1);
  return std::string(ahead.substr(ahead.find_last_of(" \t") + 1));  // npos + 1 is the beginning
}

constexpr std::string_view kProgram = "{program}";
constexpr char kPageEnd = '\f';

/// Nothing if the text isn't in the output.
std::optional<Match> match(std::string_view text, std::string_view output) {
  const auto star = text.find('*');
  if (star == std::string_view::npos) {
    const auto at = output.find(text);
    if (at == std::string_view::npos) return std::nullopt;
    return Match{{}, at + text.size()};
  }
  const auto before = text.substr(0, star);
  const auto after = text.substr(star + 1);
  // From the text behind the star backwards, so that the word ends there and lies within one line.
  for (auto at = output.find(after, before.size()); at != std::string_view::npos;
       at = output.find(after, at + 1)) {
    const auto line_start = at == 0 ? 0 : output.rfind('\n', at - 1) + 1;
    const auto line = output.substr(line_start, at - line_start);
    const auto text_begin = before.empty() ? line.find_last_of(" \t") + 1 : line.rfind(before);
    if (text_begin == std::string_view::npos) continue;
    const auto word = trim(line.substr(text_begin + before.size()));
    if (!word.empty() && word.size() <= kLongestWord)
      return Match{std::string(word), at + after.size(), word_ahead(line, text_begin)};
  }
  return std::nullopt;
}

/// Each `name` in the text becomes the word; a slash at its end and one behind it become one.
std::string filled(std::string_view text, std::string_view name, const std::string& word) {
  std::string whole;
  for (auto place = text.find(name); place != std::string_view::npos; place = text.find(name)) {
    whole.append(text.substr(0, place)).append(word);
    text.remove_prefix(place + name.size());
    if (whole.ends_with('/') && text.starts_with('/')) text.remove_prefix(1);
  }
  return whole.append(text);
}

/// The user types the command, so a name from the output must not become shell text in it.
bool is_plain(std::string_view word) {
  return !word.starts_with('-') && std::all_of(word.begin(), word.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '/' || c == '-';
  });
}

/// The label of a host; empty if the output's name for it is not known.
std::string label_of(const std::string& host, const HintContext& context) {
  const auto named = context.names.find(host);
  return named == context.names.end() ? std::string() : named->second;
}

/// The pages of Open MPI: it prints each between two lines of dashes, behind which a rank's tag may stand in
/// front. Such lines are paired from the end, which is Open MPI's when a job has failed: the beginning may be
/// cut off.
std::string pages_of(std::string_view output) {
  const auto is_rule = [](std::string_view line) {
    const auto dashes = line.size() - (line.find_last_not_of('-') + 1);  // npos + 1 is the beginning
    return dashes >= 70 && dashes <= 80;                                 // 74 in most versions
  };
  std::vector<std::size_t> rules;
  const auto lines = split(output, '\n');
  for (std::size_t i = 0; i < lines.size(); ++i)
    if (is_rule(trim(lines[i]))) rules.push_back(i);
  std::string pages;
  for (auto rule = rules.size() % 2; rule + 1 < rules.size(); rule += 2) {
    for (auto i = rules[rule] + 1; i < rules[rule + 1]; ++i) pages.append(lines[i]).push_back('\n');
    pages.push_back(kPageEnd);
  }
  return pages;
}

/// A node, as a hint calls it.
struct NodeWords {
  std::string who = "a node";
  std::string where = "exec-all";  ///< the command of ec2mpi that runs something there
};

NodeWords words_of_node(const std::string& host, const HintContext& context) {
  const auto label = label_of(host, context);
  NodeWords node;
  if (!host.empty()) node.who = label.empty() ? printable(host) : label;
  if (label.starts_with("node")) node.where = "exec -w " + label.substr(4);
  return node;
}

/// The host that a page of Open MPI names in a line of its own; the page is that around `place`. Empty if
/// none is named.
std::string host_in_page(std::string_view pages, std::size_t place) {
  const auto before = place == 0 ? std::string_view::npos : pages.rfind(kPageEnd, place - 1);
  const auto begin = before == std::string_view::npos ? 0 : before + 1;
  for (const auto line : split(pages.substr(begin, pages.find(kPageEnd, begin) - begin), '\n'))
    for (const std::string_view name : {"Node:", "Local host:", "Host:"})
      if (trim(line).starts_with(name)) return std::string(trim(trim(line).substr(name.size())));
  return {};
}

struct Printed {
  std::string_view output;
  std::string pages;  ///< the part of it that Open MPI has printed
};

/// A launcher's own words that it could not start something.
bool launch_failed(std::string_view output, std::string_view pages) {
  for (const std::string_view word : {"[mpiexec@", "HYD"})
    if (output.find(word) != std::string_view::npos) return true;
  for (const std::string_view word :
       {"reliably start one or more daemons", "lost communication with a remote daemon"})
    if (pages.find(word) != std::string_view::npos) return true;
  return false;
}

/// Whether the line behind the one that ends with `rest` says that a host lets no connection in. Open MPI
/// says "Operation now in progress" if the other rank has ended.
bool is_kept_out(std::string_view rest) {
  const auto lines = split(rest.substr(0, 2000), '\n');
  if (lines.size() < 2) return false;
  for (const std::string_view reason : {"refused", "No route to host", "timed out"})
    if (lines[1].find(reason) != std::string_view::npos) return true;
  return false;
}

/// Whether the rank that failed first ran on `host`.
bool has_failed_first(const std::string& host, const HintContext& context) {
  if (context.failed_host.empty()) return false;
  const auto failed = label_of(context.failed_host, context);
  return label_of(host, context) == (failed.empty() ? context.failed_host : failed);
}

/// Without names, nothing is known of the job's nodes.
bool is_about_this_job(const KnownError& known, const std::string& word, const Printed& printed,
                       const HintContext& context) {
  using About = KnownError::About;
  if (known.about == About::anything || known.about == About::page || context.names.empty()) return true;
  const auto host = word.substr(word.rfind('@') + 1);  // npos + 1 is the beginning
  if (!label_of(host.substr(0, host.rfind(':')), context).empty()) return true;
  return known.about == About::launch && launch_failed(printed.output, printed.pages);
}

/// The host that a page of Open MPI is about: "Local host:  HOST" in it, or "[HOST:PID]" in front of the next
/// line. Empty if neither is there.
std::string host_behind(std::string_view text) {
  constexpr std::string_view kLocal = "Local host:";
  for (const auto line : split(text.substr(0, 2000), '\n')) {
    const auto words_of_line = trim(line);
    if (words_of_line.starts_with(kLocal)) return std::string(trim(words_of_line.substr(kLocal.size())));
    const auto colon = line.find(':');
    if (line.starts_with('[') && colon != std::string_view::npos && colon > 1)
      return std::string(line.substr(1, colon - 1));
  }
  return {};
}

/// The folder in which Open MPI makes its own ones: "/tmp" of "/tmp/ompi.h1.1000/pid.7".
std::string folder_of_session(std::string_view path) {
  for (const std::string_view begin : {"/ompi.", "/prte.", "/vader_segment", "/sm_segment"})
    if (const auto at = path.find(begin); at != std::string_view::npos && at > 0)
      return std::string(path.substr(0, at));
  const auto slash = path.rfind('/');
  return slash == std::string_view::npos || slash == 0 ? "/" : std::string(path.substr(0, slash));
}

/// Pages of Open MPI about a full file system name the path and the node.
std::optional<Hint> full_disk_hint(const Printed& printed, const HintContext& context) {
  const auto output = printed.output;
  for (const std::string_view text :
       {"Directory: *\n  Error:     No space left on device", "not enough space for * (the shared-memory"}) {
    if (!match(text, printed.pages)) continue;
    const auto found = match(text, output);
    const auto folder = found ? folder_of_session(found->word) : std::string();
    if (!found || !is_plain(folder)) continue;
    const auto node = words_of_node(host_behind(output.substr(found->end)), context);
    return Hint{fmt::format("the file system of {} on {} is full", folder, node.who),
                fmt::format("ec2mpi {0} 'df -h {1}; df -i {1}'", node.where, folder)};
  }
  return std::nullopt;
}

/// PMIx of Open MPI 4 keeps its data in files in Open MPI's folder of temporary files. Its lines begin with
/// "[HOST:PID] " and do not name the folder.
std::optional<Hint> full_temporary_files_hint(const Printed& printed, const HintContext& context) {
  for (auto line : split(printed.output, '\n')) {
    if (const auto tag = rank_tag(line)) line.remove_prefix(tag->size);
    const auto text = line.find("] PMIX ERROR: OUT-OF-RESOURCE in file ");
    const auto colon = line.find(':');
    if (!line.starts_with('[') || text == std::string_view::npos || colon > text ||
        line.find("dstore_segment.c at line ", text) == std::string_view::npos)
      continue;
    const auto node = words_of_node(std::string(line.substr(1, colon - 1)), context);
    return Hint{
        fmt::format("{} has no space left for Open MPI's temporary files, which lie in /tmp if nothing "
                    "else is set; this shows the file system",
                    node.who),
        std::string(kDoctor)};
  }
  return std::nullopt;
}

/// Of a python of the user's own. setup installs mpi4py for that of the system.
std::optional<Hint> own_python_hint(const Printed& printed, const HintContext& context) {
  // A python that is not on a node is no python without a module, whatever those of other nodes print.
  if (match("Executable: *\n", printed.pages)) return std::nullopt;
  auto program = context.program;
  if (const auto says = match("*: No module named mpi4py", printed.output))
    program = says->word;
  else if (!match("No module named 'mpi4py'", printed.output))
    return std::nullopt;
  const bool is_own = program.find('/') != std::string::npos && !program.starts_with("/usr/");
  if (!is_own || !is_python(program) || !is_plain(program)) return std::nullopt;
  return Hint{fmt::format("{} has no mpi4py on a node", program),
              fmt::format("ec2mpi exec-all '{} -m pip install mpi4py'", program)};
}

/// Only if all nodes have python3, because the advice is to use it.
std::optional<Hint> no_python_hint(const Printed& printed, const HintContext& context) {
  if (!context.python3 || !match("Executable: python\n", printed.pages)) return std::nullopt;
  return Hint{"the nodes have no command python, but python3", "ec2mpi run ... -- python3 ..."};
}

/// A setting of the user's, as src/ops/mpi/settings.sh reports it: "ec2mpi: PLACE sets NAME to VALUE".
struct Followed {
  std::string place;  ///< "FILE:LINE", "FILE:LINE:VARIABLE" or "VARIABLE", maybe with "nodeN:" in front
  std::string name;

  [[nodiscard]] std::string text() const { return place + " sets " + name; }
};

/// The first one whose name holds `part`, and that is used.
std::optional<Followed> followed_setting(std::string_view part, std::string_view output) {
  constexpr std::string_view kOurs = "ec2mpi: ";
  constexpr std::string_view kSets = " sets ";
  for (const auto line : split(output, '\n')) {
    const auto sets = line.find(kSets);
    const auto value = line.find(" to ");
    if (!line.starts_with(kOurs) || sets == std::string_view::npos || value == std::string_view::npos ||
        value < sets + kSets.size() || line.find("which is not used") != std::string_view::npos)
      continue;
    Followed found{printable(line.substr(kOurs.size(), sets - kOurs.size())),
                   printable(line.substr(sets + kSets.size(), value - sets - kSets.size()))};
    if (part == kAnySetting || found.name.find(part) != std::string::npos) return found;
  }
  return std::nullopt;
}

/// Whether doctor finds the fault: of interfaces, and of components that are not there.
bool doctor_judges(const std::string& name, std::string_view text) {
  return name.ends_with("_if_include") || name.ends_with("_if_exclude") || name == "ess" ||
         text.find("Component: ") != std::string_view::npos || text.find(" * ") != std::string_view::npos;
}

/// The command that shows the line.
std::string shows_setting(const Followed& setting) {
  auto parts = split(setting.place, ':');
  std::string where = "1";
  if (parts.size() > 1 && parts.front().starts_with("node")) {
    where = parts.front().substr(4);
    parts.erase(parts.begin());
  }
  if (parts.size() > 1 && is_plain(parts[0]) && is_plain(parts[1]) && is_plain(where))
    return fmt::format("ec2mpi exec -w {} 'sed -n {}p {}'", where, parts[1], parts[0]);
  return "ec2mpi exec-all 'env | grep _MCA_'";
}

/// mpirun says nothing at all with some settings (ess).
bool is_only_from_us(std::string_view output) {
  const auto lines = split(trim(output), '\n');
  return std::ranges::all_of(lines, [](auto line) { return line.starts_with("ec2mpi: "); });
}

}  // namespace

/// Of the known texts, the first that fits decides: known_errors() has causes above their consequences.
std::optional<Hint> hint_for(std::string_view output, const HintContext& context) {
  // Hints that need more than one text of the table go first: they name the node or the folder.
  const Printed printed{output, context.whole ? pages_of(output) : std::string(output)};
  for (const auto hint : {full_disk_hint, full_temporary_files_hint, own_python_hint, no_python_hint})
    if (auto found = hint(printed, context)) return found;
  for (const auto& known : known_errors()) {
    const auto found = match(known.text, known.about == KnownError::About::page ? printed.pages : output);
    if (!found || !is_about_this_job(known, found->word, printed, context)) continue;
    if (known.about == KnownError::About::connection &&
        (!is_kept_out(output.substr(found->end)) || has_failed_first(found->word, context)))
      continue;
    // The output has addresses; people know the labels of the list.
    const auto label = label_of(found->word, context);
    const auto word = label.empty() ? printable(found->word) : label;
    const bool in_command = known.command.find("{}") != std::string_view::npos;
    // The cause alone would leave the user without the next step; another text may fit better.
    if (in_command && !is_plain(found->word)) continue;
    const bool needs_program = known.command.find(kProgram) != std::string_view::npos;
    if (needs_program && !is_plain(found->ahead)) continue;
    const auto host = known.about == KnownError::About::page   ? host_in_page(printed.pages, found->end)
                      : known.about == KnownError::About::node ? found->word
                                                               : std::string();
    const auto node = words_of_node(host, context);
    const auto cause_in = [&](std::string_view text) {
      return filled(filled(text, "{node}", node.who), "{}", word);
    };
    if (const auto setting = known.setting.empty() ? std::nullopt : followed_setting(known.setting, output)) {
      // What only some settings can cause, they cause. The advice behind a semicolon is for all other causes.
      auto why = known.setting == kAnySetting
                     ? fmt::format("{}, and {}, which may be why; this shows it",
                                   cause_in(known.cause.substr(0, known.cause.find("; "))), setting->text())
                     : fmt::format("{}, which may be why; this shows the line", setting->text());
      return Hint{std::move(why),
                  doctor_judges(setting->name, known.text) ? std::string(kDoctor) : shows_setting(*setting)};
    }
    auto command = filled(filled(known.command, "{where}", node.where), kProgram, found->ahead);
    return Hint{cause_in(known.cause), filled(command, "{}", found->word)};
  }
  if (const auto setting = followed_setting(kAnySetting, output); setting && is_only_from_us(output))
    return Hint{setting->text() + ", with which mpirun may not start; this shows it",
                doctor_judges(setting->name, {}) ? std::string(kDoctor) : shows_setting(*setting)};
  return std::nullopt;
}

}  // namespace ec2mpi::ops
