#pragma once
/// The content of a node's target, as the node reports it before anything is sent. Everything here comes from
/// the node and is used for that node only.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/base/tar.hpp"
#include "ec2mpi/ops/node/listed_fields.hpp"

namespace ec2mpi::ops {

struct HeldEntry {
  TarType type = TarType::other;
  std::uint64_t size = 0;
  unsigned mode = 0;
  std::int64_t mtime = 0;
  std::optional<std::uint32_t> nanoseconds = {};  ///< nothing where the node can't tell
  std::string link = {};
  bool special = false;  ///< a device, pipe or socket, or a link to one
};

/// By path below the folder asked about, without "./" in front.
using HeldEntries = std::unordered_map<std::string, HeldEntry>;

/// The formats that a node can unpack, or that an archive may use.
struct Unpackers {
  bool gzip = false;
  bool holes = false;  ///< files whose holes are not in the archive
};

struct PushSurvey {
  bool into = false;  ///< the sources go into the target, which is a folder or becomes one
  std::string
      name;  ///< else the source's name there: that of the target, or of the path to which a link leads
  std::string address;  ///< where other nodes reach it: an address, or "" if it can't tell
  std::string made;     ///< the ID of a target that another node has made in this push; or ""
  std::string mark;     ///< the text of the mark in the target, which begins as Writers has given it; or ""
  std::string stage;    ///< where this push will be unpacked
  bool sha256 = false;  ///< else it can only count bytes
  Unpackers unpackers;
  std::uint64_t room = 0;  ///< bytes free there, of a node whose tail can follow a file for others; else 0
  HeldEntries target;      ///< below the folder that the target is or lies in
  std::map<std::string, HeldEntries>
      left;         ///< the files that earlier pushes of the same sources left, by stage
  SumsByPath sums;  ///< of files of the target, hexadecimal
  std::map<std::string, SumsByPath> proofs;  ///< the same of the files in those stages
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
  /// False if the value makes no sense.
  bool take_value(std::string_view word, std::string_view field);

  PushSurvey survey_;
  std::string word_;  ///< whose value comes next
  HeldEntries* area_ = nullptr;
  std::string stage_;  ///< of that area; "" for the target
};

/// The words in front of the first field; the output of a login shell stands before them.
inline constexpr std::string_view kSurveyBegin("ec2mpi-push 6\0", 14);

}  // namespace ec2mpi::ops
