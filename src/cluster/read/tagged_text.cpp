#include "src/cluster/read/tagged_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cluster/values/ec2_words.hpp"
#include "ec2mpi/cluster/values/quote.hpp"
#include "src/cluster/read/columns.hpp"
#include "src/cluster/read/fields.hpp"
#include "src/cluster/read/grid.hpp"
#include "src/cluster/read/lines.hpp"

namespace ec2mpi {
namespace {

using Cells = std::vector<std::string_view>;

Cells cells_of(std::string_view line) {
  Cells cells = split(line.substr(std::min(line.find_first_not_of(' '), line.size())), '\t');
  for (std::string_view& cell : cells) cell = trim(cell);
  return cells;
}

bool is_tag(std::string_view cell) {
  return cell.size() >= 3 &&
         std::all_of(cell.begin(), cell.end(),
                     [](char c) {
                       return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
                     }) &&
         cell.front() >= 'A';
}

/// A line that no table has: such a word in capitals in front and no instance id, which rows of a table do
/// have.
bool is_detail_line(std::string_view line) {
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  constexpr std::array<std::string_view, 5> kDetails = {"RESERVATIONS\t", "STATE\t", "PLACEMENT\t", "TAGS\t",
                                                        "RESERVATION\t"};
  return std::any_of(kDetails.begin(), kDetails.end(),
                     [&](std::string_view tag) { return line.starts_with(tag); }) &&
         !holds_instance_id(line);
}

class TaggedReader {
 public:
  std::optional<std::string> read_line(const Cells& cells, int line) {
    const std::string_view tag = is_tag(cells.front()) ? cells.front() : "";
    const auto id = std::find_if(cells.begin(), cells.end(), is_instance_id);
    const bool is_detail = !tag.empty() && (tag == "TAG" || id == cells.end());
    if (!is_detail && id != cells.end()) return begin_instance({id + 1, cells.end()}, *id, line);
    if (!is_detail) return fmt::format("{} is not understood", in_quotes(cells.front()));
    return nodes_.empty() ? std::nullopt : read_detail(tag, cells);
  }

  std::vector<Node> take() { return std::move(nodes_); }

 private:
  std::optional<std::string> begin_instance(const Cells& right, std::string_view id, int line) {
    Node node;
    node.instance_id = id;
    node.line = line;
    auto problem = put_by_content(node, right);
    nodes_.push_back(std::move(node));
    return problem;
  }

  std::optional<std::string> read_detail(std::string_view tag, const Cells& cells) {
    Node& node = nodes_.back();
    if (tag == "STATE" && cells.size() == 3) return put_field(node, Field::state, cells[2]);
    if (tag == "PLACEMENT") {
      for (const std::string_view cell : cells) {
        if (is_availability_zone(cell)) return put_field(node, Field::zone, cell);
      }
    }
    if (tag == "TAGS" && cells.size() == 3 && cells[1] == "Name")
      return put_field(node, Field::name, cells[2]);
    if (tag == "TAG" && cells.size() == 5 && cells[3] == "Name")
      return put_field(node, Field::name, cells[4]);
    if (tag == "IPV6ADDRESSES" && node.ipv6.empty() && cells.size() > 1) {
      const auto address = std::find_if(cells.begin() + 1, cells.end(), [](std::string_view cell) {
        return canonical_ipv6(cell).has_value();
      });
      if (address != cells.end()) return put_field(node, Field::ipv6, *address);
    }
    return std::nullopt;
  }

  std::vector<Node> nodes_;
};

}  // namespace

bool is_tagged_text(std::string_view text) {
  bool found = false;
  for_each_line(text.substr(0, std::size_t{64} << 10U),
                [&](std::string_view line, int) { found = found || is_detail_line(line); });
  return found;
}

Result<Listing> read_tagged_text(std::string_view text, std::string_view source) {
  TaggedReader reader;
  std::optional<Error> error;
  for_each_line(text, [&](std::string_view line, int number) {
    if (error || trim(line).empty() || trim(line).starts_with('#')) return;
    if (const auto problem = reader.read_line(cells_of(line), number)) {
      error =
          bad_list(source, number, fmt::format("{}; use the same aws command with --output json", *problem))
              .error();
    }
  });
  if (error) return std::unexpected(*error);
  Listing out;
  out.nodes = reader.take();
  return out;
}

}  // namespace ec2mpi
