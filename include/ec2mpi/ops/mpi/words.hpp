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
  /// The bytes that are still held back, at the end of the stream.
  [[nodiscard]] std::string finish();

 private:
  bool in_line_ = false;  ///< behind the beginning of a line that passes
  std::string held_;
};

/// One rank's lines, of a job that was started with --tag: "[1,3]<stdout>:text" of Open MPI 4, the same with
/// a blank before the text of Open MPI 5, "[3] text" of MPICH and Intel MPI. Passes the texts; lines of other
/// ranks and lines without a rank are dropped.
class RankFilter {
 public:
  explicit RankFilter(int rank) : rank_(rank) {}
  [[nodiscard]] std::string feed(std::string_view bytes);
  /// A last line without an end.
  [[nodiscard]] std::string finish();
  /// Whether any line had a rank.
  [[nodiscard]] bool saw_tags() const { return saw_tags_; }
  /// Whether this rank had one.
  [[nodiscard]] bool saw_rank() const { return saw_rank_; }

 private:
  [[nodiscard]] std::string_view text_of(std::string_view line);

  int rank_;
  bool saw_tags_ = false;
  bool saw_rank_ = false;
  bool no_blank_ = false;  ///< a text that followed at once: so that a blank is the text's own
  std::string line_;       ///< whose end has not come yet
};

/// The rank that failed first, as the launcher reports it.
struct RankFailure {
  std::optional<int> rank;  ///< MPICH does not say
  std::string host;         ///< as the launcher calls it, or empty
  int code = 0;
  int signal = 0;         ///< 0: it ended by itself, with code
  std::string deed = {};  ///< what it did instead, if that is known: "called MPI_Abort with 3"

  /// "rank 2 on ip-10-0-0-13 was killed (signal 9): out of memory, or somebody's kill".
  [[nodiscard]] std::string describe() const;
  bool operator==(const RankFailure&) const = default;
};

/// Looks for it in the last bytes of standard error: Open MPI 4 and 5, MPICH. Open MPI names the host of some
/// failures only.
[[nodiscard]] std::optional<RankFailure> first_failure(std::string_view err);

/// The signal that an exit status stands for: "signal 9: out of memory, or somebody's kill"; empty if none.
[[nodiscard]] std::string signal_of_status(int status);

}  // namespace ec2mpi::ops
