#pragma once

#include <optional>
#include <string_view>

namespace ec2mpi {

/// What a word of a state column means.
struct StateWord {
  enum class Use {
    anywhere,
    whole_column,  ///< "on", "down": a state in a column that holds nothing but states
    under_name,    ///< "new", "true": a state only in a column that is called so
  };
  bool running = false;
  Use use = Use::anywhere;
};

/// The meaning of a state of EC2, EMR, gcloud, Azure and the like, or of the console in one of its languages
/// (state_words.inc), with or without an icon before it: "running", "Shutting-down", "VM deallocated",
/// "Detenida". Nothing if the word is not known.
[[nodiscard]] std::optional<StateWord> state_word(std::string_view text);

/// "stopped" for "80", the code by which EC2's API gives a state; any other text as it is.
[[nodiscard]] std::string_view name_of_state_code(std::string_view text);

}  // namespace ec2mpi
