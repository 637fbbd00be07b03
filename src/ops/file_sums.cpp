#include "src/ops/file_sums.hpp"

#include <unistd.h>
#include <algorithm>
#include <asio/post.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>

#include "ec2mpi/base/sha256.hpp"

namespace ec2mpi::ops {

namespace {
constexpr std::uint64_t kPiece = 1024 * 1024;  ///< some milliseconds
}

asio::awaitable<std::string> FileSums::of(std::size_t item, std::uint64_t bytes) {
  const std::pair key{item, bytes};
  if (const auto asked = sums_.find(key); asked != sums_.end()) {
    const auto sum = asked->second;
    const Limit unlimited;
    while (sum->text.empty()) co_await sum->found.wait(unlimited);
    co_return sum->text;
  }
  const auto executor = co_await asio::this_coro::executor;
  const auto sum = std::make_shared<Sum>(executor);
  sums_.emplace(key, sum);
  const auto file = open_item(*tree_, tree_->items[item]);
  Sha256 hash;
  std::string piece(std::min(bytes, kPiece), '\0');
  while (file && bytes > 0) {
    const auto got = ::read(file->get(), piece.data(), std::min<std::uint64_t>(piece.size(), bytes));
    if (got <= 0) break;
    bytes -= static_cast<std::uint64_t>(got);
    hash.add(std::string_view(piece).substr(0, static_cast<std::size_t>(got)));
    if (bytes > 0) co_await asio::post(executor, asio::use_awaitable);
  }
  sum->text = file && bytes == 0 ? hash.finish() : "unreadable";
  sum->found.notify_all();
  co_return sum->text;
}

std::string FileSums::known(std::size_t item, std::uint64_t bytes) const {
  const auto asked = sums_.find({item, bytes});
  return asked == sums_.end() ? std::string() : asked->second->text;
}

}  // namespace ec2mpi::ops
