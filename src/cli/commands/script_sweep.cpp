#include "src/cli/commands/script_sweep.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <cctype>
#include <cstdint>
#include <map>
#include <optional>
#include <set>

#include "ec2mpi/base/text.hpp"

namespace ec2mpi::cli {

namespace {

using Words = std::vector<std::string>;

/// The cast is needed: isdigit() is undefined for negative values, which bytes of UTF-8 may be.
bool is_digit(char c) {
  return std::isdigit(static_cast<unsigned char>(c)) != 0;
}
bool is_letter(char c) {
  return std::isalpha(static_cast<unsigned char>(c)) != 0;
}
bool is_separator(char c) {
  return c == '_' || c == '-';
}

/// "spread_3agents" as the texts "spread_" and "agents", and the number between them. There is one text more
/// than there are numbers.
struct Pieces {
  Words texts = Words(1);
  Words numbers;
};

/// Digits in a row are one number.
Pieces pieces_of(std::string_view text) {
  Pieces pieces;
  while (!text.empty()) {
    const auto end = std::find_if_not(text.begin(), text.end(), is_digit) - text.begin();
    const auto digits = text.substr(0, static_cast<std::size_t>(end));
    // TOML has no integers with leading zeros, and a parameter could not give them back.
    if (digits.empty() || (digits.size() > 1 && digits.front() == '0')) {
      const auto length = std::max<std::size_t>(digits.size(), 1);
      pieces.texts.back() += text.substr(0, length);
      text.remove_prefix(length);
      continue;
    }
    pieces.numbers.emplace_back(digits);
    pieces.texts.emplace_back();
    text.remove_prefix(digits.size());
  }
  return pieces;
}

/// By length, then by text: 3 comes before 12.
bool is_smaller(const std::string& a, const std::string& b) {
  return std::pair(a.size(), a) < std::pair(b.size(), b);
}

/// A script of a group, with its name in pieces.
struct Member {
  const NamedJob* script;
  Pieces pieces;
};

/// A number that differs from script to script.
struct Parameter {
  std::string name;
  Words values;  ///< one for each script
  bool is_used = false;
};

/// One job for all scripts, made field by field. Each field is a text for which the parameters stand.
class Merger {
 public:
  Merger(std::vector<const ScriptJob*> jobs, std::vector<Parameter> parameters)
      : jobs_(std::move(jobs)), parameters_(std::move(parameters)) {}

  /// Nothing if the scripts differ in more than the parameters.
  std::optional<ScriptJob> merge() {
    auto job = *jobs_.front();
    for (const auto* each : jobs_)
      if (each->command.size() != job.command.size() || each->env.size() != job.env.size() ||
          each->flags != job.flags || each->sweep != job.sweep)
        return std::nullopt;
    for (std::size_t i = 0; i < job.command.size(); ++i)
      take(job.command[i], word([i](const ScriptJob& each) { return each.command[i]; }));
    for (std::size_t i = 0; i < job.env.size(); ++i) {
      take(job.env[i].second, word([i](const ScriptJob& each) { return each.env[i].second; }));
      for (const auto* each : jobs_) fits_ = fits_ && each->env[i].first == job.env[i].first;
    }
    take(job.workdir, word([](const ScriptJob& each) { return each.workdir; }));
    take(job.np, count([](const ScriptJob& each) { return each.np; }));
    take(job.per_node, count([](const ScriptJob& each) { return each.per_node; }));
    for (const auto& parameter : parameters_) {
      const auto is_it = [&](const auto& sweep) { return sweep.first == parameter.name; };
      // A parameter that is used nowhere would give the same job again and again.
      if (!parameter.is_used || std::ranges::any_of(job.sweep, is_it)) return std::nullopt;
    }
    if (!fits_) return std::nullopt;
    for (const auto& parameter : parameters_) {
      auto values = parameter.values;
      std::ranges::sort(values, is_smaller);
      values.erase(std::unique(values.begin(), values.end()), values.end());
      job.sweep.emplace_back(parameter.name, std::move(values));
    }
    return job;
  }

 private:
  /// One field that cannot be merged makes the whole job impossible; the others are still read.
  void take(std::string& field, std::optional<std::string> merged) {
    fits_ = fits_ && merged;
    if (merged) field = std::move(*merged);
  }

  template <class Field>
  Words all(Field field) const {
    Words texts;
    for (const auto* job : jobs_) texts.push_back(field(*job));
    return texts;
  }

  static bool are_equal(const Words& texts) {
    return std::ranges::count(texts, texts.front()) == std::ssize(texts);
  }

  /// Numbers in a text may stand anywhere in it.
  template <class Field>
  std::optional<std::string> word(Field field) {
    const auto texts = all(field);
    if (are_equal(texts)) return texts.front();
    std::vector<Pieces> pieces;
    for (const auto& text : texts) pieces.push_back(pieces_of(text));
    for (const auto& each : pieces)
      if (each.texts != pieces.front().texts) return std::nullopt;
    auto merged = pieces.front().texts.front();
    for (std::size_t at = 0; at < pieces.front().numbers.size(); ++at) {
      Words numbers;
      for (const auto& each : pieces) numbers.push_back(each.numbers[at]);
      const auto parameter = std::ranges::find(parameters_, numbers, &Parameter::values);
      if (are_equal(numbers))
        merged += numbers.front();
      else if (parameter == parameters_.end())
        return std::nullopt;
      else
        merged += use(*parameter);
      merged += pieces.front().texts[at + 1];
    }
    return merged;
  }

  /// A number of ranks may be another than the parameter, by a constant: "{n}+2".
  template <class Field>
  std::optional<std::string> count(Field field) {
    const auto texts = all(field);
    if (are_equal(texts)) return texts.front();
    for (auto& parameter : parameters_) {
      std::set<std::int64_t> offsets;
      for (std::size_t i = 0; i < texts.size(); ++i)
        offsets.insert(static_cast<std::int64_t>(parse_number(texts[i]).value_or(0)) -
                       static_cast<std::int64_t>(parse_number(parameter.values[i]).value_or(0)));
      const bool are_numbers =
          std::ranges::all_of(texts, [](const auto& text) { return parse_number(text).has_value(); });
      if (!are_numbers || offsets.size() != 1) continue;
      return use(parameter) + (*offsets.begin() == 0 ? "" : fmt::format("{:+}", *offsets.begin()));
    }
    return std::nullopt;
  }

  /// The text that stands for the parameter's value.
  static std::string use(Parameter& parameter) {
    parameter.is_used = true;
    return "{" + parameter.name + "}";
  }

  std::vector<const ScriptJob*> jobs_;
  std::vector<Parameter> parameters_;
  bool fits_ = true;
};

/// The word at the number, by which the scripts' author calls it: that of "3agents" and of "_seed3". It
/// leaves the texts, and so the job's name. Empty if there is none.
std::string take_word_at(Words& texts, std::size_t at) {
  auto& behind = texts[at + 1];
  const auto end = std::ranges::find_if_not(behind, is_letter);
  if (end != behind.begin() && (end == behind.end() || is_separator(*end))) {
    const std::string word(behind.begin(), end);
    behind.erase(behind.begin(), end);
    return word;
  }
  auto& before = texts[at];
  const auto begin = std::find_if_not(before.rbegin(), before.rend(), is_letter).base();
  // Without something in front of it the word is the job's name.
  if (begin == before.end() || begin == before.begin() || !is_separator(*(begin - 1))) return {};
  const std::string word(begin, before.end());
  before.erase(begin, before.end());
  return word;
}

/// Without the separators beside the part that was taken away.
std::string tidy_name(std::string_view text) {
  std::string name;
  for (const char c : text)
    if (!is_separator(c) || (!name.empty() && !is_separator(name.back()))) name += c;
  if (!name.empty() && is_separator(name.back())) name.pop_back();
  return name;
}

/// `positions`: the numbers of the names that differ.
std::optional<SweptScripts> merge_scripts(const std::vector<Member>& members,
                                          const std::vector<std::size_t>& positions) {
  std::vector<const ScriptJob*> jobs;
  std::vector<Parameter> parameters;
  SweptScripts swept;
  for (const auto& member : members) {
    jobs.push_back(&member.script->job);
    swept.scripts.push_back(member.script->name);
  }
  const auto& first = members.front().pieces;
  auto texts = first.texts;
  std::size_t combinations = 1;
  for (const auto at : positions) {
    Parameter parameter{.name = take_word_at(texts, at), .values = {}};
    // These names set numbers of a job, or are taken already.
    const std::set<std::string> special = {"", "np", "nodes", "variant"};
    const auto is_taken = [&](const std::string& name) {
      return special.contains(name) || std::ranges::count(parameters, name, &Parameter::name) > 0;
    };
    for (int number = 1; is_taken(parameter.name); ++number)
      parameter.name = number == 1 ? "n" : fmt::format("n{}", number);
    for (const auto& member : members) parameter.values.push_back(member.pieces.numbers[at]);
    combinations *= std::set(parameter.values.begin(), parameter.values.end()).size();
    parameters.push_back(std::move(parameter));
  }
  if (combinations != members.size()) return std::nullopt;
  std::string name = texts.front();
  swept.pattern = first.texts.front();
  for (std::size_t at = 0; at < first.numbers.size(); ++at) {
    const bool differs = std::ranges::count(positions, at) > 0;
    name += (differs ? "" : first.numbers[at]) + texts[at + 1];
    swept.pattern += (differs ? "*" : first.numbers[at]) + first.texts[at + 1];
  }
  swept.name = tidy_name(name);
  if (swept.name.empty()) swept.name = parameters.front().name;
  auto job = Merger(std::move(jobs), std::move(parameters)).merge();
  if (!job) return std::nullopt;
  swept.job = std::move(*job);
  return swept;
}

/// All members have the same texts, so they have equally many numbers.
std::vector<std::size_t> differing_positions(const std::vector<Member>& members) {
  std::vector<std::size_t> positions;
  const auto& first = members.front().pieces.numbers;
  for (std::size_t at = 0; at < first.size(); ++at) {
    const auto differs = [&](const Member& member) { return member.pieces.numbers[at] != first[at]; };
    if (std::ranges::any_of(members, differs)) positions.push_back(at);
  }
  return positions;
}

/// Members that differ in this number only.
std::vector<std::vector<Member>> groups_at(const std::vector<Member>& members, std::size_t at) {
  std::map<Words, std::vector<Member>> groups;
  for (const auto& member : members) {
    auto rest = member.pieces.numbers;
    rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(at));
    groups[rest].push_back(member);
  }
  std::vector<std::vector<Member>> several;
  for (auto& [rest, group] : groups)
    if (group.size() > 1) several.push_back(std::move(group));
  return several;
}

/// All differing numbers as parameters, else one of them, the last one first.
std::vector<SweptScripts> sweeps_of(const std::vector<Member>& members) {
  const auto positions = differing_positions(members);
  if (auto swept = merge_scripts(members, positions)) return {std::move(*swept)};
  for (auto at = positions.rbegin(); at != positions.rend() && positions.size() > 1; ++at) {
    std::vector<SweptScripts> found;
    for (const auto& group : groups_at(members, *at))
      if (auto swept = merge_scripts(group, {*at})) found.push_back(std::move(*swept));
    if (!found.empty()) return found;
  }
  return {};
}

/// "spread_*agents", for a message about scripts that form no sweep.
std::string pattern_of(const std::vector<Member>& members) {
  const auto& [texts, numbers] = members.front().pieces;
  const auto positions = differing_positions(members);
  auto pattern = texts.front();
  for (std::size_t at = 0; at < numbers.size(); ++at)
    pattern += (std::ranges::count(positions, at) > 0 ? "*" : numbers[at]) + texts[at + 1];
  return pattern;
}

}  // namespace

/// Scripts are alike if their names have the same texts between the numbers.
ScriptSweeps find_sweeps(const std::vector<NamedJob>& jobs, const std::vector<std::string>& names) {
  std::map<Words, std::vector<Member>> alike;
  for (const auto& script : jobs) {
    auto pieces = pieces_of(script.name);
    alike[pieces.texts].push_back({&script, std::move(pieces)});
  }
  ScriptSweeps sweeps;
  std::set<std::string> taken(names.begin(), names.end());
  for (const auto& [texts, members] : alike) {
    if (members.size() < 2) continue;
    auto found = sweeps_of(members);
    const auto differs = [&](const Member& member) { return member.script->job != members[0].script->job; };
    if (found.empty() && std::ranges::any_of(members, differs)) sweeps.apart.push_back(pattern_of(members));
    for (auto& swept : found)
      if (taken.insert(swept.name).second) sweeps.found.push_back(std::move(swept));
  }
  return sweeps;
}

}  // namespace ec2mpi::cli
