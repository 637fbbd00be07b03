#include "ec2mpi/cluster/cell_kinds.hpp"

#include <algorithm>
#include <array>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cluster/address.hpp"
#include "ec2mpi/cluster/ec2_words.hpp"
#include "ec2mpi/cluster/fields.hpp"

namespace ec2mpi {
namespace {

bool is_console_phrase(std::string_view cell) {
  constexpr std::array<std::string_view, 14> kPhrases = {
      "Initializing", "No alarms", "View alarms +", "Loading...", "disabled", "enabled",  "Linux/UNIX",
      "Windows",      "true",      "false",         "Required",   "required", "Optional", "optional"};
  return cell.ends_with(" checks passed") || cell.ends_with(" checks failed") || cell.ends_with("in alarm") ||
         std::find(kPhrases.begin(), kPhrases.end(), cell) != kPhrases.end();
}

CellKinds kinds_with_dots(std::string_view cell) {
  if (looks_like_ipv4(cell)) {
    if (!is_ipv4(cell)) return kAnyV4;
    return kAnyV4 | (is_private_ipv4(cell) ? kPrivateV4 : kPublicV4);
  }
  if (is_instance_type(cell)) return kType;
  if (address_in_public_dns(cell)) return kPublicDns;
  return address_in_private_dns(cell) ? kPrivateDns : 0;
}

}  // namespace

CellKinds kinds_of(std::string_view cell) {
  if (looks_like_date(cell)) return kDate;
  if (is_console_phrase(cell)) return kConsolePhrase;
  if (is_instance_state(cell)) return kState;
  const std::string_view first = trim(cell.substr(0, cell.find(',')));
  if (first.find(':') != std::string_view::npos) {
    return canonical_ipv6(first.substr(0, first.find('/'))) ? kIpv6 : 0;
  }
  if (first.find('.') != std::string_view::npos) return kinds_with_dots(first);
  return is_availability_zone(cell) ? kZone : 0;
}

}  // namespace ec2mpi
