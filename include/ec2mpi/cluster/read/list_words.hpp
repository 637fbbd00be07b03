#pragma once

#include <optional>
#include <string_view>

namespace ec2mpi {

/// What a word of a state column means.
struct StateWord {
  bool running = false;
  bool only_under_label = false;  ///< "on", "new": a state only in a column that is called so
};

/// The meaning of a state of EC2, EMR, gcloud, Azure and the like, or of the console in one of its languages,
/// with or without an icon before it: "running", "Shutting-down", "VM deallocated", "Detenida". Nothing if
/// the word is not known.
[[nodiscard]] std::optional<StateWord> state_word(std::string_view text);

}  // namespace ec2mpi
