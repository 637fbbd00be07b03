#include "src/ops/pull/safe_path.hpp"

#include <fmt/format.h>

#include "ec2mpi/base/text.hpp"

namespace ec2mpi::ops {

Result<std::vector<std::string>> names_below(std::string_view path) {
  const auto refuse = [path](std::string_view why) {
    return fail(ErrorKind::protocol,
                fmt::format("the node sent a file named {}, which {}; refused", printable(path), why));
  };
  if (path.empty() || path.front() == '/') return refuse("is no path below the target");
  // The kernel would end the path there, and open another file than the one that was checked.
  if (path.find('\0') != std::string_view::npos) return refuse("holds a NUL byte");
  std::vector<std::string> names;
  for (const auto name : split(path, '/')) {
    if (name == "..") return refuse("leads out of the target");
    if (!name.empty() && name != ".") names.emplace_back(name);
  }
  return names;
}

bool link_stays_inside(std::string_view path, std::string_view target) {
  if (target.empty() || target.front() == '/') return false;
  long depth = -1;  // of the folder that holds the link
  for (const auto name : split(path, '/')) {
    if (name == "..") return false;
    if (!name.empty() && name != ".") ++depth;
  }
  bool going_up = true;
  for (const auto name : split(target, '/')) {
    if (name.empty() || name == ".") continue;
    if (name != "..") {
      going_up = false;
    } else if (!going_up || --depth < 0) {
      return false;
    }
  }
  return true;
}

std::string pull_temporary(std::string_view kind, std::string_view text) {
  std::uint64_t hash = 14695981039346656037ULL;  // FNV-1a
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return fmt::format("{}{}.{:016x}", kPullTemporary, kind, hash);
}

}  // namespace ec2mpi::ops
