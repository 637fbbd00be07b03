#include "src/ops/push/stream.hpp"

#include <fmt/format.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <utility>

namespace ec2mpi::ops {

namespace {

constexpr int kBlocksAtOnce = 4;  ///< that are compressed before others get their turn

/// The first digit of st_mode in hexadecimal and, of files, the size.
/// `count_arrived` in push_archive.sh makes the same text from the files that tar has unpacked.
std::string kind_and_size(const TarEntry& entry) {
  if (entry.type == TarType::directory) return "4\n";
  if (entry.type == TarType::symlink) return "a\n";
  return fmt::format("8 {}\n", entry.size);
}

/// Bytes read, fewer only at the end of the file or for an error.
std::size_t read_full(int fd, char* to, std::size_t size) {
  std::size_t filled = 0;
  while (filled < size) {
    const auto got = ::read(fd, to + filled, size - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    filled += static_cast<std::size_t>(got);
  }
  return filled;
}

}  // namespace

std::string_view PushStream::next() {
  block_.clear();
  packed_.clear();
  if (ended_) return block_;
  if (gzip_) {
    compress();
  } else {
    fill();
  }
  const auto& given = gzip_ ? packed_ : block_;
  // Of the compressed bytes, because nodes relay and check them in this form.
  size_ += given.size();
  sum_.add(given);
  if (ended_) sum_text_ = sum_.finish();
  return given;
}

/// Not for long at a time, however little comes out of much; and never nothing, which would be the end.
void PushStream::compress() {
  for (int blocks = 0; !ended_ && packed_.size() < kBlock && (packed_.empty() || blocks < kBlocksAtOnce);
       ++blocks) {
    block_.clear();
    fill();
    gzip_->add(block_, packed_);
  }
  if (ended_) gzip_->finish(packed_);
}

void PushStream::fill() {
  while (block_.size() < kBlock && !ended_) {
    if (file_)
      add_file_data();
    else if (at_ < content_.items.size())
      begin_item();
    else
      add_end();
  }
}

void PushStream::begin_item() {
  const SourceItem& item = tree_->items[content_.items[at_]];
  TarEntry entry{.name = member_name(item),
                 .type = item.type,
                 .link = item.link,
                 .size = item.size,
                 .mode = item.mode,
                 .mtime = item.mtime,
                 .nanoseconds = item.nanoseconds};
  // The node's tar has to write into the folder. Its real mode follows in "foldersN".
  if (item.type == TarType::directory) entry.mode |= 0700;
  if (item.type == TarType::file) {
    begin_file(item, std::move(entry));
    return;
  }
  ++at_;
  list_member(entry);
  block_ += encode_tar_header(entry);
}

/// Opens the file of the present item, of which only the bytes behind offset_of() are sent, and writes its
/// header.
void PushStream::begin_file(const SourceItem& item, TarEntry entry) {
  auto opened = open_item(*tree_, item);
  // Left out of the archive; the delivery reports it when all other files are in place.
  if (!opened || !is_unchanged(opened->get(), item)) {
    changed_.push_back(content_.items[at_++]);
    return;
  }
  file_ = std::move(*opened);
  const auto offset = offset_of(content_.items[at_]);
  entry.size = item.size - offset;
  // The stage holds the beginning under the file's own name, and `grow` joins them.
  if (offset > 0) entry.name = "tails/" + entry.name;
  list_member(entry);
  extents_ = {{0, entry.size}};
  if (holes_ && item.stored < item.size) extents_ = data_extents(file_.get(), offset, item.size);
  const auto bytes = bytes_in(extents_);
  block_ += bytes < entry.size ? encode_sparse_tar_header(entry, extents_) : encode_tar_header(entry);
  padding_ = tar_padding(bytes);
  // tar's header counts from the beginning of the member, lseek from that of the file.
  for (auto& extent : extents_) extent.offset += offset;
  extent_ = 0;
  left_ = 0;
  shrunk_ = false;
  begin_extent();
}

bool PushStream::begin_extent() {
  if (extent_ == extents_.size()) return false;
  const auto& extent = extents_[extent_++];
  ::lseek(file_.get(), static_cast<off_t>(extent.offset), SEEK_SET);
  left_ = extent.size;
  return true;
}

void PushStream::add_file_data() {
  const SourceItem& item = tree_->items[content_.items[at_]];
  const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(left_, kBlock));
  const auto start = block_.size();
  block_.resize(start + part);  // zeros, for what the file may no longer have
  if (!shrunk_ && read_full(file_.get(), block_.data() + start, part) < part) shrunk_ = true;
  left_ -= part;
  content_bytes_ += part;
  if (left_ > 0 || begin_extent()) return;
  block_.append(padding_, '\0');
  // The header with the size has left already. So zeros fill the member, and the node discards it.
  if (shrunk_ || !is_unchanged(file_.get(), item)) changed_.push_back(content_.items[at_]);
  file_ = UniqueFd();
  ++at_;
}

std::uint64_t PushStream::offset_of(std::size_t number) const {
  const auto found = content_.offsets.find(number);
  return found == content_.offsets.end() ? 0 : found->second;
}

std::uint64_t PushStream::expected() const {
  std::uint64_t bytes = 0;
  for (const auto number : content_.items) {
    const auto& item = tree_->items[number];
    const auto rest = item.size - offset_of(number);
    bytes += holes_ ? std::min(rest, item.stored) : rest;
  }
  return bytes;
}

std::uint64_t PushStream::expected_archive() const {
  return expected() + content_.items.size() * kTarBesides;
}

void PushStream::list_member(const TarEntry& entry) {
  listed_.append(entry.name).push_back('\0');
  sizes_ += kind_and_size(entry);
}

void PushStream::add_own_member(const std::string& name, std::string_view content) {
  const TarEntry entry{.name = name, .size = content.size(), .mode = 0600};
  block_ += encode_tar_header(entry);
  block_ += content;
  block_.append(tar_padding(content.size()), '\0');
  list_member(entry);
}

void PushStream::add_end() {
  for (std::size_t top = 0; top < tree_->tops.size(); ++top) {
    const auto folders = folders_of(top);
    if (!folders.empty()) add_own_member(fmt::format("folders{}", top), folders);
  }
  // Taken out first, because add_own_member() adds to both lists, which do not list themselves.
  const auto listed = std::exchange(listed_, {});
  const auto sizes = std::exchange(sizes_, {});
  add_own_member("listed", listed);
  add_own_member("sizes", sizes);
  block_ += tar_end();
  ended_ = true;
}

/// Inner folders first: once its mode is set, a folder may no longer be entered.
std::string PushStream::folders_of(std::size_t top) const {
  std::string archive;
  for (auto number = content_.folders.rbegin(); number != content_.folders.rend(); ++number) {
    const auto& item = tree_->items[*number];
    if (item.top != top) continue;
    archive += encode_tar_header({.name = item.relative.empty() ? "./" : "./" + item.relative + "/",
                                  .type = TarType::directory,
                                  .mode = item.mode,
                                  .mtime = item.mtime,
                                  .nanoseconds = item.nanoseconds});
  }
  return archive.empty() ? archive : archive + tar_end();
}

}  // namespace ec2mpi::ops
