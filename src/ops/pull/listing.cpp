#include "src/ops/pull/listing.hpp"

#include <algorithm>
#include <utility>

#include "ec2mpi/base/file_time.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/ops/node/listed_fields.hpp"

namespace ec2mpi::ops {

namespace {

constexpr std::size_t kDiskBlock = 512;                      // what find's %b counts
constexpr std::uint64_t kMostSize = std::uint64_t{1} << 53;  // 9 PB: no file is larger

std::unexpected<Error> bad(std::string_view record) {
  return fail(ErrorKind::protocol, "the node's listing makes no sense: " + printable(record.substr(0, 100)));
}

/// Folders are listed as "FOLDER/.".
RemoteSource source_from(const std::string& home, std::string_view matched, std::string_view path) {
  if (matched == "/.") return {.matched = "/", .path = {}};
  if (matched.ends_with("/.")) matched.remove_suffix(2);
  RemoteSource source{.matched = std::string(matched), .path = std::string(path)};
  // The script leaves the second path out where it equals the first one.
  if (path.empty()) {
    if (matched.starts_with("./")) matched.remove_prefix(2);
    const auto above = matched.starts_with('/') ? std::string() : home + "/";
    source.path = matched == "." ? home : above + std::string(matched);
  }
  // Of a file that two sources mean, both then give the same path.
  while (source.path.ends_with('/') || source.path.ends_with("/.")) source.path.pop_back();
  return source;
}

}  // namespace

Result<void> ListingMemory::take(std::size_t bytes) {
  // Refused bytes are counted, too: the destructor gives back all of them.
  mine_ += bytes;
  all_ += bytes;
  if (all_ <= kMost) return {};
  return fail(ErrorKind::remote_io,
              "the files that all nodes list need more than 512 MiB of memory here; leave out folders with "
              "--exclude, or pull from fewer nodes at once with -w");
}

Result<RemoteItem> parse_record(std::string_view record) {
  const auto fields = split(record, ' ');
  if (fields.size() != 6) return bad(record);
  RemoteItem item;
  item.type = type_of_letter(fields[0]);
  const auto mode = parse_mode(fields[1], 8);
  const auto size = parse_number(fields[2]);
  const auto blocks = parse_number(fields[3]);
  const auto inode = parse_number(fields[4]);
  const auto time = parse_file_time(fields[5], Fraction::after_second);
  if (!mode || !size || !blocks || !inode || *size > kMostSize || !time) return bad(record);
  item.mode = *mode & 07777U;
  item.mtime = time->seconds;
  item.nanoseconds = time->nanoseconds.value_or(0);
  item.inode = *inode;
  if (item.type == TarType::file) {
    item.size = *size;
    // With a number of blocks that cannot be true, the file counts as one without holes.
    item.allocated = *blocks > kMostSize / kDiskBlock ? *size : *blocks * kDiskBlock;
  }
  return item;
}

Result<std::string_view> PullListing::feed(std::string_view bytes) {
  if (ended_) return bytes;
  rest_.append(bytes);
  std::string_view left = rest_;
  if (!began_) {
    const auto place = left.find(token_);
    if (place == std::string_view::npos && left.size() > kMostBefore)
      return fail(ErrorKind::protocol, "the node prints much before any file; see its .bashrc");
    if (place == std::string_view::npos) return std::string_view();
    began_ = true;
    left.remove_prefix(place + token_.size());
  }
  while (!ended_) {
    // A record has three fields that end with NUL. An incomplete one waits for more bytes.
    const auto first = left.find('\0');
    const auto second = first == std::string_view::npos ? first : left.find('\0', first + 1);
    const auto third = second == std::string_view::npos ? second : left.find('\0', second + 1);
    if (third == std::string_view::npos) break;
    TRY_AS(taken, take_record(left.substr(0, first), left.substr(first + 1, second - first - 1),
                              left.substr(second + 1, third - second - 1)));
    left.remove_prefix(third + 1);
  }
  rest_.erase(0, rest_.size() - left.size());
  if (ended_) {
    behind_ = std::exchange(rest_, {});
    return std::string_view(behind_);
  }
  // No honest record is longer: a field without an end must not fill the memory here.
  if (rest_.size() > 2 * TarDecoder::kLongestName)
    return fail(ErrorKind::protocol, "the node's listing is longer than can be");
  return std::string_view();
}

std::vector<RemoteSource> PullListing::take() {
  ended_ = false;
  return std::exchange(sources_, {});
}

Result<void> PullListing::take_record(std::string_view kind, std::string_view second,
                                      std::string_view third) {
  if (kind == "tick") return {};
  if (kind == "end") {
    ended_ = true;
  } else if (kind == "home") {
    if (second.size() > kLongestHome) return bad(kind);
    home_ = second;
  } else if (kind == "source") {
    if (second.empty()) return bad(kind);
    sources_.push_back(source_from(home_, second, third));
    TRY(memory_.take(sizeof(RemoteSource) + sources_.back().path.size() + third.size()));
  } else {
    return take_item(kind, second, third);
  }
  return {};
}

Result<void> PullListing::take_item(std::string_view record, std::string_view below, std::string_view link) {
  TRY_AS(item, parse_record(record));
  if (sources_.empty()) return bad(record);
  // Before the memory is counted, so --exclude helps where a listing is too large.
  if (exclude_ != nullptr && !below.empty() && exclude_->excludes(below, item->type == TarType::directory))
    return {};
  TRY(memory_.take(sizeof(RemoteItem) + below.size() + link.size()));
  item->below = below;
  item->link = link;
  sources_.back().items.push_back(std::move(*item));
  return {};
}

}  // namespace ec2mpi::ops
