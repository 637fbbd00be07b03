#include "src/ops/pull/complaints.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <utility>

#include "ec2mpi/base/text.hpp"

namespace ec2mpi::ops {

namespace {

constexpr std::string_view kMark = "ec2mpi: ";
/// The words of GNU tar. The programs run with LC_ALL=C, so they are English.
constexpr std::string_view kChanged = ": file changed as we read it";
constexpr std::string_view kShrank = ": File shrank by ";
constexpr std::string_view kInside = "/./";
constexpr std::string_view kExiting = "Exiting with failure status";
/// A path has up to 4,096 bytes, and tar quotes a byte with up to four.
constexpr std::size_t kLongestLine = 32 * 1024;
constexpr std::size_t kMostOfOurs = 64 * 1024;
/// complaints of tools
constexpr std::size_t kMostShown = 3;
/// bytes of other text, which is shown only if there is no complaint
constexpr std::size_t kMostOther = 200;

constexpr std::string_view kTools[] = {"tar: ", "find: "};

/// A complaint without the tool's name; nothing if the line is none.
std::optional<std::string_view> complaint_of(std::string_view line) {
  for (const auto tool : kTools) {
    if (line.starts_with(tool)) return line.substr(tool.size());
  }
  return std::nullopt;
}

/// find names what lies in a folder "FOLDER/./PATH", in quotes; PATH, or nothing.
std::string_view path_in_source(std::string_view complaint) {
  const auto end = complaint.rfind("': ");
  const auto folder = complaint.substr(0, end).rfind(kInside);
  if (!complaint.starts_with('\'') || end == std::string_view::npos || folder == std::string_view::npos)
    return {};
  return complaint.substr(folder + kInside.size(), end - folder - kInside.size());
}

/// A complaint with a path as a user knows it.
std::string as_typed(std::string_view complaint) {
  const auto path = path_in_source(complaint);
  if (path.empty()) return std::string(complaint);
  const auto at = static_cast<std::size_t>(path.data() - complaint.data());
  auto folder = complaint.substr(1, at - kInside.size() - 1);
  if (folder == "." || folder.starts_with("./"))
    return fmt::format("'~{}{}", folder.substr(1), complaint.substr(at - 1));
  return fmt::format("'{}{}", folder, complaint.substr(at - 1));
}

/// Whether a tool does not know an option, as the one of busybox.
bool is_unknown_option(std::string_view complaint) {
  return complaint.starts_with("invalid option") || complaint.starts_with("unrecognized");
}

void append_at_most(std::string& text, std::string_view more, std::size_t most) {
  text += more.substr(0, most - std::min(most, text.size()));
}

void append_line(std::string& text, std::string_view line, std::size_t most) {
  append_at_most(text, "\n", most);
  append_at_most(text, line, most);
}

}  // namespace

void Complaints::Files::add(std::string_view name) {
  if (++count <= kMostNames) names.emplace_back(name);
}

void Complaints::feed(std::string_view bytes) {
  for (;;) {
    const auto end = bytes.find('\n');
    append_at_most(line_, bytes.substr(0, end), kLongestLine);
    if (end == std::string_view::npos) return;
    take_line(std::exchange(line_, {}));
    bytes.remove_prefix(end + 1);
  }
}

void Complaints::end() {
  if (!line_.empty()) take_line(std::exchange(line_, {}));
}

/// A reason of our own program is the last text on the stream; it may hold line ends, those of a name.
void Complaints::take_line(std::string_view line) {
  const auto complaint = complaint_of(line);
  if (complaint && complaint->ends_with(kChanged)) {
    changed_.add(complaint->substr(0, complaint->size() - kChanged.size()));
  } else if (complaint && complaint->find(kShrank) != std::string_view::npos) {
    shrunk_.add(complaint->substr(0, complaint->find(kShrank)));
  } else if (ours_) {
    append_line(*ours_, line, kMostOfOurs);
  } else if (line.starts_with(kMark)) {
    ours_ = line.substr(kMark.size());
  } else if (complaint) {
    if (complaint->starts_with(kExiting)) return;
    if (of_tools_.count == 0 && is_unknown_option(*complaint)) poor_tool_ = line.substr(0, line.find(':'));
    const auto path = path_in_source(*complaint);
    if (exclude_ != nullptr && !path.empty() && exclude_->excludes(path, true))
      ++excluded_;
    else
      of_tools_.add(as_typed(*complaint));
  } else {
    append_line(other_, line, kMostOther);
  }
}

/// Our own program explains more than its tools, and a tool more than any other text.
std::string Complaints::reason() const {
  if (ours_) return printable(trim(*ours_));
  if (!poor_tool_.empty())
    return fmt::format("its {0} is not that of GNU, which pull needs ({0}: {1}); install {2} there",
                       printable(poor_tool_), printable(of_tools_.names.front()),
                       poor_tool_ == "tar" ? "tar" : "findutils");
  if (of_tools_.count + changed_.count + shrunk_.count > 0) return first_of_tools();
  const auto other = trim(other_);
  // A shell says only this of a tool that SIGKILL has ended.
  if (other.ends_with("Killed"))
    return "a program that reads the files was killed there (SIGKILL); `dmesg` on the node says whether its "
           "memory "
           "was full";
  return printable(other);
}

std::string Complaints::first_of_tools() const {
  const auto shown = std::min(of_tools_.names.size(), kMostShown);
  std::string text;
  for (std::size_t i = 0; i < shown; ++i) text += (i == 0 ? "" : "; ") + printable(of_tools_.names[i]);
  if (of_tools_.count > shown) text += fmt::format("; and {} more", of_tools_.count - shown);
  return text;
}

}  // namespace ec2mpi::ops
