#include <algorithm>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cluster/values/ec2_words.hpp"
#include "src/cluster/read/fields.hpp"
#include "src/cluster/read/readers.hpp"

namespace ec2mpi {
namespace {

/// A line of details: how many cells it has, and which one holds what; a tag's key must be Name. Where a line
/// has any number of cells, the first one whose content fits the field counts.
struct Detail {
  std::string_view tag;
  std::size_t cells, key, value;
  Field field;
};
constexpr Detail kDetails[] = {{"STATE", 3, 0, 2, Field::state},
                               {"TAGS", 3, 1, 2, Field::name},
                               {"TAG", 5, 3, 4, Field::name},
                               {"PLACEMENT", 0, 0, 0, Field::zone},
                               {"IPV6ADDRESSES", 0, 0, 0, Field::ipv6}};

std::vector<std::string_view> cells_of(std::string_view line) {
  auto cells = split(line.substr(std::min(line.find_first_not_of(' '), line.size())), '\t');
  for (std::string_view& cell : cells) cell = trim(cell);
  return cells;
}

bool is_tag(std::string_view cell) {
  return cell.size() >= 3 && cell.front() >= 'A' && cell.front() <= 'Z' &&
         cell.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == std::string_view::npos;
}

/// A line that no table has: it begins with such a word in capitals and has no instance id, as the rows of a
/// table have.
bool is_detail_line(std::string_view line) {
  const std::string_view tag = trim(line.substr(0, line.find('\t')));
  return line.contains('\t') && !holds_instance_id(line) &&
         (tag == "RESERVATIONS" || tag == "STATE" || tag == "PLACEMENT" || tag == "TAGS" ||
          tag == "RESERVATION");
}

Problem put_detail(Node& node, std::string_view tag, Cells cells) {
  for (const auto& [name, count, key, value, field] : kDetails) {
    if (tag != name || (count > 0 && (cells.size() != count || (key > 0 && cells[key] != "Name")))) continue;
    const auto cell = count > 0 ? cells.begin() + static_cast<std::ptrdiff_t>(value)
                                : std::ranges::find(cells.subspan(1), field, field_of_content);
    // Of several IPv6 addresses the first one counts.
    const bool counts = cell != cells.end() && (field != Field::ipv6 || node.ipv6.empty());
    return counts ? put_field(node, field, *cell) : std::nullopt;
  }
  return std::nullopt;
}

/// Reads one line into the instance that it begins, or into the one above.
Problem read_tagged_line(std::vector<Node>& nodes, Cells cells, int line) {
  const std::string_view tag = is_tag(cells.front()) ? cells.front() : "";
  const auto id = std::ranges::find_if(cells, is_instance_id);
  if (!tag.empty() && (tag == "TAG" || id == cells.end()))
    return nodes.empty() ? std::nullopt : put_detail(nodes.back(), tag, cells);
  if (id == cells.end()) return fmt::format(kNotUnderstood, in_quotes(cells.front()));
  Node& node = nodes.emplace_back();
  node.instance_id = *id;
  node.line = line;
  return put_by_content(node, {id + 1, cells.end()});
}

}  // namespace

bool is_tagged_text(std::string_view text) {
  bool found = false;
  // Such lines follow each instance, so the beginning of the list holds one.
  for_each_line(text.substr(0, std::size_t{64} << 10U),
                [&](std::string_view line, int) { found = found || is_detail_line(line); });
  return found;
}

Read<Listing> read_tagged_text(std::string_view text) {
  Read<Listing> out;
  for_each_line(text, [&](std::string_view line, int number) {
    if (!out || trim(line).empty() || trim(line).starts_with('#')) return;
    if (const auto problem = read_tagged_line(out->nodes, cells_of(line), number))
      out = refuse(number, kBadTaggedLine, *problem);
  });
  return out;
}

}  // namespace ec2mpi
