#pragma once
/// The complaints of the programs on a node during a pull. They are read line by line, so that a flood of
/// lines hides none that matters. Pure.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ec2mpi/ops/node/path_filter.hpp"

namespace ec2mpi::ops {

class Complaints {
 public:
  static constexpr std::size_t kMostNames = 20;

  /// The first names (or complaints), and how many there are.
  struct Files {
    std::vector<std::string> names = {};
    std::size_t count = 0;
    void add(std::string_view name);
  };

  /// A complaint about what `exclude` leaves out is none; borrowed, may be nullptr.
  explicit Complaints(const PathFilter* exclude = nullptr) : exclude_(exclude) {}
  /// Takes bytes of standard error, in parts of any size.
  void feed(std::string_view bytes);
  /// A last line may lack its end.
  void end();

  /// The reason for a failure; empty if the node only reports files that change.
  [[nodiscard]] std::string reason() const;
  [[nodiscard]] const Files& changed() const { return changed_; }
  /// GNU tar fills the rest of such a file with zeros.
  [[nodiscard]] const Files& shrunk() const { return shrunk_; }
  /// Whether the node reports only what is no failure.
  [[nodiscard]] bool excuses_failure() const {
    return reason().empty() && changed_.count + shrunk_.count + excluded_ > 0;
  }

 private:
  void take_line(std::string_view line);
  [[nodiscard]] std::string first_of_tools() const;

  const PathFilter* exclude_;
  std::size_t excluded_ = 0;         ///< complaints about what is left out
  std::string line_;                 ///< the beginning of a line
  std::optional<std::string> ours_;  ///< what a program of ours said
  Files of_tools_;                   ///< the complaints of tools
  std::string poor_tool_;            ///< the tool of the first one, if it lacks an option
  std::string other_;                ///< the first of all other text
  Files changed_;
  Files shrunk_;
};

}  // namespace ec2mpi::ops
