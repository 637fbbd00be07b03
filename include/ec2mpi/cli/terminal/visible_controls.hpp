#pragma once
/// A program's stream as a terminal may get it: a node must not be able to write over other lines, change the
/// title or make the terminal type. Pure.

#include <string>
#include <string_view>

namespace ec2mpi::cli {

/// Text, colours, tabs, line ends, carriage returns and backspaces pass; other control characters become
/// `\x1b`. The beginning of an escape sequence or of a UTF-8 character is held back until the rest of it
/// arrives.
class VisibleControls {
 public:
  [[nodiscard]] std::string feed(std::string_view bytes);
  /// Returns the bytes that were held back, at the end of the stream.
  [[nodiscard]] std::string finish();

 private:
  std::string held_;
};

}  // namespace ec2mpi::cli
