#include "ec2mpi/ops/pull/remote_glob.hpp"

#include <fnmatch.h>
#include <algorithm>

#include "ec2mpi/base/text.hpp"

namespace ec2mpi::ops {

namespace {

/// These may stand outside of quotes: none of them lets the node's shell do anything but match.
bool plain_in_brackets(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == ':' ||
         c == '[';
}

/// Where the bracket expression that opens at `open` closes; npos if it doesn't in this component.
std::size_t closing(std::string_view path, std::size_t open) {
  auto at = open + 1;
  if (at < path.size() && (path[at] == '!' || path[at] == '^')) ++at;
  // Right behind the opening, "]" stands for itself (glob(7)).
  if (at < path.size() && path[at] == ']') ++at;
  for (; at < path.size() && path[at] != '/'; ++at) {
    if (path.substr(at).starts_with("[:")) {
      const auto end = path.find(":]", at + 2);
      if (end == std::string_view::npos) return end;
      at = end + 1;
    } else if (path[at] == ']') {
      return at;
    }
  }
  return std::string_view::npos;
}

/// Builds the shell's and fnmatch's forms side by side.
class Builder {
 public:
  void literal(char c) {
    run_ += c;
    if (std::string_view("*?[]\\").find(c) != std::string_view::npos) pattern_ += '\\';
    pattern_ += c;
  }
  void wildcard(char c) {
    end_run();
    shell_ += c;
    pattern_ += c;
    found_ = true;
  }
  /// `inside`: the text between the brackets.
  void brackets(std::string_view inside) {
    end_run();
    shell_ += '[';
    pattern_ += '[';
    // POSIX leaves open what "^" means here, so both become "!".
    if (inside.starts_with('!') || inside.starts_with('^')) {
      shell_ += '!';
      pattern_ += '!';
      inside.remove_prefix(1);
    }
    for (std::size_t i = 0; i < inside.size(); ++i) {
      if (inside.substr(i).starts_with(":]")) {  // the end of a class like [:digit:]
        shell_ += ":]";
        pattern_ += ":]";
        ++i;
        continue;
      }
      const char c = inside[i];
      if (plain_in_brackets(c))
        shell_ += c;
      else
        shell_ += quote_word(std::string_view(&c, 1));
      if (c == '\\') pattern_ += '\\';
      pattern_ += c;
    }
    shell_ += ']';
    pattern_ += ']';
    found_ = true;
  }
  [[nodiscard]] bool found() const { return found_; }
  RemoteGlob take(std::size_t fixed) {
    end_run();
    return {.shell = std::move(shell_), .pattern = std::move(pattern_), .fixed = fixed};
  }

 private:
  void end_run() {
    if (!run_.empty()) shell_ += quote_word(run_);
    run_.clear();
  }

  std::string run_;
  std::string shell_;
  std::string pattern_;
  bool found_ = false;
};

std::string_view without_slashes(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  return path;
}

}  // namespace

std::optional<RemoteGlob> remote_glob(std::string_view path) {
  Builder builder;
  std::size_t components = 0;
  std::size_t fixed = 0;
  for (std::size_t i = 0; i < path.size(); ++i) {
    const char c = path[i];
    if (c == '/') ++components;
    const bool before = builder.found();
    if (c == '\\' && i + 1 < path.size()) {
      builder.literal(path[++i]);
    } else if (c == '*' || c == '?') {
      builder.wildcard(c);
    } else if (const auto end = c == '[' ? closing(path, i) : std::string_view::npos;
               end != std::string_view::npos) {
      builder.brackets(path.substr(i + 1, end - i - 1));
      i = end;
    } else {
      builder.literal(c);
    }
    if (builder.found() && !before) fixed = components;
  }
  if (!builder.found()) return std::nullopt;
  return builder.take(fixed);
}

std::optional<std::string> RemoteGlob::name_of(std::string_view matched) const {
  if (matched.find('\0') != std::string_view::npos) return std::nullopt;
  matched = without_slashes(matched);
  const std::string path(matched);
  const std::string wanted(without_slashes(pattern));
  // The node only claims that this path matches; without a test it could send any file. As in a
  // shell, no wildcard matches a slash or a leading dot.
  if (::fnmatch(wanted.c_str(), path.c_str(), FNM_PATHNAME | FNM_PERIOD) != 0) return std::nullopt;
  std::string name;
  const auto names = split(matched, '/');
  for (std::size_t i = fixed; i < names.size(); ++i) {
    if (names[i] == "..") return std::nullopt;
    if (names[i].empty() || names[i] == ".") continue;
    name += (name.empty() ? "" : "/") + std::string(names[i]);
  }
  if (name.empty()) return std::nullopt;
  return name;
}

}  // namespace ec2mpi::ops
