#pragma once
/// Checksums of files of a tree, for nodes that want to know whether theirs are the same.

#include <asio/awaitable.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "ec2mpi/base/event.hpp"
#include "ec2mpi/base/file.hpp"
#include "ec2mpi/base/sha256.hpp"
#include "ec2mpi/ops/push/source_tree.hpp"

namespace ec2mpi::ops {

/// Reads a file once, however many nodes ask, piece by piece: other work gets its turn in between. The
/// callers take turns in reading the next piece for all, so it does not matter if one of them stops.
class FileSums {
 public:
  explicit FileSums(std::shared_ptr<const SourceTree> tree) : tree_(std::move(tree)) {}

  /// SHA-256 of the first `bytes` bytes of an item, hexadecimal. If these can't be read it is "unreadable".
  [[nodiscard]] asio::awaitable<Result<std::string>> of(std::size_t item, std::uint64_t bytes, Limit limit);

  /// The same, if it has been asked for; else "".
  [[nodiscard]] std::string known(std::size_t item, std::uint64_t bytes) const;

 private:
  static constexpr const char* kUnreadable = "unreadable";

  struct Sum {
    UniqueFd file;
    std::uint64_t left = 0;  ///< bytes to be read
    Sha256 hash;
    std::string text;  ///< once it is known
  };

  static void read_piece(Sum& sum);

  std::shared_ptr<const SourceTree> tree_;
  std::map<std::pair<std::size_t, std::uint64_t>, std::shared_ptr<Sum>> sums_;
};

}  // namespace ec2mpi::ops
