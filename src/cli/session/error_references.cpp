#include "ec2mpi/cli/session/error_references.hpp"

#include <algorithm>
#include <set>

#include "ec2mpi/base/text.hpp"
#include "src/cli/session/error_texts_page.hpp"

namespace ec2mpi::cli {

namespace {

constexpr std::string_view kAnchor = "### ";
// In an explained text: the words that differ from case to case.
constexpr std::string_view kAnyWords = "…";

/// Whether the parts of the text stand in the message, one behind the other.
bool contains_text(std::string_view message, std::string_view text) {
  while (!text.empty()) {
    const auto end = std::min(text.find(kAnyWords), text.size());
    const auto part = text.substr(0, end);
    const auto found = message.find(part);
    if (found == std::string_view::npos) return false;
    message.remove_prefix(found + part.size());
    text.remove_prefix(std::min(end + kAnyWords.size(), text.size()));
  }
  return true;
}

/// "[text](page.md)" as "text".
std::string without_links(std::string_view line) {
  std::string text;
  while (!line.empty()) {
    const auto open = line.find('[');
    const auto middle = line.find("](", open);
    const auto close = line.find(')', middle);
    if (open == line.npos || middle == line.npos || close == line.npos) return text += line;
    text += line.substr(0, open);
    text += line.substr(open + 1, middle - open - 1);
    line.remove_prefix(close + 1);
  }
  return text;
}

/// The page's form: "### ANCHOR", and below it the texts that docs/troubleshooting.md explains
/// there, each as a line `- "TEXT"`.
std::vector<ExplainedText> parse_page(std::string_view page) {
  constexpr std::string_view kText = "- \"";
  std::vector<ExplainedText> texts;
  std::string_view anchor;
  for (const auto line : split(page, '\n')) {
    if (line.starts_with(kAnchor)) anchor = line.substr(kAnchor.size());
    if (line.starts_with(kText) && line.ends_with('"'))
      texts.push_back({anchor, line.substr(kText.size(), line.size() - kText.size() - 1)});
  }
  return texts;
}

}  // namespace

const std::vector<ExplainedText>& explained_texts() {
  // The texts point into the page, which is a constant of the program.
  static const auto texts = parse_page(kErrorTextsPage);
  return texts;
}

std::optional<std::string_view> error_anchor(std::string_view message) {
  const auto& texts = explained_texts();
  const auto found =
      std::ranges::find_if(texts, [&](const auto& each) { return contains_text(message, each.text); });
  if (found == texts.end()) return std::nullopt;
  return found->anchor;
}

std::optional<std::string> error_explanation(std::string_view anchor) {
  std::string text;
  bool found = false;
  for (const auto line : split(kErrorTextsPage, '\n')) {
    if (line.starts_with('#')) {
      if (found) break;
      found = line.starts_with(kAnchor) && line.substr(kAnchor.size()) == anchor;
    } else if (found && (!text.empty() || !line.empty())) {
      text += without_links(line) + "\n";
    }
  }
  if (!found) return std::nullopt;
  return std::string(trim(text)) + "\n";
}

std::string error_references(const FleetReport& report) {
  // A set: nodes that failed alike need one reference.
  std::set<std::string> anchors;
  for (const auto& result : report.results) {
    const auto* error = std::get_if<Error>(&result.outcome);
    const auto anchor = error != nullptr ? error_anchor(error->message) : std::nullopt;
    if (anchor) anchors.insert(std::string(*anchor));
  }
  if (anchors.empty()) return {};
  return "see ec2mpi help " + join({anchors.begin(), anchors.end()}, " ");
}

std::string error_reference(std::string_view message) {
  const auto anchor = error_anchor(message);
  return anchor ? "see ec2mpi help " + std::string(*anchor) : std::string();
}

}  // namespace ec2mpi::cli
