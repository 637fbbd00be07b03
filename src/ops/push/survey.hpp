#pragma once
/// What a node's target holds, as the node tells it before anything is sent. Everything here comes from the
/// node and is believed of that node only.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/base/tar.hpp"

namespace ec2mpi::ops {

struct HeldEntry {
  TarType type = TarType::other;
  std::uint64_t size = 0;
  unsigned mode = 0;
  std::int64_t mtime = 0;
  std::optional<std::uint32_t> nanoseconds = {};  ///< nothing where the node can't tell
  std::string link = {};
};

/// By path below the folder asked about, without "./" in front.
using HeldEntries = std::unordered_map<std::string, HeldEntry>;

/// What a node can unpack, or what an archive may hold.
struct Unpackers {
  bool gzip = false;
  bool holes = false;  ///< files of which only what is no hole is in the archive
};

struct PushSurvey {
  bool into = false;    ///< the sources go into the target, which is a folder or becomes one
  std::string name;     ///< else what the source is called there: that of the target, or where a link leads
  std::string address;  ///< where other nodes reach it: an address, or "" if it can't tell
  std::string stage;    ///< where this push will be unpacked
  bool sha256 = false;  ///< else it can only count bytes
  Unpackers unpackers;
  HeldEntries target;                       ///< below the folder that the target is or lies in
  std::map<std::string, HeldEntries> left;  ///< what earlier pushes of the same sources left, by stage
  std::unordered_map<std::string, std::string> sums;  ///< of files of the target, hexadecimal
  std::string holds;  ///< a folder to be cleaned up that holds or is part of the login's .ssh or jobs
  std::vector<std::string> dear;    ///< paths of these below the folder that the target is or lies in
  std::vector<std::string> mounts;  ///< mount points below that folder
};

/// Reads the fields of the answer, one after the other.
class SurveyReader {
 public:
  /// True when that was the last field. Errors: protocol.
  [[nodiscard]] Result<bool> take(std::string_view field);
  [[nodiscard]] PushSurvey& survey() { return survey_; }

 private:
  enum class Next {
    into,
    address,
    stage,
    method,
    unpackers,
    word,
    area,
    link,
    lines,
    sums,
    holds,
    dear,
    mount,
    name
  };
  Result<bool> take_word(std::string_view field);

  PushSurvey survey_;
  Next next_ = Next::into;
  HeldEntries* area_ = nullptr;
  std::string record_;
};

/// The words in front of the first field; what a login shell says comes before them.
inline constexpr std::string_view kSurveyBegin("ec2mpi-push 4\0", 14);

}  // namespace ec2mpi::ops
