#include "ec2mpi/ops/push/source_tree.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <set>
#include <unordered_map>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/ops/node/placeholders.hpp"

namespace ec2mpi::ops {

namespace {

namespace fs = std::filesystem;

/// The kernel is asked only where mode and owner don't tell; to ask takes as long as lstat does.
bool is_readable(const fs::path& path, const struct stat& info) {
  if (info.st_uid == ::geteuid() && (info.st_mode & S_IRUSR) != 0) return true;
  return ::access(path.c_str(), R_OK) == 0;
}

// bytes of one .gitignore
constexpr std::size_t kLongestRules = 1 << 20;
constexpr off_t kLongestKey = 64 * 1024;
constexpr std::uint64_t kPage = 4096;                     // the size that /sys gives for all its files
constexpr std::size_t kMostUnsized = 64UL * 1024 * 1024;  // of a file that does not report its size

/// Any that ssh would use. It refuses keys that others may read, so files of other modes need not be opened.
bool is_private_key(const fs::path& path, const struct stat& info) {
  if (!S_ISREG(info.st_mode) || (info.st_mode & 077) != 0 || info.st_size > kLongestKey) return false;
  std::array<char, 64> bytes{};
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  const auto count = fd ? ::read(fd.get(), bytes.data(), bytes.size()) : 0;
  const std::string_view begin(bytes.data(), count > 0 ? static_cast<std::size_t>(count) : 0);
  return begin.starts_with("-----BEGIN ") && begin.substr(0, begin.find('\n')).contains("PRIVATE KEY-----");
}

/// Files of the kernel say 0 or a page, and take nothing on any disk.
bool may_hide_its_size(const struct stat& info) {
  return info.st_blocks == 0 && static_cast<std::uint64_t>(info.st_size) <= kPage;
}

/// To its end, whatever its size is said to be.
Result<std::string> read_unsized(const fs::path& path, int flags) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | flags));
  if (!fd) return io_error("read", path);
  return read_all(fd.get(), path, kMostUnsized);
}

/// A file in memory. It lasts as long as the descriptor.
Result<UniqueFd> in_memory(const std::string& content, const fs::path& path) {
  UniqueFd fd(::memfd_create("ec2mpi", MFD_CLOEXEC));
  if (!fd) return io_error("read", path);
  TRY(write_all(fd.get(), content, path));
  if (::lseek(fd.get(), 0, SEEK_SET) != 0) return io_error("read", path);
  return fd;
}

std::unexpected<Error> cannot_read(const fs::path& path, std::error_code why) {
  errno = why.value();
  return io_error("read", path);
}

/// The names in a directory, sorted, so that every push sends the same bytes.
Result<std::vector<std::string>> names_in(const fs::path& path) {
  std::vector<std::string> names;
  std::error_code failed;
  for (fs::directory_iterator entry(path, failed); entry != fs::directory_iterator(); entry.increment(failed))
    names.push_back(entry->path().filename().string());
  if (failed) return cannot_read(path, failed);
  std::sort(names.begin(), names.end());
  return names;
}

/// The rules of a .gitignore, without the byte order mark that some editors write in front of them.
Result<std::string> read_rules(const fs::path& path) {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  TRY_AS(rules, read_file(path, kLongestRules));
  if (rules->starts_with(kByteOrderMark)) rules->erase(0, kByteOrderMark.size());
  return std::move(*rules);
}

/// Several sources may have a file for one place in the target: the last one stays, as with cp. Their folders
/// become one there, so all of them get the mode and time of the last one. Errors: usage, if one is a folder.
Result<void> settle_places(SourceTree& tree) {
  std::vector<SourceItem> settled;  // backwards
  std::unordered_map<std::string, std::size_t> last;
  while (!tree.items.empty()) {
    auto item = std::move(tree.items.back());
    tree.items.pop_back();
    const auto& name = tree.tops[item.top].name;
    const auto place = name + (name.empty() || item.relative.empty() ? "" : "/") + item.relative;
    if (const auto [found, is_last] = last.try_emplace(place, settled.size()); !is_last) {
      const auto& later = settled[found->second];
      const bool folder = item.type == TarType::directory;
      if (folder != (later.type == TarType::directory)) {
        return fail(ErrorKind::usage,
                    fmt::format("a file and a folder would both become {}: {} and {}; rename one of them",
                                printable(place), printable(tree.path_of(item).string()),
                                printable(tree.path_of(later).string())));
      }
      if (!folder) {
        tree.files -= item.type == TarType::file ? 1 : 0;
        tree.bytes -= item.size;
        continue;
      }
      item.mode = later.mode;
      item.mtime = later.mtime;
      item.nanoseconds = later.nanoseconds;
    }
    settled.push_back(std::move(item));
  }
  tree.items.assign(std::move_iterator(settled.rbegin()), std::move_iterator(settled.rend()));
  return {};
}

class Scanner {
 public:
  explicit Scanner(const ScanOptions& options) : options_(options) {
    struct stat info {};
    for (const auto& path : options.kept_back)
      if (::stat(path.c_str(), &info) == 0) kept_back_.emplace(info.st_dev, info.st_ino);
  }

  Result<void> add_top(const std::string& source) {
    SourceTop top{.path = source, .name = name_in_target(source), .directory = false};
    struct stat info {};
    if (::stat(source.c_str(), &info) != 0) return io_error("read", source);
    top.directory = S_ISDIR(info.st_mode);
    for (const auto& rule : options_.exclude) top.filter.add_rule(rule);
    tree_.tops.push_back(std::move(top));
    return add(source, "", info);
  }

  SourceTree take() { return std::move(tree_); }

 private:
  /// Adds a path and, if it is a folder, its content. A device, pipe or socket in a folder is only noted;
  /// other paths that cannot be read are errors, so no push leaves out a file in silence.
  Result<void> add(const fs::path& path, const std::string& relative, const struct stat& info) {
    SourceItem item{.top = tree_.tops.size() - 1,
                    .relative = relative,
                    .mode = info.st_mode & 07777,
                    .mtime = info.st_mtim.tv_sec,
                    .nanoseconds = static_cast<std::uint32_t>(info.st_mtim.tv_nsec)};
    if (S_ISREG(info.st_mode)) {
      if (!is_readable(path, info)) return io_error("read", path);
      item.size = static_cast<std::uint64_t>(info.st_size);
      item.stored = std::min(item.size, static_cast<std::uint64_t>(info.st_blocks) * 512);  // see stat(2)
      if (may_hide_its_size(info)) {
        if (auto read = read_hidden(path, item); !read) return read;
      }
      tree_.bytes += item.size;
      ++tree_.files;
    } else if (S_ISDIR(info.st_mode)) {
      item.type = TarType::directory;
    } else if (S_ISLNK(info.st_mode)) {
      std::error_code failed;
      item.type = TarType::symlink;
      item.link = fs::read_symlink(path, failed).string();
      if (failed) return cannot_read(path, failed);
    } else {
      // A source that the user has named must not be left out with a mere note.
      if (relative.empty()) {
        return fail(ErrorKind::local_io,
                    "cannot send " + printable(path.string()) + ": it is no file and no folder");
      }
      tree_.skipped.push_back(path.string());
      return {};
    }
    const bool directory = item.type == TarType::directory;
    tree_.items.push_back(std::move(item));
    return directory ? add_content(path, relative) : Result<void>{};
  }

  static Result<void> read_hidden(const fs::path& path, SourceItem& item) {
    TRY_AS(content, read_unsized(path, item.relative.empty() ? 0 : O_NOFOLLOW));
    if (content->size() == item.size) return {};
    item.size = item.stored = content->size();
    item.content = std::make_shared<const std::string>(std::move(*content));
    return {};
  }

  Result<void> add_content(const fs::path& path, const std::string& relative) {
    TRY_AS(names, names_in(path));
    // Before the names, because the rules hold in this folder already.
    if (options_.gitignore && std::binary_search(names->begin(), names->end(), ".gitignore")) {
      TRY_AS(rules, read_rules(path / ".gitignore"));
      tree_.tops.back().filter.add_rules(*rules, relative);
    }
    for (const auto& name : *names) {
      struct stat info {};
      if (::lstat((path / name).c_str(), &info) != 0) return io_error("read", path / name);
      auto below = relative.empty() ? name : relative + "/" + name;
      // An excluded folder is not even opened, so a folder without read permission can be excluded.
      if (tree_.tops.back().filter.excludes(below, S_ISDIR(info.st_mode))) continue;
      if (is_kept_back(path / name, info)) {
        keep_back(path / name, below);
        continue;
      }
      auto added = add(path / name, below, info);
      if (!added) return added;
    }
    return {};
  }

  [[nodiscard]] bool is_kept_back(const fs::path& path, const struct stat& info) const {
    if (kept_back_.contains({info.st_dev, info.st_ino})) return true;
    return is_private_key(path, info);
  }

  void keep_back(const fs::path& path, const std::string& below) {
    tree_.kept_back.push_back(path.string());
    // As a rule it also holds for --delete: what the nodes have under this name stays.
    std::string rule = "/";
    for (const char c : below) {
      if (std::string_view("\\*?[ ").find(c) != std::string_view::npos) rule += '\\';
      rule += c;
    }
    tree_.tops.back().filter.add_rule(rule);
  }

  const ScanOptions& options_;
  std::set<std::pair<dev_t, ino_t>> kept_back_;
  SourceTree tree_;
};

}  // namespace

std::filesystem::path SourceTree::path_of(const SourceItem& item) const {
  const auto& top = tops[item.top].path;
  return item.relative.empty() ? top : top / item.relative;
}

Result<SourceTree> scan_sources(const std::vector<std::string>& sources, const ScanOptions& options) {
  Scanner scanner(options);
  std::set<std::string> names;
  for (const auto& source : sources) {
    if (source.empty()) return fail(ErrorKind::usage, "a source has an empty name");
    const auto name = name_in_target(source);
    // Both would get the same place. A source without a name (".") gives its content instead.
    if (!name.empty() && !names.insert(name).second) {
      return fail(ErrorKind::usage,
                  fmt::format("two sources are called {}; copy them one after the other, or rename one",
                              printable(name)));
    }
    TRY(scanner.add_top(source));
  }
  auto tree = scanner.take();
  if (sources.size() > 1) TRY(settle_places(tree));
  return tree;
}

Result<UniqueFd> open_item(const SourceTree& tree, const SourceItem& item) {
  const auto path = tree.path_of(item);
  if (item.content) return in_memory(*item.content, path);
  const int follow = item.relative.empty() ? 0 : O_NOFOLLOW;
  // Since the scan, the path may have become a pipe, whose opening would block without O_NONBLOCK,
  // or a link, which is followed only if the user has named it.
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | follow));
  if (!fd) return io_error("read", path);
  return fd;
}

bool is_unchanged(int fd, const SourceItem& item) {
  struct stat info {};
  if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) return false;
  if (static_cast<std::uint64_t>(info.st_size) != item.size) return false;
  // A file in memory has the mtime of its making, so only the size is compared.
  return item.content != nullptr || (info.st_mtim.tv_sec == item.mtime &&
                                     static_cast<std::uint32_t>(info.st_mtim.tv_nsec) == item.nanoseconds);
}

}  // namespace ec2mpi::ops
