#include "ec2mpi/ops/node/path_filter.hpp"

#include "ec2mpi/base/text.hpp"

namespace ec2mpi::ops {

namespace {

/// Whether the set that begins behind "[" holds the letter; `pattern` continues behind its "]". Nothing that
/// ends is no set: then false, and the pattern stays.
enum class InSet { yes, no, no_set };

InSet match_set(std::string_view& pattern, char letter) {
  std::size_t at = 0;
  const bool inverted = !pattern.empty() && (pattern[0] == '!' || pattern[0] == '^');
  if (inverted) ++at;
  bool found = false;
  for (bool first = true; at < pattern.size(); first = false) {
    // As in a shell, a ] that comes first is a letter of the set.
    if (pattern[at] == ']' && !first) {
      pattern.remove_prefix(at + 1);
      // As in a shell, no set stands for a slash.
      return found != inverted && letter != '/' ? InSet::yes : InSet::no;
    }
    if (pattern[at] == '\\' && at + 1 < pattern.size()) ++at;
    const char low = pattern[at++];
    char high = low;
    if (at + 1 < pattern.size() && pattern[at] == '-' && pattern[at + 1] != ']') {
      high = pattern[at + 1];
      at += 2;
    }
    found = found || (low <= letter && letter <= high);
  }
  return InSet::no_set;
}

/// What a "*" or "**" at the pattern's beginning can stand for: any number of letters, without "/" or with
/// it.
bool match_star(std::string_view rest, std::string_view path, bool crosses) {
  for (std::size_t skip = 0;; ++skip) {
    if (glob_matches(rest, path.substr(skip))) return true;
    if (skip == path.size() || (!crosses && path[skip] == '/')) return false;
  }
}

}  // namespace

bool glob_matches(std::string_view pattern, std::string_view path) {
  while (!pattern.empty()) {
    if (pattern.starts_with("**/")) {  // any number of folders, none too
      const auto rest = pattern.substr(3);
      if (glob_matches(rest, path)) return true;
      const auto slash = path.find('/');
      if (slash == std::string_view::npos) return false;
      path.remove_prefix(slash + 1);
      continue;
    }
    if (pattern == "**") return true;
    if (pattern[0] == '*') return match_star(pattern.substr(1), path, false);
    if (path.empty()) return false;
    const char letter = path[0];
    char wanted = pattern[0];
    pattern.remove_prefix(1);
    path.remove_prefix(1);
    if (wanted == '?') {
      if (letter == '/') return false;
      continue;
    }
    if (wanted == '[') {
      const auto in = match_set(pattern, letter);
      if (in == InSet::no) return false;
      if (in == InSet::yes) continue;
    }
    if (wanted == '\\' && !pattern.empty()) {
      wanted = pattern[0];
      pattern.remove_prefix(1);
    }
    if (wanted != letter) return false;
  }
  return path.empty();
}

void PathFilter::add_rule(std::string_view line, std::string folder) {
  // gitignore(5), here and below: blanks at the end count only behind a backslash.
  while (line.ends_with('\r') || (line.ends_with(' ') && !line.ends_with("\\ "))) line.remove_suffix(1);
  if (line.empty() || line.front() == '#') return;
  Rule rule{.folder = std::move(folder), .pattern = {}};
  if (line.front() == '!') {
    rule.keeps = true;
    line.remove_prefix(1);
  }
  if (line.ends_with('/')) {
    rule.folders_only = true;
    line.remove_suffix(1);
  }
  // A slash at the beginning or in the middle ties the pattern to its folder.
  rule.tied = line.find('/') != std::string_view::npos;
  if (line.starts_with('/')) line.remove_prefix(1);
  rule.pattern = line;
  if (!rule.pattern.empty()) rules_.push_back(std::move(rule));
}

void PathFilter::add_rules(std::string_view text, const std::string& folder) {
  for (const auto line : split(text, '\n')) add_rule(line, folder);
}

bool PathFilter::applies(const Rule& rule, std::string_view path, bool is_folder) {
  if (rule.folders_only && !is_folder) return false;
  if (!rule.folder.empty()) {
    if (!path.starts_with(rule.folder) || path.size() <= rule.folder.size() ||
        path[rule.folder.size()] != '/')
      return false;
    path.remove_prefix(rule.folder.size() + 1);
  }
  const auto slash = path.rfind('/');
  if (!rule.tied && slash != std::string_view::npos) path.remove_prefix(slash + 1);
  return glob_matches(rule.pattern, path);
}

bool PathFilter::excludes_itself(std::string_view path, bool is_folder) const {
  // The last rule that applies decides.
  for (auto rule = rules_.rbegin(); rule != rules_.rend(); ++rule) {
    if (applies(*rule, path, is_folder)) return !rule->keeps;
  }
  return false;
}

bool PathFilter::excludes(std::string_view path, bool is_folder) const {
  if (rules_.empty()) return false;
  // As in git, a rule cannot bring back an entry of an excluded folder.
  for (auto slash = path.find('/'); slash != std::string_view::npos; slash = path.find('/', slash + 1)) {
    if (excludes_itself(path.substr(0, slash), true)) return true;
  }
  return excludes_itself(path, is_folder);
}

}  // namespace ec2mpi::ops
