#pragma once
/// The escapes of a login: `~.` and the like, understood only at the beginning of a line, as ssh(1) does.
/// Pure.

#include <string>
#include <string_view>

namespace ec2mpi::ops {

enum class EscapeAction {
  none,   ///< all input was looked at
  leave,  ///< ~.
  help,   ///< ~?
};

/// Stands between the keyboard and the node. Remembers across calls where in a line the input is.
class EscapeFilter {
 public:
  struct Step {
    std::string bytes;  ///< for the node
    EscapeAction action = EscapeAction::none;
  };

  /// Takes from the front of `input` up to the first escape that asks for an action, or all of it. A `~` at
  /// the beginning of a line is held until the next byte decides its meaning: `~~` is one `~`, other pairs
  /// stay as typed.
  [[nodiscard]] Step next(std::string_view& input);

 private:
  bool line_begins_ = true;
  bool tilde_held_ = false;
};

}  // namespace ec2mpi::ops
