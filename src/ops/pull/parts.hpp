#pragma once
/// The order in which the parts of one file are asked for and written. Pure.

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "ec2mpi/base/error.hpp"

namespace ec2mpi::ops {

/// A file's bytes [from, to).
struct FilePart {
  std::uint64_t from = 0;
  std::uint64_t to = 0;
};

/// Parts are asked for from the front; a part that arrives too early is kept in memory, so that the file is
/// written from its beginning without holes: its size shows how much has arrived.
class FileParts {
 public:
  static constexpr std::uint64_t kPart = 4 << 20;
  static constexpr std::uint64_t kAhead = 48 << 20;  ///< bytes asked for beyond the written ones

  FileParts(std::uint64_t from, std::uint64_t size) : written_(from), next_(from), size_(size) {}

  /// The next part to ask for; nothing if there is none, or none yet (see full()).
  [[nodiscard]] std::optional<FilePart> take();
  /// A part that a broken connection leaves undone.
  void give_back(FilePart part);
  /// There are parts left, but too much lies in memory.
  [[nodiscard]] bool full() const;

  /// Bytes that came for this place. `write` is called with what can be written now, in order.
  template <class Write>
  Result<void> accept(std::uint64_t at, std::string_view bytes, Write&& write) {
    if (at != written_) {
      early_[at] += bytes;
      return {};
    }
    if (auto done = write(bytes); !done) return done;
    written_ += bytes.size();
    for (auto first = early_.begin(); first != early_.end() && first->first == written_;
         first = early_.begin()) {
      if (auto done = write(std::string_view(first->second)); !done) return done;
      written_ += first->second.size();
      early_.erase(first);
    }
    return {};
  }

  [[nodiscard]] bool complete() const { return written_ == size_; }
  [[nodiscard]] std::uint64_t written() const { return written_; }

 private:
  std::uint64_t written_;
  std::uint64_t next_;
  std::uint64_t size_;
  std::deque<FilePart> returned_;
  std::map<std::uint64_t, std::string> early_;
};

}  // namespace ec2mpi::ops
