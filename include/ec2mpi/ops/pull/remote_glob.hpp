#pragma once
/// Wildcards in a path on a node: * ? [a-z] [!a-z], and \ in front of a character that is no wildcard. The
/// node's sh expands them; everything else in the path is quoted. Pure.

#include <optional>
#include <string>
#include <string_view>

namespace ec2mpi::ops {

struct RemoteGlob {
  std::string shell;      ///< words for `eval "set -- ..."`: only wildcards stand outside of quotes
  std::string pattern;    ///< for fnmatch
  std::size_t fixed = 0;  ///< number of components at the beginning that hold no wildcard

  /// What a path that the node says has matched is called in the target: from its first component with a
  /// wildcard on, so that "run1/log" and "run2/log" stay two. Nothing if it does not match at all, or would
  /// lead elsewhere.
  [[nodiscard]] std::optional<std::string> name_of(std::string_view matched) const;
};

/// Nothing if the path holds no wildcard. Leave it whole: what exists under the very name, brackets and all,
/// is meant first.
[[nodiscard]] std::optional<RemoteGlob> remote_glob(std::string_view path);

}  // namespace ec2mpi::ops
