#include "src/cluster/read/fields.hpp"

#include <algorithm>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cluster/read/state_words.hpp"
#include "ec2mpi/cluster/values/ec2_words.hpp"
#include "src/cluster/read/host_of.hpp"
#include "src/cluster/read/messages.hpp"

namespace ec2mpi {
namespace {

constexpr std::string_view kPhrases[] = {
#include "src/cluster/read/console_phrases.inc"
};

/// Texts of the console's columns of checks and alarms: never the name of a machine.
bool is_console_phrase(std::string_view cell) {
  return cell.ends_with(" checks passed") || cell.ends_with(" checks failed") || cell.ends_with("in alarm") ||
         std::ranges::find(kPhrases, cell) != std::end(kPhrases);
}

Field field_with_dots(std::string_view cell) {
  if (is_ipv4(cell)) return is_private_ipv4(cell) ? Field::private_v4 : Field::public_v4;
  // A slip such as 10.0.0.300 counts as an address, so that its cell is refused.
  if (looks_like_ipv4(cell)) return Field::any_address;
  if (is_instance_type(cell)) return Field::type;
  if (address_in_public_dns(cell)) return Field::public_dns;
  return address_in_private_dns(cell) ? Field::private_dns : Field::unknown;
}

/// Of the addresses that a cell lists, the first one is used.
std::string_view first_of_several(std::string_view cell) {
  return trim(cell.substr(0, std::min(cell.find(','), cell.find(' '))));
}

/// The same value again is no error; two values for one machine are. Returns what is wrong.
Problem put_once(std::string& place, std::string_view value, std::string_view what) {
  if (!place.empty() && place != value)
    return fmt::format(kTwoValues, what, in_quotes(place), in_quotes(value));
  place = value;
  return std::nullopt;
}

/// `encoded` is the address that a name of EC2 holds, so that the name can be
/// compared with the address of the same row; nothing for any other name.
Problem put_dns(std::string& place, std::string_view name, const std::optional<std::string>& encoded) {
  if (encoded && !place.empty() && place != *encoded)
    return fmt::format(kContradiction, in_quotes(name, 100), in_quotes(place));
  if (encoded) return put_once(place, *encoded, "addresses");
  const auto spec = host_of(name, BareWords::refused);
  if (!spec) return spec.error();
  if (place.empty()) place = spec->host;
  return std::nullopt;
}

Problem put_ipv6(Node& node, std::string_view cell) {
  const std::string_view first = first_of_several(cell);
  // A network, and an address that holds on one link only, lead to no machine.
  if (is_ipv6_network(first) || first.starts_with("fe80:")) return std::nullopt;
  const auto spec = host_of(first.substr(0, first.find('/')), BareWords::refused);
  if (!spec) return spec.error();
  if (spec->kind == HostSpec::Kind::ipv6) return put_once(node.ipv6, spec->host, "IPv6 addresses");
  return fmt::format(kNoIpv6, in_quotes(first));
}

bool holds_address(std::string_view text) {
  return std::ranges::any_of(words(text), [](std::string_view word) {
    while (word.starts_with(',')) word.remove_prefix(1);
    return is_numeric_address(word.substr(0, word.find(',')));
  });
}

/// `port` is 0 where none is given.
Problem put_port(Node& node, int port) {
  if (port != 0 && node.port != 0 && node.port != port)
    return fmt::format(kTwoValues, "ports", node.port, port);
  if (port != 0) node.port = static_cast<std::uint16_t>(port);
  return std::nullopt;
}

Problem put_address(Node& node, Field field, std::string_view cell) {
  const std::string_view first = first_of_several(cell);
  const auto spec = host_of(first, BareWords::refused);
  if (!spec) return spec.error();
  // Under a heading that names no kind of address, several addresses may be several machines.
  const bool any_kind = field == Field::any_address || field == Field::host;
  if (any_kind && holds_address(cell.substr(first.size())))
    return fmt::format(kSeveralAddresses, in_quotes(cell));
  if (auto problem = spec->user.empty() ? std::nullopt : put_once(node.user, spec->user, "users"))
    return problem;
  if (auto problem = put_port(node, spec->number)) return problem;
  if (spec->kind == HostSpec::Kind::ipv6) return put_once(node.ipv6, spec->host, "IPv6 addresses");
  const bool is_private = any_kind ? spec->kind == HostSpec::Kind::private_v4 : field == Field::private_v4;
  std::string& place = is_private ? node.private_address : node.public_address;
  const auto encoded = (is_private ? address_in_private_dns : address_in_public_dns)(spec->host);
  if (encoded || (is_private && spec->kind == HostSpec::Kind::name))
    return put_dns(place, spec->host, encoded);
  return put_once(place, spec->host, is_private ? "private addresses" : "public addresses");
}

/// Of two states the one that does not run counts.
/// A word that is not known is an error, for it may say that the machine is stopped.
Problem put_state(Node& node, std::string_view cell) {
  cell = name_of_state_code(cell);
  const auto state = state_word(cell);
  if (!state) return fmt::format(kNoState, in_quotes(cell));
  if (node.state.empty() || !state->running) node.state = cell;
  return std::nullopt;
}

/// "true" in a column that is called "stopped"; a state there says itself.
Problem put_not_running(Node& node, std::string_view cell) {
  const std::string word = lower_case(cell);
  if (word == "true" || word == "yes" || word == "1") return put_state(node, "stopped");
  if (word == "false" || word == "no" || word == "0") return put_state(node, "running");
  return put_state(node, cell);
}

/// A host's name beside its address is the node's name; where it stands alone it must be an address.
Problem put_host_cell(Node& node, std::string_view cell) {
  if (!has_address(node)) return put_address(node, Field::host, cell);
  if (node.name.empty()) node.name = cell;
  return std::nullopt;
}

/// The first word that fits counts.
Problem put_word(std::string& place, std::string_view cell, bool fits) {
  if (fits && place.empty()) place = cell;
  return std::nullopt;
}

/// A user, port or number of slots; anything else is not used, which a note says.
Problem put_login(Node& node, Field field, std::string_view cell) {
  if (!fits_login(field, cell)) return std::nullopt;
  if (field == Field::user) return put_once(node.user, cell, "users");
  const int number = static_cast<int>(*parse_number(cell));
  if (field == Field::port) return put_port(node, number);
  node.slots = number;
  return std::nullopt;
}

}  // namespace

Field field_of_content(std::string_view cell) {
  if (looks_like_date(cell)) return Field::launched;
  if (is_console_phrase(cell)) return Field::unused;
  // The state may be the first word of a longer cell.
  for (const std::string_view word : {cell, leading_word(cell)}) {
    if (const auto state = state_word(word); state && state->use == StateWord::Use::anywhere)
      return Field::state;
  }
  std::string_view first = trim(cell.substr(0, cell.find(',')));
  if (const std::size_t at = first.find('@');
      at != std::string_view::npos && is_user_name(first.substr(0, at)))
    first.remove_prefix(at + 1);
  if (first.contains(':')) {
    if (is_ipv6_network(first)) return Field::unused;
    return canonical_ipv6(first.substr(0, first.find('/'))) ? Field::ipv6 : Field::unknown;
  }
  if (first.contains('.')) return field_with_dots(first);
  return is_availability_zone(cell) ? Field::zone : Field::unknown;
}

std::string_view leading_word(std::string_view cell) {
  return cell.substr(0, cell.find_first_of(" (:,"));
}

std::vector<Field> header_fields(std::span<const std::string_view> row) {
  std::vector<Field> fields;
  std::size_t known = 0, named = 0;
  bool names_key = false;
  for (const std::string_view cell : row) {
    // These stand in rows and never in a header.
    if (is_instance_id(cell) || is_numeric_address(cell) || looks_like_date(cell)) return {};
    const Field field = field_of_column(cell);
    if (field != Field::unknown) ++known;
    if (!cell.empty()) ++named;
    names_key = names_key || field == Field::instance_id || is_address_field(field);
    fields.push_back(field);
  }
  // Half of the names must be known, and one must be that of the id or of an address:
  // a row of plain words that holds a known name by chance is no header.
  if (!names_key || known * 2 < named) return {};
  return fields;
}

/// Blank cells always fit. Other details of a login (keys,
/// passwords, jump hosts) never do: a list has no place for them.
bool fits_login(Field field, std::string_view cell) {
  if (field < Field::user || field > Field::login_detail || is_blank_cell(cell)) return true;
  if (field == Field::user) return is_user_name(cell);
  const auto number = parse_number(cell);
  return field != Field::login_detail && number && *number > 0 && *number < 65536;
}

void see_login(LoginColumns& columns, std::string_view name, Field field, std::string_view cell, int line) {
  if (field < Field::user || field > Field::login_detail || is_blank_cell(cell)) return;
  LoginColumn& column = columns[std::string(name)];
  column.field = field;
  if (fits_login(field, cell)) {
    column.used = true;
  } else if (column.misfit_line == 0) {
    column.misfit_line = line;
    column.misfit = cell;
  }
}

Read<void> note_unused(Listing& listing, const LoginColumns& columns) {
  std::vector<std::string> logins, slots;
  for (const auto& [name, column] : columns) {
    if (column.misfit_line == 0) continue;
    if (column.used) {
      const auto* kind = column.field == Field::user   ? "the name of a user"
                         : column.field == Field::port ? "a port (1 to 65535)"
                                                       : "a number from 1 to 65535";
      return refuse(column.misfit_line, kCorrectLine,
                    fmt::format(kNoLogin, in_quotes(column.misfit), kind, in_quotes(name)));
    }
    (column.field == Field::slots ? slots : logins).push_back(in_quotes(name));
  }
  if (!logins.empty()) listing.notes.push_back(fmt::format(kLoginNotUsed, some_of(logins)));
  if (!slots.empty()) listing.notes.push_back(fmt::format(kSlotsNotUsed, some_of(slots)));
  return {};
}

bool has_address(const Node& node) {
  return !node.public_address.empty() || !node.private_address.empty() || !node.ipv6.empty();
}

Problem put_field(Node& node, Field field, std::string_view cell) {
  cell = trim(cell);
  if (is_blank_cell(cell)) return std::nullopt;
  switch (field) {
    case Field::name:
      return put_word(node.name, cell, true);
    case Field::instance_id:
      return is_instance_id(cell) ? put_once(node.instance_id, cell, "instance ids") : why_no_id(cell);
    case Field::type:
      return put_word(node.type, cell, is_instance_type(cell));
    case Field::state:
      return put_state(node, cell);
    case Field::not_running:
      return put_not_running(node, cell);
    case Field::zone:
      return put_word(node.availability_zone, cell, is_availability_zone(cell));
    case Field::launched:
      return put_word(node.launched, cell, true);
    case Field::user:
    case Field::port:
    case Field::slots:
      return put_login(node, field, cell);
    case Field::elastic_ip:
      // The console repeats the public address here; the instance's own column counts.
      return node.public_address.empty() ? put_address(node, field, cell) : std::nullopt;
    case Field::public_v4:
    case Field::private_v4:
    case Field::any_address:
      return put_address(node, field, cell);
    case Field::host:
      return put_host_cell(node, cell);
    case Field::ipv6:
      return put_ipv6(node, cell);
    case Field::public_dns:
      return put_dns(node.public_address, cell, address_in_public_dns(cell));
    case Field::private_dns: {
      const auto encoded = address_in_private_dns(cell);
      return encoded ? put_dns(node.private_address, cell, encoded) : std::nullopt;
    }
    default:
      return std::nullopt;
  }
}

Problem find_unnamed_address(const Node& node, std::string_view name, Field field, std::string_view text) {
  if (field != Field::unknown || is_blank_cell(text) || !node.public_address.empty()) return std::nullopt;
  const Field content = field_of_content(text);
  const auto state = state_word(node.state);
  if ((content != Field::public_v4 && content != Field::public_dns) || (state && !state->running))
    return std::nullopt;
  return fmt::format(kUnknownColumn, in_quotes(text), in_quotes(name));
}

Problem put_cells(Node& node, std::span<const Field> fields, std::span<const std::string_view> cells) {
  // Two turns: fields of second choice look at the values that the others have given.
  for (const bool second : {false, true}) {
    for (std::size_t i = 0; i < cells.size() && i < fields.size(); ++i) {
      if (is_second_choice(fields[i]) != second) continue;
      if (auto problem = put_field(node, fields[i], cells[i])) return problem;
    }
  }
  return std::nullopt;
}

Problem put_by_content(Node& node, std::span<const std::string_view> cells) {
  for (const std::string_view cell : cells) {
    if (is_blank_cell(cell)) continue;
    if (auto problem = put_field(node, field_of_content(cell), cell)) return problem;
  }
  return std::nullopt;
}

void put_host(Node& node, const HostSpec& spec) {
  node.user = spec.user;
  // A name stands for the public address: the login uses it as it is.
  (spec.kind == HostSpec::Kind::private_v4 ? node.private_address
   : spec.kind == HostSpec::Kind::ipv6     ? node.ipv6
                                           : node.public_address) = spec.host;
}

}  // namespace ec2mpi
