#include "src/ops/push/file_sums.hpp"

#include <unistd.h>
#include <algorithm>

namespace ec2mpi::ops {

namespace {
constexpr std::uint64_t kPiece = 256 * 1024;  ///< a fraction of a millisecond, for each that asks
}

/// A file that cannot be opened, or has become shorter, gets kUnreadable, which equals no checksum.
asio::awaitable<Result<std::string>> FileSums::of(std::size_t item, std::uint64_t bytes, Limit limit) {
  auto& known = sums_[{item, bytes}];
  if (!known) {
    auto file = open_item(*tree_, tree_->items[item]);
    known = std::make_shared<Sum>();
    known->left = bytes;
    if (file)
      known->file = std::move(*file);
    else
      known->text = kUnreadable;
  }
  const auto sum = known;
  while (sum->text.empty()) {
    read_piece(*sum);
    // Reading a file never waits in the loop, so signals and timers get their turn here.
    const Wake wake = co_await yield_to_loop(limit);
    if (wake != Wake::notified) co_return wake_error(wake, "the files here could not be read in time");
  }
  co_return sum->text;
}

void FileSums::read_piece(Sum& sum) {
  std::string piece(static_cast<std::size_t>(std::min(sum.left, kPiece)), '\0');
  const auto got = piece.empty() ? 0 : ::read(sum.file.get(), piece.data(), piece.size());
  if (got > 0) {
    sum.left -= static_cast<std::uint64_t>(got);
    sum.hash.add(std::string_view(piece).substr(0, static_cast<std::size_t>(got)));
  }
  if (sum.left == 0)
    sum.text = sum.hash.finish();
  else if (got <= 0)
    sum.text = kUnreadable;
  if (!sum.text.empty()) sum.file = UniqueFd();
}

std::string FileSums::known(std::size_t item, std::uint64_t bytes) const {
  const auto asked = sums_.find({item, bytes});
  return asked == sums_.end() ? std::string() : asked->second->text;
}

}  // namespace ec2mpi::ops
