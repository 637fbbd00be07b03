#include "src/cli/session/remembered_list.hpp"

#include <fmt/format.h>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cli/terminal/standard_output.hpp"

namespace ec2mpi::cli {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kShownChanges = 10;  ///< of a list; all addresses of 100,000 nodes can move at once

/// The memory of a list stands under the list's own name: a folder may hold several.
fs::path memory_file(const fs::path& list) {
  return fs::path("lists") / list.filename();
}

}  // namespace

Result<std::vector<std::string>> recall_list(const StateFolder& state, const fs::path& list,
                                             Inventory& inventory) {
  TRY_AS(memory, state.read(memory_file(list)));
  return merge_memory(inventory, parse_memory(memory->value_or("")));
}

Result<void> remember_list(const StateFolder& state, const fs::path& list, const Inventory& inventory,
                           const std::vector<std::string>& changes) {
  for (std::size_t i = 0; i < changes.size(); ++i) {
    const bool last = i + 1 == changes.size();  // it may be about the master
    if (i < kShownChanges || last) print_talk("ec2mpi: " + changes[i] + "\n");
    if (i == kShownChanges && !last)
      print_talk(fmt::format("ec2mpi: … and {}; ec2mpi nodes shows the list\n",
                             count_of(changes.size() - kShownChanges - 1, "more change")));
  }
  TRY_AS(before, state.read(memory_file(list)));
  const auto now = memory_text(inventory, parse_memory(before->value_or("")));
  if (now.empty()) return {};
  return state.write(memory_file(list), now);
}

}  // namespace ec2mpi::cli
