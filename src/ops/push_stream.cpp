#include "ec2mpi/ops/push_stream.hpp"

#include <fmt/format.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>

#include "ec2mpi/base/text.hpp"

namespace ec2mpi::ops {

namespace {

std::string member_name(const SourceItem& item) {
  return item.relative.empty() ? fmt::format("{}", item.top) : fmt::format("{}/{}", item.top, item.relative);
}

void add_member(std::string& archive, const std::string& name, std::string_view content) {
  archive += encode_tar_header({.name = name, .size = content.size(), .mode = 0600});
  archive += content;
  archive.append(tar_padding(content.size()), '\0');
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
  top_missing_.resize(tree_->tops.size());
  while (block_.size() < kBlock && !ended_) {
    if (file_)
      add_file_data();
    else if (item_ < tree_->items.size())
      begin_item();
    else
      add_end();
  }
  return block_;
}

void PushStream::begin_item() {
  const SourceItem& item = tree_->items[item_];
  TarEntry entry{.name = member_name(item),
                 .type = item.type,
                 .link = item.link,
                 .size = item.size,
                 .mode = item.mode,
                 .mtime = item.mtime};
  if (item.type == TarType::directory) entry.mode |= 0700;
  if (item.type == TarType::file) {
    auto opened = open_item(*tree_, item);
    if (!opened || !is_unchanged(opened->get(), item)) {
      note_change(item);
      ++item_;
      return;
    }
    file_ = std::move(*opened);
    left_ = item.size;
    shrunk_ = false;
  } else {
    ++item_;
  }
  block_ += encode_tar_header(entry);
}

void PushStream::add_file_data() {
  const SourceItem& item = tree_->items[item_];
  const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(left_, kBlock));
  const auto start = block_.size();
  block_.resize(start + part);  // zeros, for what the file may no longer have
  if (!shrunk_ && read_full(file_.get(), block_.data() + start, part) < part) shrunk_ = true;
  left_ -= part;
  if (left_ > 0) return;
  block_.append(tar_padding(item.size), '\0');
  if (shrunk_ || !is_unchanged(file_.get(), item)) {
    note_change(item);
    discarded_.push_back(member_name(item));
  }
  file_ = UniqueFd();
  ++item_;
}

void PushStream::note_change(const SourceItem& item) {
  changed_.push_back(tree_->path_of(item).string());
  if (item.relative.empty()) top_missing_[item.top] = true;
}

void PushStream::add_end() {
  for (std::size_t top = 0; top < tree_->tops.size(); ++top) {
    if (tree_->tops[top].directory) add_member(block_, fmt::format("folders{}", top), folders_of(top));
  }
  add_member(block_, "steps", steps());
  block_ += tar_end();
  ended_ = true;
}

/// Inner folders first: once its mode is set, a folder may no longer be entered.
std::string PushStream::folders_of(std::size_t top) const {
  std::string archive;
  for (auto item = tree_->items.rbegin(); item != tree_->items.rend(); ++item) {
    if (item->top != top || item->type != TarType::directory) continue;
    // The folder that "." is copied into keeps its own mode: it may be the user's home.
    if (item->relative.empty() && tree_->tops[top].name.empty()) continue;
    archive += encode_tar_header({.name = item->relative.empty() ? "./" : "./" + item->relative + "/",
                                  .type = TarType::directory,
                                  .mode = item->mode,
                                  .mtime = item->mtime});
  }
  return archive + tar_end();
}

std::string PushStream::steps() const {
  std::string text;
  for (const auto& name : discarded_) text += fmt::format("discard {}\n", quote_word(name));
  for (std::size_t top = 0; top < tree_->tops.size(); ++top) {
    if (top_missing_[top]) continue;
    text += fmt::format("put {} {} || exit 1\n", top, quote_word(tree_->tops[top].name));
  }
  for (std::size_t top = 0; top < tree_->tops.size(); ++top) {
    if (!tree_->tops[top].directory) continue;
    text += fmt::format("folders {} {} || exit 1\n", top, quote_word(tree_->tops[top].name));
  }
  return text;
}

}  // namespace ec2mpi::ops
