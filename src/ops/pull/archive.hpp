#pragma once
/// Unpacks the archive of a node; refuses files that were not asked for.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "ec2mpi/base/tar.hpp"
#include "src/ops/pull/choice.hpp"

namespace ec2mpi::ops {

class PullArchive : public TarVisitor {
 public:
  using OnBytes = std::function<void(std::uint64_t)>;

  /// `wanted` and `tree` are borrowed. `most`: bytes of content; more is an error.
  /// `as_listed`: a file that has grown since it was listed is cut to its listed size, so that pull --follow
  /// knows how much of it is here.
  PullArchive(const std::vector<PullWant>& wanted, SafeTree& tree, std::uint64_t most, bool as_listed,
              OnBytes on_bytes);

  [[nodiscard]] Result<void> on_entry(const TarEntry& entry) override;
  [[nodiscard]] Result<void> on_data(std::string_view bytes) override;
  [[nodiscard]] Result<void> on_entry_end() override;

  [[nodiscard]] std::size_t arrived() const { return arrived_; }
  /// The files that have not arrived.
  [[nodiscard]] std::vector<const PullWant*> missing() const;
  /// Members that had become something else than files.
  [[nodiscard]] const std::vector<std::string>& skipped() const { return skipped_; }

 private:
  SafeTree& tree_;
  struct Wanted {
    const PullWant* file;
    bool seen = false;
  };
  std::unordered_map<std::string_view, Wanted> wanted_;
  std::uint64_t left_;
  bool as_listed_;
  std::uint64_t left_of_file_ = 0;
  OnBytes on_bytes_;
  bool writing_ = false;
  std::size_t arrived_ = 0;
  std::vector<std::string> skipped_;
};

}  // namespace ec2mpi::ops
