#include "ec2mpi/ops/node/remote_path.hpp"

#include "ec2mpi/base/text.hpp"

namespace ec2mpi::ops {

Result<std::string> remote_path(std::string_view typed) {
  if (typed.empty()) return fail(ErrorKind::usage, "the path on the nodes is empty; '.' is the login folder");
  if (typed.find('\0') != std::string_view::npos)
    return fail(ErrorKind::usage, "a path can't hold a NUL byte");
  if (typed.front() == '/') return std::string(typed);
  // Programs on the nodes begin in the home folder.
  if (typed == "~") return "./.";
  if (typed.starts_with("~/")) {
    typed.remove_prefix(2);
    while (typed.starts_with('/')) typed.remove_prefix(1);
    return typed.empty() ? "./." : "./" + std::string(typed);
  }
  // "~name" is known to shells only, and no shell reads this path.
  if (typed.front() == '~') {
    return fail(ErrorKind::usage,
                printable(typed) + ": of homes only one's own (~/) is known here; give the whole path");
  }
  // With ./ in front, no program takes the path for an option.
  return "./" + std::string(typed);
}

}  // namespace ec2mpi::ops
