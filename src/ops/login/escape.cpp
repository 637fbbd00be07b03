#include "src/ops/login/escape.hpp"

namespace ec2mpi::ops {

EscapeFilter::Step EscapeFilter::next(std::string_view& input) {
  constexpr char kEscape = '~';
  Step step;
  while (!input.empty()) {
    const char c = input.front();
    input.remove_prefix(1);
    if (tilde_held_) {
      tilde_held_ = false;
      if (c == '.' || c == '?') {  // the line still begins after it: ~?~. works
        step.action = c == '.' ? EscapeAction::leave : EscapeAction::help;
        return step;
      }
      // The ~ that was held back is text, as in ssh(1).
      if (c != kEscape) step.bytes += kEscape;
    } else if (line_begins_ && c == kEscape) {
      tilde_held_ = true;
      continue;
    }
    step.bytes += c;
    line_begins_ = c == '\r' || c == '\n';
  }
  return step;
}

}  // namespace ec2mpi::ops
