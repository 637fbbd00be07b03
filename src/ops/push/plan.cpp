#include "src/ops/push/plan.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <algorithm>
#include <ctime>
#include <set>
#include <unordered_set>

#include "ec2mpi/base/text.hpp"

namespace ec2mpi::ops {

namespace {

constexpr std::size_t kMostAsked = 32 * 1024;            ///< bytes of paths on a command line
constexpr std::uint64_t kWorthResuming = 1024 * 1024;    ///< the beginning of a file that is worth a question
constexpr std::string_view kOwnNames = ".ec2mpi-push.";  ///< stages

std::string join(const std::string& folder, const std::string& name) {
  return folder.empty() || name.empty() ? folder + name : folder + "/" + name;
}

std::string parent_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash);
}

/// Where the node's find has no -printf, its stat gives whole seconds, and they have to suffice.
bool same_time(const SourceItem& item, const HeldEntry& held) {
  return item.mtime == held.mtime && (!held.nanoseconds || *held.nanoseconds == item.nanoseconds);
}

bool is_like(const SourceItem& item, const HeldEntry& held) {
  return held.type == TarType::file && held.size == item.size;
}

/// What lies in a stage may be the file, or a beginning that is worth a checksum.
bool may_continue(const SourceItem& item, const HeldEntry& held) {
  return is_like(item, held) ||
         (held.type == TarType::file && held.size < item.size && held.size >= kWorthResuming);
}

/// A folder may have got its setgid bit from the folder above it.
bool is_mode(unsigned mode, const SourceItem& folder) {
  return mode == folder.mode || mode == (folder.mode | static_cast<unsigned>(S_ISGID));
}

bool is_own(std::string_view path) {
  return path.substr(path.rfind('/') + 1).starts_with(kOwnNames);
}

/// Compares one node's target with the tree.
class Comparison {
 public:
  Comparison(const SourceTree& tree, const PushSurvey& survey, const DiffOptions& options,
             const LocalSums& sums)
      : tree_(tree), survey_(survey), options_(options), sums_(sums) {}

  PushNeed take() {
    // The stage first: send() then leaves out the files that lie in it.
    choose_left();
    for (std::size_t i = 0; i < tree_.items.size(); ++i) compare(i);
    if (options_.erase) find_extra();
    if (left_ != nullptr) discard_rest();
    need_.folders.assign(folders_.begin(), folders_.end());
    return std::move(need_);
  }

 private:
  /// The earlier stage with the most bytes. An empty stage counts as 1, so it is taken, too.
  void choose_left() {
    std::uint64_t most = 0;
    for (const auto& [stage, entries] : survey_.left) {
      std::uint64_t size = 1;
      for (const auto& [path, held] : entries) size += held.size;
      if (size <= most) continue;
      most = size;
      left_ = &entries;
      need_.left = stage;
    }
  }

  void compare(std::size_t number) {
    const auto& item = tree_.items[number];
    const auto place = place_of(tree_, item, survey_);
    if (item.type == TarType::directory) places_.emplace(place, number);
    if (options_.erase) expected_.insert(place);
    const auto found = survey_.target.find(place);
    const auto* held = found == survey_.target.end() ? nullptr : &found->second;
    // A link takes the place of a link, wherever they lead.
    const bool both_links =
        held != nullptr && held->type == TarType::symlink && item.type == TarType::symlink;
    if (held != nullptr && held->special && !both_links)
      note_obstacle(place, "there is a device, pipe or socket, and is not replaced by a file");
    else if (held != nullptr && is_of_other_kind(item, *held))
      replace(item, place, *held);
    if (item.type == TarType::directory) {
      compare_folder(number, place, held);
    } else if (item.type == TarType::symlink) {
      if (held == nullptr || held->type != TarType::symlink || held->link != item.link) send(number, place);
    } else {
      compare_file(number, place, held);
    }
  }

  /// Of a link it is not known whether it leads to a folder.
  static bool is_of_other_kind(const SourceItem& item, const HeldEntry& held) {
    return item.type == TarType::directory ? held.type == TarType::file : held.type == TarType::directory;
  }

  void note_obstacle(const std::string& place, std::string why) {
    need_.in_the_way = place;
    need_.why_it_stays = std::move(why);
  }

  /// A file that is to become a folder, or a folder that is to become a file or link. With --delete it is
  /// removed before; only the content of the folders that are sources is.
  void replace(const SourceItem& item, const std::string& place, const HeldEntry& held) {
    const bool in_folder = tree_.tops[item.top].directory && !item.relative.empty();
    if (in_folder && options_.erase) {
      replaced_.insert(place);
      return;
    }
    const bool folder = held.type == TarType::directory;
    note_obstacle(place, fmt::format("there is a {}, and is not replaced by a {}; {}",
                                     folder ? "folder" : "file", folder ? "file" : "folder",
                                     in_folder ? "--delete replaces it" : "remove it there first"));
  }

  void compare_folder(std::size_t number, const std::string& place, const HeldEntry* held) {
    const auto& item = tree_.items[number];
    if (place.empty()) return;  // the folder that the sources go into is there, and keeps its mode
    const bool there = held != nullptr && held->type != TarType::file;  // a link may lead to a folder
    if (!there) {
      send(number, place);
      folders_.insert(number);
    } else if (held->type == TarType::directory && (!is_mode(held->mode, item) || !same_time(item, *held))) {
      if (!keeps_its_mode(item)) folders_.insert(number);
    }
  }

  void compare_file(std::size_t number, const std::string& place, const HeldEntry* held) {
    const auto& item = tree_.items[number];
    const bool like = held != nullptr && is_like(item, *held);
    if (!like || !(options_.checksum ? same_content(item, place) : same_time(item, *held))) {
      send(number, place);
      return;
    }
    if (held->mode == item.mode && same_time(item, *held)) return;
    need_.attributes.push_back(number);
  }

  bool same_content(const SourceItem& item, const std::string& place) const {
    const auto sum = survey_.sums.find(place);
    return sum != survey_.sums.end() && sum->second == sums_(item, item.size);
  }

  /// Unless it lies in the stage that an earlier push has left.
  void send(std::size_t number, const std::string& place) {
    const auto& item = tree_.items[number];
    touch(parent_of(place));
    const bool file = item.type == TarType::file;
    const auto* held = file && left_ != nullptr ? find_proven(item) : nullptr;
    if (held != nullptr) used_.insert(member_name(item));
    const bool whole = held != nullptr && held->size == item.size;
    if (whole && held->mode == item.mode && same_time(item, *held)) return;
    if (held != nullptr && !whole) need_.kept[number] = held->size;
    need_.items.push_back(number);
    if (!file) return;
    ++need_.files;
    need_.bytes += item.size - (whole || held == nullptr ? 0 : held->size);
  }

  /// In the stage, if its bytes are the first ones of ours: they may be those of another version, and those
  /// of another node may be wrong until the checksum of the whole archive has shown that they are not.
  const HeldEntry* find_proven(const SourceItem& item) const {
    const auto held = left_->find(member_name(item));
    if (held == left_->end() || !may_continue(item, held->second)) return nullptr;
    const auto proofs = survey_.proofs.find(need_.left);
    if (proofs == survey_.proofs.end()) return nullptr;
    const auto sum = proofs->second.find(held->first);
    const bool proven = sum != proofs->second.end() && sum->second == sums_(item, held->second.size);
    return proven ? &held->second : nullptr;
  }

  /// A new file in a folder changes its mtime.
  void touch(const std::string& place) {
    const auto folder = places_.find(place);
    if (folder != places_.end() && !keeps_its_mode(tree_.items[folder->second]))
      folders_.insert(folder->second);
  }

  /// The folder that "." is copied into may be the user's home.
  [[nodiscard]] bool keeps_its_mode(const SourceItem& item) const {
    return item.relative.empty() && tree_.tops[item.top].name.empty();
  }

  /// For --delete: the paths on the node that the sources do not have. Left out are the paths that must stay:
  /// the login's keys and jobs, mount points, and the folders above them.
  void find_extra() {
    std::set<std::string> extra;
    std::unordered_set<std::string> protectors;
    // A folder that holds something that must stay has to stay, too.
    for (const auto& path : survey_.dear) protect(path, protectors);
    for (std::size_t top = 0; top < tree_.tops.size(); ++top) {
      if (tree_.tops[top].directory) find_extra_of(top, extra, protectors);
    }
    for (const auto& path : mounts_) protect(parent_of(path), protectors);
    const std::unordered_set<std::string> dear(survey_.dear.begin(), survey_.dear.end());
    const auto is_kept = [&](const std::string& path) {
      return protectors.contains(path) || lies_in(path, dear) || !mount_of(path).empty();
    };
    for (const auto& path : replaced_) {
      if (is_kept(path)) continue;  // putting the file in place fails
      need_.replace.push_back("./" + path);
      // Its content goes together with it.
      std::erase_if(extra, [&path](const std::string& one) { return one.starts_with(path + "/"); });
    }
    std::unordered_set<std::string> erased;  // with all below
    std::unordered_set<std::string> reported;
    for (const auto& path : extra) {  // a folder comes before its content
      if (const auto mount = mount_of(path); !mount.empty()) {
        // One path for each mount point: the node refuses it, and its reason names the mount point.
        if (reported.insert(mount).second) need_.mounted.push_back("./" + path);
      } else if (!is_kept(path) && !lies_in(path, erased)) {
        touch(parent_of(path));
        need_.erase.push_back("./" + path);
        erased.insert(path);
      }
    }
  }

  static void protect(std::string path, std::unordered_set<std::string>& protectors) {
    for (; !path.empty(); path = parent_of(path)) protectors.insert(path);
  }

  /// The mount point that the path is, or lies in; or "".
  [[nodiscard]] std::string mount_of(std::string path) const {
    while (!path.empty() && !mounts_.contains(path)) path = parent_of(path);
    return path;
  }

  static bool lies_in(const std::string& path, const std::unordered_set<std::string>& folders) {
    for (auto up = parent_of(path); !up.empty(); up = parent_of(up)) {
      if (folders.contains(up)) return true;
    }
    return false;
  }

  /// `protectors`: folders with content that stays: excluded paths, or the login's own.
  void find_extra_of(std::size_t top, std::set<std::string>& extra,
                     std::unordered_set<std::string>& protectors) {
    const auto& source = tree_.tops[top];
    const auto prefix = survey_.into ? source.name : survey_.name;
    for (const auto& path : survey_.mounts) {
      if (prefix.empty() || path.starts_with(prefix + "/")) mounts_.insert(path);
    }
    for (const auto& [path, held] : survey_.target) {
      // With the slash, for "old-2" does not lie in "old".
      if (!prefix.empty() && !path.starts_with(prefix + "/")) continue;
      const auto below = prefix.empty() ? path : path.substr(prefix.size() + 1);
      if (below.empty() || below == "." || is_own(below) || expected_.contains(path)) continue;
      // Nor the content of a stage, which this push or another one still needs.
      if (below.find(kOwnNames) != std::string::npos) continue;
      if (!source.filter.excludes(below, held.type == TarType::directory)) {
        extra.insert(path);
        continue;
      }
      protect(parent_of(path), protectors);
    }
  }

  /// `put` moves a source out of the stage as a whole, so unwanted files must not lie in it.
  void discard_rest() {
    std::unordered_set<std::string> known;
    for (const auto& item : tree_.items) {
      if (item.type == TarType::directory) known.insert(member_name(item));
    }
    for (const auto& [path, held] : *left_) {
      const bool arrived = path.front() >= '0' && path.front() <= '9';  // else it is the script's own
      if (!arrived || used_.contains(path)) continue;
      if (held.type != TarType::directory || !known.contains(path)) need_.discard.push_back(path);
    }
    std::sort(need_.discard.begin(), need_.discard.end());
  }

  const SourceTree& tree_;
  const PushSurvey& survey_;
  const DiffOptions& options_;
  const LocalSums& sums_;
  PushNeed need_;
  const HeldEntries* left_ = nullptr;
  std::unordered_set<std::string> used_;
  std::unordered_map<std::string, std::size_t> places_;  ///< of folders
  std::unordered_set<std::string> expected_;
  std::set<std::string> replaced_;
  std::unordered_set<std::string> mounts_;  ///< in the sources' folders, so that other content lies there
  std::set<std::size_t> folders_;
};

/// As touch(1) takes it everywhere: 2020-09-13T12:26:40.5Z
std::string touch_time(const SourceItem& item) {
  const auto seconds = static_cast<std::time_t>(item.mtime);
  std::tm time{};
  ::gmtime_r(&seconds, &time);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:09}Z", time.tm_year + 1900, time.tm_mon + 1,
                     time.tm_mday, time.tm_hour, time.tm_min, time.tm_sec, item.nanoseconds);
}

}  // namespace

std::vector<std::pair<std::size_t, std::uint64_t>> files_to_compare(const SourceTree& tree,
                                                                    const PushSurvey& survey,
                                                                    const DiffOptions& options) {
  std::vector<std::pair<std::size_t, std::uint64_t>> files;
  for (std::size_t i = 0; i < tree.items.size(); ++i) {
    const auto& item = tree.items[i];
    if (item.type != TarType::file) continue;
    if (options.checksum) {
      const auto place = place_of(tree, item, survey);
      const auto held = survey.target.find(place);
      if (held != survey.target.end() && is_like(item, held->second) && survey.sums.contains(place))
        files.emplace_back(i, item.size);
    }
    for (const auto& [stage, proofs] : survey.proofs) {
      const auto& entries = survey.left.at(stage);
      const auto held = entries.find(member_name(item));
      if (held != entries.end() && may_continue(item, held->second) && proofs.contains(held->first))
        files.emplace_back(i, held->second.size);
    }
  }
  return files;
}

PushNeed push_need(const SourceTree& tree, const PushSurvey& survey, const DiffOptions& options,
                   const LocalSums& sums) {
  return Comparison(tree, survey, options, sums).take();
}

std::string member_name(const SourceItem& item) {
  return item.relative.empty() ? fmt::format("{}", item.top) : fmt::format("{}/{}", item.top, item.relative);
}

std::string place_of(const SourceTree& tree, const SourceItem& item, const PushSurvey& survey) {
  return join(survey.into ? tree.tops[item.top].name : survey.name, item.relative);
}

std::vector<std::string> asked_paths(const SourceTree& tree, bool erase) {
  std::vector<std::string> paths;
  std::size_t size = 0;
  for (const auto& item : tree.items) {
    const auto& top = tree.tops[item.top];
    // A source without a name gives its content, so the names of its first level are asked about.
    const bool first =
        top.name.empty() ? item.relative.find('/') == std::string::npos : item.relative.empty();
    if (!first) continue;
    // The survey then has to list what the sources do not have, too.
    if (top.name.empty() && erase) return {"."};
    const auto name = join(top.name, item.relative);
    if (name.empty()) continue;
    paths.push_back("./" + name);
    size += name.size() + 8;
    if (size > kMostAsked) return {"."};
  }
  if (paths.empty()) return {"."};
  return paths;
}

namespace {
/// Several sources always go into a folder, so each keeps its name.
std::string put_files_text(const SourceTree& tree) {
  std::string text;
  for (std::size_t top = 0; top < tree.tops.size(); ++top) {
    if (!tree.tops[top].directory) text += fmt::format(" {} {}", top, quote_word(tree.tops[top].name));
  }
  return text.empty() ? text : "put_files" + text + "\n";
}
}  // namespace

std::string push_steps(const SourceTree& tree, const PushSurvey& survey, const PushNeed& need,
                       const SentArchive& sent) {
  std::string text;
  if (!sent.sum.empty()) text += fmt::format("commit {}\n", quote_word(sent.sum));
  if (std::any_of(tree.tops.begin(), tree.tops.end(), [&](const auto& top) {
        return top.directory && (survey.into ? top.name : survey.name).empty();
      }))
    text += "content=yes\n";  // the target itself is the folder that is pushed
  // The order matters: a file is complete before it moves, a path is free before a file takes it,
  // and folders get their times last, for each new file and each removal changes them.
  text += "steps() {\n";
  for (const auto number : sent.changed)
    text += fmt::format("discard {}\n", quote_word(member_name(tree.items[number])));
  for (const auto& [number, offset] : sent.content.offsets) {
    const auto& item = tree.items[number];
    text += fmt::format("grow {} {} {:o} || return 1\n", quote_word(member_name(item)), offset, item.mode);
  }
  for (const auto& path : need.replace) text += fmt::format("erase {} || return 1\n", quote_word(path));
  if (tree.tops.size() > 1) text += put_files_text(tree);
  for (std::size_t top = 0; top < tree.tops.size(); ++top) {
    text += fmt::format("put {} {} || return 1\n", top, quote_word(tree.tops[top].name));
  }
  for (const auto number : need.attributes) {
    const auto& item = tree.items[number];
    const auto place = place_of(tree, item, survey);
    text += fmt::format("set_attributes {:o} {} {} || return 1\n", item.mode, touch_time(item),
                        quote_word(place));
  }
  // The node refuses the paths in mounted file systems, and names the mount point.
  auto erase = need.erase;
  erase.insert(erase.end(), need.mounted.begin(), need.mounted.end());
  if (!erase.empty()) text += fmt::format("erase_all {}\n", quote_words(erase));
  std::set<std::size_t> tops;
  for (const auto number : sent.content.folders) tops.insert(tree.items[number].top);
  for (const auto top : tops) {
    text += fmt::format("folders {} {} || return 1\n", top, quote_word(tree.tops[top].name));
  }
  return text + "report_refused\n}\napply\n";
}

}  // namespace ec2mpi::ops
