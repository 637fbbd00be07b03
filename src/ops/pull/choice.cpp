#include "src/ops/pull/choice.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "src/ops/pull/safe_path.hpp"

namespace ec2mpi::ops {

namespace {

/// The size that /sys gives for all its files.
constexpr std::uint64_t kKernelPage = 4096;

/// Half-written files of another push or pull.
bool is_temporary(std::string_view below) {
  for (const auto name : split(below, '/')) {
    if (name.starts_with(kPullTemporary) || name.starts_with(".ec2mpi-push.")) return true;
  }
  return false;
}

/// Where an item goes. The first name gets the suffix.
std::string place_of(const PullPlan& plan, const std::string& root, const std::string& below) {
  if (root.empty()) {
    const auto slash = below.find('/');
    if (below.empty()) return ".";
    return below.substr(0, slash) + plan.suffix +
           (slash == std::string::npos ? std::string() : below.substr(slash));
  }
  return (plan.rename.empty() ? root : plan.rename) + plan.suffix + (below.empty() ? "" : "/" + below);
}

std::string path_of(const RemoteSource& source, const RemoteItem& item) {
  return item.below.empty() ? source.path : source.path + "/" + item.below;
}

/// A node whose find has no -printf lists whole seconds; the copy here then has no fraction either.
bool same_content(const LocalState& here, const RemoteItem& item) {
  return here.size == item.size && here.mtime == item.mtime && here.nanoseconds == item.nanoseconds;
}

/// Sources with other names than their own last one may meet below the top: those that give their content,
/// and the matches of wildcards.
bool may_meet_below(const PullPlan& plan) {
  const auto deep = [](const PullSource& source) { return source.glob || source.name.empty(); };
  return plan.sources.size() > 1 && std::ranges::any_of(plan.sources, deep);
}

class Chooser {
 public:
  Chooser(const PullPlan& plan, SafeTree* tree, const PathFilter& exclude, bool checksum)
      : plan_(plan),
        tree_(tree),
        exclude_(exclude),
        checksum_(checksum),
        may_meet_below_(may_meet_below(plan)) {
    for (const auto& asked : plan.sources) {
      names_.emplace(asked.path, asked.name);
      if (asked.glob) globs_.push_back(&*asked.glob);
    }
  }

  /// `source` is borrowed.
  Result<void> add(const RemoteSource& source) {
    // It is listed once for each word that means it, and the first listing serves them all.
    if (!listed_.insert(source.matched).second) return {};
    // A source that was asked for by this very path; otherwise a wildcard has to give the name.
    const auto asked = names_.find(source.matched);
    auto by_wildcards = names_by_wildcards(source.matched);
    // The node chooses the paths that it reports, so only those that were asked for get a place.
    if (asked == names_.end() && by_wildcards.empty()) {
      return fail(ErrorKind::protocol,
                  fmt::format("the node sent a file named {}, which was not asked for; refused",
                              printable(source.matched)));
    }
    named_ = asked != names_.end();
    if (named_) {
      by_wildcards.erase(asked->second);
      TRY(add_as(asked->second, source));
    }
    named_ = false;
    for (const auto& root : by_wildcards) {
      if (is_excluded(root, source.items)) continue;
      TRY(add_as(root, source));
    }
    return {};
  }

  PullChoice take() {
    choice_.room = needed_ > freed_ ? needed_ - freed_ : 0;
    return std::move(choice_);
  }

 private:
  /// Which path of the node has a place here.
  struct Taken {
    const RemoteSource* source;
    const RemoteItem* item;
  };

  [[nodiscard]] std::set<std::string> names_by_wildcards(const std::string& matched) const {
    std::set<std::string> names;
    for (const auto* glob : globs_) {
      if (auto name = glob->name_of(matched)) names.insert(std::move(*name));
    }
    return names;
  }

  /// A path that is asked for by its very name is never left out.
  [[nodiscard]] bool is_excluded(const std::string& root, const std::vector<RemoteItem>& items) const {
    return !items.empty() && exclude_.excludes(root, items.front().type == TarType::directory);
  }

  /// Gives the source the place `root`.
  Result<void> add_as(const std::string& root, const RemoteSource& source) {
    // Two wildcards may give one name, and the second file would replace the first one.
    const auto [taken, fresh] = roots_.emplace(root, &source.path);
    if (!root.empty() && !fresh && *taken->second != source.path)
      return two_of_one_name(root, *taken->second, source.path);
    for (const auto& item : source.items) {
      if (is_temporary(item.below)) continue;
      auto place = place_of(plan_, root, item.below);
      TRY_AS(free, claim(place, {&source, &item}));
      if (!*free) continue;
      TRY(add_item({path_of(source, item), std::move(place), item}));
    }
    return {};
  }

  static std::unexpected<Error> two_of_one_name(const std::string& place, const std::string& one,
                                                const std::string& other) {
    return fail(ErrorKind::remote_io,
                fmt::format("two files would be called {}: {} and {}; pull them into different folders",
                            printable(place), printable(one), printable(other)));
  }

  /// False if this very path has the place already. Folders of one place become one.
  Result<bool> claim(const std::string& place, const Taken& by) {
    if (!may_meet_below_) return true;
    const auto [taken, fresh] = places_.emplace(place, by);
    if (fresh) return true;
    const auto& before = taken->second;
    const auto path = path_of(*before.source, *before.item);
    const auto other = path_of(*by.source, *by.item);
    if (path == other) return false;
    if (before.item->type == TarType::directory && by.item->type == TarType::directory) return true;
    return two_of_one_name(place, path, other);
  }

  /// A folder is never replaced by a file, nor the reverse. Found here, this costs no other file of the node.
  [[nodiscard]] Result<void> refuse_other_kind(const PullWant& want, const LocalState& here) const {
    const bool is_folder = here.kind == LocalState::Kind::folder;
    if (is_folder == (want.item.type == TarType::directory)) return {};
    if (want.item.type != TarType::directory && want.item.type != TarType::file &&
        want.item.type != TarType::symlink)
      return {};
    const bool is_link = here.kind == LocalState::Kind::link;
    return fail(
        ErrorKind::local_io,
        fmt::format("{} here is a {}, and on the node a {}; move it away, or pull into another folder",
                    printable((plan_.folder / want.place).string()),
                    is_folder ? "folder"
                    : is_link ? "link"
                              : "file",
                    want.item.type == TarType::directory ? "folder"
                    : want.item.type == TarType::symlink ? "link"
                                                         : "file"));
  }

  /// Decides about one path of the listing: whether it is fetched, made here, left as it is, or refused.
  Result<void> add_item(PullWant want) {
    std::optional<LocalState> here;
    if (tree_ != nullptr) {
      TRY_AS(looked, tree_->look(want.place));
      here = std::move(*looked);
    }
    if (here && here->kind == LocalState::Kind::other) {
      return fail(ErrorKind::local_io,
                  printable((plan_.folder / want.place).string()) +
                      " here is a device, pipe or socket, and is not replaced by a file");
    }
    const bool by_name = named_ && want.item.below.empty();
    if (by_name && want.item.type != TarType::directory && want.item.type != TarType::file) {
      choice_.refused.push_back(want.path);  // links that lead somewhere were followed on the node
      return {};
    }
    if (here && want.place != ".") TRY(refuse_other_kind(want, *here));
    switch (want.item.type) {
      case TarType::directory:
        choice_.folders.push_back(std::move(want));
        break;
      case TarType::symlink:
        if (!here || here->kind != LocalState::Kind::link || here->link != want.item.link)
          choice_.links.push_back(std::move(want));
        break;
      case TarType::file:
        add_file(std::move(want), here);
        break;
      default:
        choice_.skipped.push_back(want.path);
    }
    return {};
  }

  void add_file(PullWant want, const std::optional<LocalState>& here) {
    const auto slash = want.place.rfind('/');
    choice_.holders.insert(slash == std::string::npos ? "." : want.place.substr(0, slash));
    const bool is_file = here && here->kind == LocalState::Kind::file;
    // Files of different sizes differ in any case, so only equal sizes need a checksum.
    if (is_file && checksum_ && here->size == want.item.size) {
      choice_.doubtful.push_back(std::move(want));
    } else if (is_file && same_content(*here, want.item)) {
      choice_.kept.push_back({want.place, want.item.inode, want.item.size});
      // setuid, setgid and sticky are never taken over, so they make no difference.
      if (here->mode != (want.item.mode & 0777U)) choice_.attributes.push_back(std::move(want));
    } else {
      // Holes stay holes here, so a sparse file needs only its allocated bytes.
      add_up(needed_, std::min(want.item.size, want.item.allocated));
      if (is_file) add_up(freed_, here->size);
      choice_.want(std::move(want));
    }
  }

  const PullPlan& plan_;
  std::unordered_map<std::string_view, std::string> names_;  ///< in the target, by the source's path
  std::vector<const RemoteGlob*> globs_;
  SafeTree* tree_;
  const PathFilter& exclude_;
  bool checksum_;
  bool may_meet_below_;
  bool named_ = false;  ///< the source under way
  std::unordered_set<std::string_view> listed_;
  std::map<std::string, const std::string*> roots_;  ///< the paths of the sources, by their names here
  std::unordered_map<std::string, Taken> places_;    ///< only if sources may meet below the top
  PullChoice choice_;
  std::uint64_t needed_ = 0;
  std::uint64_t freed_ = 0;
};

}  // namespace

void add_up(std::uint64_t& sum, std::uint64_t more) {
  sum = more > ~sum ? ~std::uint64_t{0} : sum + more;
}

bool may_hide_its_size(const RemoteItem& item) {
  return item.allocated == 0 && item.size <= kKernelPage;
}

void PullChoice::want(PullWant file) {
  add_up(bytes, file.item.size);
  files.push_back(std::move(file));
}

void PullChoice::keep(PullWant file) {
  kept.push_back({file.place, file.item.inode, file.item.size});
  attributes.push_back(std::move(file));
}

Result<PullChoice> choose_wanted(const PullPlan& plan, const std::vector<RemoteSource>& sources,
                                 SafeTree* tree, const PathFilter& exclude, bool checksum) {
  Chooser chooser(plan, tree, exclude, checksum);
  for (const auto& source : sources) {
    TRY(chooser.add(source));
  }
  return chooser.take();
}

FileAttributes attributes_of(const RemoteItem& item) {
  return {.mode = item.mode,
          .mtime = item.mtime,
          .nanoseconds = item.nanoseconds,
          .sparse = item.allocated < item.size};
}

}  // namespace ec2mpi::ops
