#include "ec2mpi/cluster/forms.hpp"

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cluster/grid.hpp"
#include "ec2mpi/cluster/host_list.hpp"
#include "ec2mpi/cluster/json_list.hpp"
#include "ec2mpi/cluster/quote.hpp"
#include "ec2mpi/cluster/refused_forms.hpp"
#include "ec2mpi/cluster/table.hpp"
#include "ec2mpi/cluster/tagged_text.hpp"

namespace ec2mpi {
namespace {

/// The first line has tabs and an instance id, so it is a row, whatever its Name looks like ("{a}", "key:
/// value").
bool begins_with_row(std::string_view text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  return line.find('\t') != std::string_view::npos && holds_instance_id(line);
}

/// Hosts, or else rows of a table that names no columns; if it is neither, what is wrong with the hosts.
Result<Listing> read_hosts_or_rows(std::string_view text, std::string_view source) {
  auto hosts = read_host_list(text, source);
  if (hosts) return hosts;
  auto rows = read_table_without_ids(text, source);
  return rows && rows->nodes.size() > 1 ? std::move(rows) : std::move(hosts);
}

}  // namespace

Result<Listing> read_listing(std::string_view text, std::string_view source) {
  if (trim(text).empty()) {
    return bad_list(source, 0,
                    "the list is empty; paste the instances of the EC2 console into it, or write one "
                    "address a line");
  }
  if (!begins_with_row(text)) {
    if (begins_as_json(text)) return read_json_list(text, source);
    if (const auto reason = why_refused(text)) return bad_list(source, 1, *reason);
  }
  if (is_tagged_text(text)) return read_tagged_text(text, source);
  if (holds_instance_id(text)) return read_table(text, source);
  if (has_header(text)) return read_table_without_ids(text, source);
  return read_hosts_or_rows(text, source);
}

}  // namespace ec2mpi
