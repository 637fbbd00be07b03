#include "ec2mpi/cli/views/doctor_view.hpp"

#include <fmt/format.h>

#include "ec2mpi/cli/terminal/json.hpp"
#include "ec2mpi/fleet/gather.hpp"

namespace ec2mpi::cli {

namespace {

using ops::Check;
using Verdict = Check::Verdict;

struct Word {
  const char* shown;
  const char* name;  ///< in --json
  Colour colour;
};

/// The shown words have one width; scripts compare the names.
Word word_for(Verdict verdict) {
  switch (verdict) {
    case Verdict::ok:
      return {"ok  ", "ok", Colour::green};
    case Verdict::warning:
      return {"warn", "warning", Colour::yellow};
    case Verdict::failed:
      return {"FAIL", "failed", Colour::red};
    case Verdict::skipped:
      return {"skip", "skipped", Colour::dim};
  }
  return {"?", "?", Colour::none};
}

// The width of a verdict and of a check's name: findings have their continuation below the text.
constexpr const char* kIndent = "                  ";

}  // namespace

void show_checks(Console& console, const std::vector<Check>& checks) {
  for (const auto& check : checks) {
    const auto word = word_for(check.verdict);
    const auto begin = fmt::format("{}  {:<12}", console.paint_result(word.colour, word.shown), check.name);
    // Either a summary or findings: a check that found something has nothing to sum up.
    if (check.findings.empty()) console.result(begin + check.summary);
    for (const auto& finding : check.findings) {
      console.result(fmt::format("{}{}: {}", begin, short_nodes_label(finding.nodes), finding.what));
      if (!finding.command.empty()) console.result(kIndent + ("fails: " + finding.command));
      if (!finding.fix.empty()) console.result(kIndent + ("fix:   " + finding.fix));
    }
  }
}

/// Nodes are numbers here, because scripts pass them to -w.
std::string checks_json(const std::vector<Check>& checks, Json bench) {
  auto list = Json::array();
  for (const auto& check : checks) {
    auto findings = Json::array();
    for (const auto& each : check.findings)
      findings.push_back(
          {{"nodes", each.nodes}, {"what", each.what}, {"command", each.command}, {"fix", each.fix}});
    list.push_back({{"check", check.name},
                    {"verdict", word_for(check.verdict).name},
                    {"summary", check.findings.empty() ? check.summary : ""},
                    {"findings", std::move(findings)}});
  }
  Json document = {{"ok", ops::all_well(checks)}, {"checks", std::move(list)}};
  if (!bench.empty()) document["bench"] = std::move(bench);
  return dump_json(document);
}

}  // namespace ec2mpi::cli
