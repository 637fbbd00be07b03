#pragma once
/// Finds the section of docs/troubleshooting.md that explains an error text. The page is built into the
/// program. Pure.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ec2mpi/fleet/outcome.hpp"

namespace ec2mpi::cli {

/// A text of the page, in which `…` stands for any words.
struct ExplainedText {
  std::string_view anchor;
  std::string_view text;
};
[[nodiscard]] const std::vector<ExplainedText>& explained_texts();

/// The anchor of the first text that the message contains; nothing if the page does not explain it.
[[nodiscard]] std::optional<std::string_view> error_anchor(std::string_view message);

/// The page's text under this anchor, for a terminal; nothing if there is no such anchor.
[[nodiscard]] std::optional<std::string> error_explanation(std::string_view anchor);

/// "see ec2mpi help login-refused no-key"; empty if the page explains none of the failures.
[[nodiscard]] std::string error_references(const FleetReport& report);

/// The same for one failure.
[[nodiscard]] std::string error_reference(std::string_view message);

}  // namespace ec2mpi::cli
