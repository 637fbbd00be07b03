#pragma once
/// Equal tracebacks of many ranks on standard error, shown once with their ranks. Pure.

#include <string>
#include <string_view>
#include <vector>

namespace ec2mpi::ops {

/// Passes the bytes of standard error, except that tracebacks of Python, and what stands between them, are
/// held back, and equal ones then become one, under a line that names the ranks; the first failure comes
/// first. Ranks are known from the tags of --tag, or if all ranks printed it; else only their number is.
class TracebackFilter {
 public:
  /// The number of ranks; 0: unknown.
  void set_ranks(int ranks) { ranks_ = ranks; }

  [[nodiscard]] std::string feed(std::string_view bytes);
  /// Whether bytes are held back. The caller must show them soon, by finish().
  [[nodiscard]] bool is_holding() const { return !lines_.empty() || !partial_.empty(); }
  /// How many tracebacks have begun.
  [[nodiscard]] std::size_t tracebacks() const { return tracebacks_; }
  /// The bytes that are held back, at once.
  [[nodiscard]] std::string finish();

 private:
  void take_line(std::string line, std::string& passed);
  [[nodiscard]] std::string take_held();

  int ranks_ = 0;
  bool in_line_ = false;  ///< behind the beginning of a line that passes
  std::string partial_;   ///< a line without its end
  std::vector<std::string> lines_;
  std::size_t others_ = 0;      ///< lines since the last one of a traceback
  std::size_t held_ = 0;        ///< bytes of lines_
  std::size_t tracebacks_ = 0;  ///< since the beginning
};

}  // namespace ec2mpi::ops
