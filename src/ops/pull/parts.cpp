#include "src/ops/pull/parts.hpp"

#include <algorithm>

namespace ec2mpi::ops {

std::optional<FilePart> FileParts::take() {
  // These parts first: all parts behind them wait in memory until they are written.
  if (!returned_.empty()) {
    const auto part = returned_.front();
    returned_.pop_front();
    return part;
  }
  if (next_ >= size_ || full()) return std::nullopt;
  const FilePart part{next_, std::min(next_ + kPart, size_)};
  next_ = part.to;
  return part;
}

void FileParts::give_back(FilePart part) {
  if (part.from >= part.to) return;
  returned_.push_back(part);
  // The file is written from its front.
  std::sort(returned_.begin(), returned_.end(),
            [](const FilePart& a, const FilePart& b) { return a.from < b.from; });
}

bool FileParts::full() const {
  return returned_.empty() && next_ < size_ && next_ - written_ >= kAhead;
}

}  // namespace ec2mpi::ops
