#include "ec2mpi/fleet/gather.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <unordered_map>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cluster/values/selection.hpp"

namespace ec2mpi {

namespace {

constexpr std::string_view kDashes = "---------------";
/// Beyond this many line pairs an exact comparison would cost seconds; such outputs are shown whole.
constexpr std::size_t kMostPairs = 4'000'000;

/// As clush -b prints it; scripts that read that find the same lines.
std::string header(const std::vector<int>& indices) {
  return fmt::format("{0}\n{1}\n{0}\n", kDashes, nodes_label(indices));
}

/// The header of the next group must begin a line.
std::string with_end_of_line(const std::string& text) {
  return text.empty() || text.ends_with('\n') ? text : text + "\n";
}

std::vector<std::string_view> lines_of(std::string_view text) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (text.empty()) return {};
  return split(text, '\n');
}

/// The longest common subsequence's lengths for all suffixes, row by row.
class CommonLines {
 public:
  CommonLines(const std::vector<std::string_view>& a, const std::vector<std::string_view>& b)
      : columns_(b.size() + 1), lengths_((a.size() + 1) * columns_) {
    for (std::size_t i = a.size(); i-- > 0;) {
      for (std::size_t j = b.size(); j-- > 0;) {
        at(i, j) = a[i] == b[j] ? at(i + 1, j + 1) + 1 : std::max(at(i + 1, j), at(i, j + 1));
      }
    }
  }
  std::uint32_t& at(std::size_t i, std::size_t j) { return lengths_[i * columns_ + j]; }

 private:
  std::size_t columns_;
  std::vector<std::uint32_t> lengths_;
};

/// A diff without context, as lines of another node's output are mostly the same.
std::string differences(const std::string& majority, const std::string& other) {
  const auto a = lines_of(majority);
  const auto b = lines_of(other);
  if ((a.size() + 1) * (b.size() + 1) > kMostPairs) return with_end_of_line(other);
  CommonLines common(a, b);
  std::string text;
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < a.size() || j < b.size()) {
    if (i < a.size() && j < b.size() && a[i] == b[j]) {
      ++i;
      ++j;
    } else if (j == b.size() || (i < a.size() && common.at(i + 1, j) >= common.at(i, j + 1))) {
      // Of two equally long ways, the one that removes first: "-" stands before "+".
      text += fmt::format("- {}\n", a[i++]);
    } else {
      text += fmt::format("+ {}\n", b[j++]);
    }
  }
  return text;
}

}  // namespace

std::vector<OutputGroup> gather(std::vector<NodeOutput> outputs) {
  std::sort(outputs.begin(), outputs.end(), [](const auto& a, const auto& b) { return a.index < b.index; });
  std::vector<OutputGroup> groups;
  std::vector<std::string*> texts;  // of the groups; moved only once nobody compares with them any more
  // The keys point into `outputs`; nothing is moved out of it before the last comparison.
  std::unordered_map<std::string_view, std::size_t> seen;
  for (auto& output : outputs) {
    const auto [place, is_new] = seen.emplace(output.text, groups.size());
    if (is_new) {
      groups.push_back({});
      texts.push_back(&output.text);
    } else {
      std::string().swap(output.text);  // outputs may be large, and mostly they are equal
    }
    groups[place->second].indices.push_back(output.index);
  }
  for (std::size_t i = 0; i < groups.size(); ++i) groups[i].text = std::move(*texts[i]);
  // Stable: among groups of one size, the one with the lowest index stays in front.
  std::stable_sort(groups.begin(), groups.end(),
                   [](const auto& a, const auto& b) { return a.indices.size() > b.indices.size(); });
  return groups;
}

std::string nodes_label(const std::vector<int>& indices) {
  if (indices.size() == 1) return fmt::format("node{}", indices.front());
  return fmt::format("node[{}] ({})", fold_indices(indices), indices.size());
}

/// Cut behind whole ranges, so that no number is cut.
std::string short_nodes_label(const std::vector<int>& indices) {
  constexpr std::size_t kNamedRanges = 8;
  const auto folded = fold_indices(indices);
  std::size_t end = 0;
  for (std::size_t ranges = 0; ranges < kNamedRanges; ++ranges) {
    end = folded.find(',', end);
    if (end == std::string::npos) return nodes_label(indices);
    ++end;
  }
  return fmt::format("node[{}…] ({})", folded.substr(0, end), indices.size());
}

std::string render_groups(const std::vector<OutputGroup>& groups) {
  std::string text;
  for (const auto& group : groups) text += header(group.indices) + with_end_of_line(group.text);
  return text;
}

std::string render_differences(const std::vector<OutputGroup>& groups) {
  if (groups.empty()) return {};
  auto text = header(groups.front().indices) + with_end_of_line(groups.front().text);
  for (std::size_t i = 1; i < groups.size(); ++i) {
    text += header(groups[i].indices) + differences(groups.front().text, groups[i].text);
  }
  return text;
}

}  // namespace ec2mpi
