#pragma once
/// `ec2mpi help WORD...`

#include <string>
#include <vector>

#include "ec2mpi/base/error.hpp"

namespace CLI {
class App;
}

namespace ec2mpi::cli {

/// The help of commands, and the explanation of errors that name the word. Empty if the arguments mean
/// something else. Errors: usage, for a word that is neither.
[[nodiscard]] Result<std::string> explain_topics(const CLI::App& app,
                                                 const std::vector<std::string>& arguments);

}  // namespace ec2mpi::cli
