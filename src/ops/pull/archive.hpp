#pragma once
/// Unpacks the archive of a node; refuses files that were not asked for.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

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

  /// The files that have not arrived; one that has two places here counts for each of them.
  [[nodiscard]] std::vector<const PullWant*> missing() const;
  /// Members that had become something else than files.
  [[nodiscard]] const std::vector<std::string>& skipped() const { return skipped_; }

 private:
  /// One place here that a file of the node is to have. Several sources may mean one file, and tar then sends
  /// it once for each.
  struct Wanted {
    std::string_view name;  ///< of the member
    const PullWant* file;
    std::size_t members = 0;  ///< that have come by this name; counted only in the first one of a name
    bool arrived = false;
  };

  [[nodiscard]] Wanted* first_of(std::string_view name);
  [[nodiscard]] Wanted* next_of(std::string_view name);
  Result<void> take(Wanted& wanted, const TarEntry& entry);
  Result<void> copy_from(std::string_view other, Wanted& wanted, TarEntry entry);

  SafeTree& tree_;
  std::vector<Wanted> wanted_;  ///< sorted by the names
  std::uint64_t left_;
  bool as_listed_;
  std::uint64_t left_of_file_ = 0;
  OnBytes on_bytes_;
  bool writing_ = false;
  std::vector<std::string> skipped_;
};

}  // namespace ec2mpi::ops
