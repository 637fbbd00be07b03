#include "ec2mpi/cluster/read/state_words.hpp"

#include <array>
#include <utility>

#include "ec2mpi/cluster/values/ec2_words.hpp"
#include "src/cluster/read/word_map.hpp"

namespace ec2mpi {
namespace {

constexpr bool kRuns = true;
constexpr bool kDoesNotRun = false;
using Use = StateWord::Use;

constexpr WordRow<StateWord> kStateWords[] = {
#include "src/cluster/read/state_words.inc"
};

}  // namespace

std::optional<StateWord> state_word(std::string_view text) {
  constexpr std::size_t kLongest = 60;
  // No state has these signs, so that most cells (addresses, dates, types) need no look-up.
  constexpr std::string_view kInNoState = "0123456789./:@";
  if (text == "running") return StateWord{kRuns};
  if (text.empty() || text.size() > kLongest || text.find_first_of(kInNoState) != std::string_view::npos)
    return std::nullopt;
  static const auto kStates = word_map(kStateWords);
  const auto found = kStates.find(squashed(text));
  return found == kStates.end() ? std::nullopt : std::optional(found->second);
}

/// The codes of EC2's InstanceState, which a query may give in the place of the names.
std::string_view name_of_state_code(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kCodes = {{{"0", "pending"},
                                                                                    {"16", "running"},
                                                                                    {"32", "shutting-down"},
                                                                                    {"48", "terminated"},
                                                                                    {"64", "stopping"},
                                                                                    {"80", "stopped"}}};
  for (const auto& [code, name] : kCodes) {
    if (text == code) return name;
  }
  return text;
}

}  // namespace ec2mpi
