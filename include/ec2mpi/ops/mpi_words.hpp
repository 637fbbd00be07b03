#pragma once
/// What MPI's launchers say on standard error, and what it means. Pure.

#include <optional>
#include <string>
#include <string_view>

namespace ec2mpi::ops {

/// Takes harmless lines of the launcher out of a stream: "[...] plm:rsh: Warning: setpgid(885,885) failed
/// ...", which Open MPI prints often. What may become such a line is held back until that is known; all else
/// passes at once.
class NoiseFilter {
 public:
  [[nodiscard]] std::string feed(std::string_view bytes);
  /// What was held back last, at the end of the stream.
  [[nodiscard]] std::string finish();

 private:
  bool in_line_ = false;  ///< behind the beginning of a line that passes
  std::string held_;
};

/// The rank that failed first, as the launcher tells it.
struct RankFailure {
  std::optional<int> rank;  ///< MPICH does not say
  std::string host;         ///< as the launcher calls it, or empty
  int code = 0;
  int signal = 0;  ///< 0: it ended by itself, with code

  /// "rank 2 on ip-10-0-0-13 was killed (signal 9): out of memory, or somebody's kill".
  [[nodiscard]] std::string describe() const;
  bool operator==(const RankFailure&) const = default;
};

/// Looks for it in what was printed last on standard error: Open MPI 4 and 5, MPICH.
[[nodiscard]] std::optional<RankFailure> first_failure(std::string_view err);

}  // namespace ec2mpi::ops
