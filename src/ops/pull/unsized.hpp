#pragma once
/// Files that do not report their size, such as those of /proc and /sys: read to their end.

#include <asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "ec2mpi/fleet/fleet.hpp"
#include "ec2mpi/ssh/transport.hpp"
#include "src/ops/pull/choice.hpp"

namespace ec2mpi::ops {

/// Takes the answer of read_unsized.sh.
class UnsizedFiles {
 public:
  static constexpr std::uint64_t kMostOfAFile = 64'000'000;
  using OnBytes = std::function<void(std::uint64_t)>;

  /// `most`: bytes that may come in all; more is an error. `tree` is borrowed.
  UnsizedFiles(std::vector<PullWant> files, SafeTree& tree, std::uint64_t most, OnBytes on_bytes)
      : files_(std::move(files)), tree_(tree), left_(most), on_bytes_(std::move(on_bytes)) {}

  /// Errors: protocol for bytes that are no answer, remote_io for too many, local_io.
  [[nodiscard]] Result<void> feed(std::string_view text);

  [[nodiscard]] std::size_t asked() const { return files_.size(); }
  [[nodiscard]] std::size_t arrived() const { return arrived_; }

 private:
  Result<void> take(char letter, std::string& bytes);
  Result<void> write(std::string& bytes);
  Result<void> end(bool whole);

  std::vector<PullWant> files_;
  SafeTree& tree_;
  std::uint64_t left_;
  OnBytes on_bytes_;
  std::size_t next_ = 0;  ///< the file that is being read
  bool begun_ = false;
  int digit_ = -1;  ///< the first one of a pair
  std::uint64_t of_file_ = 0;
  std::size_t arrived_ = 0;
};

/// Asks the node for these files; its standard error goes to `keep`.
[[nodiscard]] asio::awaitable<Result<ssh::ExitStatus>> pull_unsized(
    NodeRun& run, bool as_root, UnsizedFiles& reader, std::vector<PullWant> files,
    std::function<void(std::string_view)> keep);

}  // namespace ec2mpi::ops
