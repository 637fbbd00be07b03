#include "src/ops/pull/archive.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"

namespace ec2mpi::ops {

namespace {

/// A file may grow between the listing and its copy, but not without bound.
constexpr std::uint64_t kMostGrowth = 64'000'000;
constexpr std::size_t kBlock = 256 * 1024;

bool grew_too_much(const TarEntry& entry, const RemoteItem& item) {
  return entry.size > item.size && entry.size - item.size > item.size + kMostGrowth;
}

/// A part is missing though the mtime shows no change. It counts as a file that did not arrive.
bool was_cut(const TarEntry& entry, const RemoteItem& item) {
  return entry.size < item.size && entry.mtime == item.mtime;
}

/// Some tars leave out the first slashes.
std::string_view key_of(std::string_view path) {
  while (path.starts_with('/')) path.remove_prefix(1);
  return path;
}

/// A file that has changed since it was listed must not get the listed mtime, or the next pull would take it
/// for unchanged.
FileAttributes attributes_for(const RemoteItem& item, const TarEntry& entry) {
  auto attributes = attributes_of(item);
  if (entry.mtime == item.mtime && entry.size == item.size) return attributes;
  return {.mode = entry.mode, .mtime = entry.mtime, .nanoseconds = 0, .sparse = attributes.sparse};
}

}  // namespace

PullArchive::PullArchive(const std::vector<PullWant>& wanted, SafeTree& tree, std::uint64_t most,
                         bool as_listed, OnBytes on_bytes)
    : tree_(tree), left_(most), as_listed_(as_listed), on_bytes_(std::move(on_bytes)) {
  wanted_.reserve(wanted.size());
  for (const auto& want : wanted) wanted_.push_back({.name = key_of(want.path), .file = &want});
  std::ranges::stable_sort(wanted_, {}, &Wanted::name);
}

PullArchive::Wanted* PullArchive::first_of(std::string_view name) {
  name = key_of(name);
  const auto found = std::ranges::lower_bound(wanted_, name, {}, &Wanted::name);
  return found != wanted_.end() && found->name == name ? &*found : nullptr;
}

/// The place of the next member of this name; nullptr if the name was not asked for, or not so often.
PullArchive::Wanted* PullArchive::next_of(std::string_view name) {
  auto* first = first_of(name);
  if (first == nullptr) return nullptr;
  const auto number = static_cast<std::size_t>(first - wanted_.data()) + first->members;
  if (number >= wanted_.size() || wanted_[number].name != first->name) return nullptr;
  ++first->members;
  return &wanted_[number];
}

Result<void> PullArchive::on_entry(const TarEntry& entry) {
  writing_ = false;
  auto* wanted = next_of(entry.name);
  if (wanted == nullptr) {
    return fail(ErrorKind::protocol,
                fmt::format("the node sent a file named {}, which was not asked for; refused",
                            printable(entry.name)));
  }
  if (entry.type == TarType::file) return take(*wanted, entry);
  // Some tars (busybox) cannot be told to send the content again.
  if (entry.type == TarType::hard_link) return copy_from(entry.link, *wanted, entry);
  wanted->arrived = true;
  skipped_.push_back(entry.name);
  return {};
}

/// A member that is cut is not written, and missing() reports it.
Result<void> PullArchive::take(Wanted& wanted, const TarEntry& entry) {
  const auto& want = *wanted.file;
  wanted.arrived = !was_cut(entry, want.item);
  if (!wanted.arrived) return {};
  if (grew_too_much(entry, want.item)) {
    return fail(ErrorKind::remote_io,
                fmt::format("{} came with {}, but was listed with {}; pull again", printable(entry.name),
                            format_bytes(entry.size), format_bytes(want.item.size)));
  }
  if (entry.size > left_) {
    return fail(ErrorKind::remote_io,
                fmt::format("{} is larger than it said, and does not fit", printable(entry.name)));
  }
  left_ -= entry.size;
  writing_ = true;
  const bool cut = as_listed_ && entry.size > want.item.size;
  left_of_file_ = cut ? want.item.size : entry.size;
  return tree_.begin_file(want.place, cut ? attributes_of(want.item) : attributes_for(want.item, entry));
}

/// The content of the member `other`, which has its place already. Without it, missing() reports the file.
Result<void> PullArchive::copy_from(std::string_view other, Wanted& wanted, TarEntry entry) {
  const auto* first = first_of(other);
  if (first == nullptr || first->members == 0 || !first->arrived) return {};
  TRY_AS(file, tree_.open_file(first->file->place));
  struct stat info {};
  if (::fstat(file->get(), &info) != 0) return io_error("read", first->file->place);
  entry.type = TarType::file;
  entry.size = static_cast<std::uint64_t>(info.st_size);
  TRY(take(wanted, entry));
  std::string block(kBlock, '\0');
  while (writing_) {
    const auto got = ::read(file->get(), block.data(), block.size());
    if (got < 0) return io_error("read", first->file->place);
    if (got == 0) break;
    TRY(on_data(std::string_view(block).substr(0, static_cast<std::size_t>(got))));
  }
  return {};
}

std::vector<const PullWant*> PullArchive::missing() const {
  std::vector<const PullWant*> files;
  for (const auto& wanted : wanted_) {
    if (!wanted.arrived) files.push_back(wanted.file);
  }
  return files;
}

Result<void> PullArchive::on_data(std::string_view bytes) {
  if (!writing_) return {};
  bytes = bytes.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), left_of_file_)));
  left_of_file_ -= bytes.size();
  on_bytes_(bytes.size());
  return tree_.write(bytes);
}

Result<void> PullArchive::on_entry_end() {
  return writing_ ? tree_.end_file() : Result<void>{};
}

}  // namespace ec2mpi::ops
