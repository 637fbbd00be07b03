#include "ec2mpi/ops/push/push.hpp"

#include <fmt/format.h>
#include <algorithm>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/ops/node/remote_path.hpp"
#include "src/ops/push/talk.hpp"

namespace ec2mpi::ops {

namespace {

/// The user knows the target and not the stage in it, whose name is another one on each node. A quoted path
/// that leads through the stage to a source by its number becomes that of the source.
std::string without_stage(std::string text, const SourceTree& tree) {
  constexpr std::string_view kStage = ".ec2mpi-push.";
  for (auto at = text.find(kStage); at != std::string::npos; at = text.find(kStage, at + 1)) {
    const auto end = text.find_first_of("/ ':", at);
    if (end == std::string::npos || text[end] != '/') continue;
    const auto behind = text.find_first_not_of("0123456789", end + 1);
    const auto number = parse_number(std::string_view(text).substr(end + 1, behind - end - 1));
    const auto quote = text.rfind('\'', at);
    if (number && *number < tree.tops.size() && behind != std::string::npos && quote != std::string::npos) {
      text.replace(quote + 1, behind - quote - 1, tree.tops[*number].path.string());
      at = quote;
      continue;
    }
    text.erase(at, end + (text.compare(end, 7, "/named/") == 0 ? 7 : 1) - at);
  }
  return text;
}

}  // namespace

/// "ec2mpi: tar: 0/x: Cannot open: ..." names the number of a source.
std::string push_complaint(std::string_view line, const SourceTree& tree) {
  const auto text = without_stage(std::string(line), tree);
  line = text;
  if (line.starts_with(kPushMark)) line.remove_prefix(kPushMark.size());
  for (const auto tool : {"tar: ", "mv: ", "mkdir: ", "sh: ", "chmod: ", "touch: ", "rm: "}) {
    if (line.starts_with(tool)) line.remove_prefix(std::string_view(tool).size());
  }
  const auto end = line.find_first_not_of("0123456789");
  const auto number = parse_number(line.substr(0, end));
  const bool member = end != std::string_view::npos && (line[end] == '/' || line[end] == ':');
  if (!number || !member || *number >= tree.tops.size()) return printable(line);
  return printable(tree.tops[*number].path.string()) + printable(line.substr(end));
}

Result<PushTarget> push_target(std::string_view typed, std::size_t sources) {
  TRY_AS(path, remote_path(typed));
  PushTarget target{.path = std::move(*path), .folder = sources > 1 || typed.ends_with('/')};
  while (target.path.size() > 1 && target.path.ends_with('/')) target.path.pop_back();
  return target;
}

bool cleans_up_home(const PushTarget& target, const SourceTree& tree) {
  const bool content = std::any_of(tree.tops.begin(), tree.tops.end(),
                                   [](const SourceTop& top) { return top.directory && top.name.empty(); });
  if (!content) return false;
  // A normal path that ends in ".." leads above the home, so it may hold it.
  auto path = std::filesystem::path(target.path).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();
  return path.empty() || path == "." || path == "/" || path.filename() == "..";
}

std::string home_refusal(std::string_view folder) {
  return fmt::format(
      "--delete is refused in {}: it is the home of the login, holds it, or is part of its .ssh or "
      ".ec2mpi; nothing was changed. Push into a folder below the home, or use --force-delete "
      "(.ssh and .ec2mpi stay)",
      printable(folder));
}

}  // namespace ec2mpi::ops
