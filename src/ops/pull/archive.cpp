#include "src/ops/pull/archive.hpp"

#include <fmt/format.h>
#include <algorithm>

#include "ec2mpi/base/text.hpp"

namespace ec2mpi::ops {

namespace {

/// A file may grow between the listing and its copy, but not without bound.
constexpr std::uint64_t kMostGrowth = 64'000'000;

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
  for (const auto& want : wanted) wanted_.emplace(key_of(want.path), Wanted{&want});
}

Result<void> PullArchive::on_entry(const TarEntry& entry) {
  writing_ = false;
  const auto found = wanted_.find(key_of(entry.name));
  if (found == wanted_.end()) {
    return fail(ErrorKind::protocol,
                fmt::format("the node sent a file named {}, which was not asked for; refused",
                            printable(entry.name)));
  }
  const auto& want = *found->second.file;
  found->second.seen = entry.type != TarType::file || !was_cut(entry, want.item);
  if (entry.type != TarType::file) {
    skipped_.push_back(entry.name);
    return {};
  }
  // It is not written, and missing() reports it.
  if (!found->second.seen) return {};
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

std::vector<const PullWant*> PullArchive::missing() const {
  std::vector<const PullWant*> files;
  for (const auto& [key, wanted] : wanted_) {
    if (!wanted.seen) files.push_back(wanted.file);
  }
  // The map has no order, and a message names the first path.
  std::sort(files.begin(), files.end(),
            [](const PullWant* a, const PullWant* b) { return a->path < b->path; });
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
  if (!writing_) return {};
  ++arrived_;
  return tree_.end_file();
}

}  // namespace ec2mpi::ops
