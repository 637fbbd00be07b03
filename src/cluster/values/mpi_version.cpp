#include "ec2mpi/cluster/values/mpi_version.hpp"

#include "ec2mpi/base/text.hpp"

namespace ec2mpi {

namespace {

constexpr std::size_t kLongestVersion = 32;

/// The version at the start of `text`: a number, then what may belong to it. The text comes from a node.
std::optional<MpiVersion> version_at(MpiFlavour flavour, std::string_view text) {
  const auto plain = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
           c == '-' || c == '+';
  };
  std::size_t end = 0;
  while (end < text.size() && plain(text[end])) ++end;
  const auto version = text.substr(0, end);
  const auto major = parse_number(version.substr(0, version.find_first_not_of("0123456789")));
  // Intel's major version is a year.
  if (!major || *major > 9999 || version.size() > kLongestVersion) return std::nullopt;
  return MpiVersion{flavour, static_cast<int>(*major), std::string(version)};
}

/// The version behind `mark` in `line`, if the line has it.
std::optional<MpiVersion> version_behind(std::string_view mark, MpiFlavour flavour, std::string_view line) {
  const auto place = line.find(mark);
  if (place == std::string_view::npos) return std::nullopt;
  return version_at(flavour, trim(line.substr(place + mark.size())));
}

std::optional<MpiVersion> version_in(std::string_view line, bool hydra) {
  if (auto found = version_behind("(Open MPI) ", MpiFlavour::open_mpi, line)) return found;
  // OpenRTE is Open MPI's runtime; some names of its launcher answer with it.
  if (auto found = version_behind("(OpenRTE) ", MpiFlavour::open_mpi, line)) return found;
  if (line.starts_with("Intel(R) MPI Library"))
    return version_behind("Version ", MpiFlavour::intel_mpi, line);
  // Any program can print "Version:"; it counts only below Hydra's heading.
  if (hydra && trim(line).starts_with("Version:")) return version_behind("Version:", MpiFlavour::mpich, line);
  return std::nullopt;
}

}  // namespace

std::string MpiVersion::name() const {
  switch (flavour) {
    case MpiFlavour::open_mpi:
      return "Open MPI " + text;
    case MpiFlavour::mpich:
      return "MPICH " + text;
    case MpiFlavour::intel_mpi:
      return "Intel MPI " + text;
  }
  return text;
}

std::optional<MpiVersion> parse_mpi_version(std::string_view said) {
  bool hydra = false;
  for (const auto line : split(said, '\n')) {
    // The heading stands above the version, so it is remembered.
    hydra = hydra || line.starts_with("HYDRA build details:");
    if (auto found = version_in(line, hydra)) return found;
  }
  return std::nullopt;
}

std::optional<MpiVersion> parse_mpi_library(std::string_view line) {
  if (line.starts_with("Open MPI v")) return version_behind("Open MPI v", MpiFlavour::open_mpi, line);
  if (line.starts_with("MPICH Version:")) return version_behind("MPICH Version:", MpiFlavour::mpich, line);
  if (line.starts_with("Intel(R) MPI Library"))
    return version_behind("Intel(R) MPI Library", MpiFlavour::intel_mpi, line);
  return std::nullopt;
}

}  // namespace ec2mpi
