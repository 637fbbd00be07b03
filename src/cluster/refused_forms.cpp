#include "ec2mpi/cluster/refused_forms.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cluster/address.hpp"
#include "ec2mpi/cluster/lines.hpp"

namespace ec2mpi {
namespace {

constexpr std::string_view kJsonAdvice = "use `aws ec2 describe-instances --output json`";

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
         c == '.';
}

bool is_name(std::string_view text) {
  return !text.empty() && !(text[0] >= '0' && text[0] <= '9') &&
         std::all_of(text.begin(), text.end(), is_name_character);
}

bool begins_with(std::string_view text, std::string_view lower_case) {
  return text.size() >= lower_case.size() &&
         std::equal(lower_case.begin(), lower_case.end(), text.begin(), [](char a, char b) {
           return a == (b >= 'A' && b <= 'Z' ? static_cast<char>(b - 'A' + 'a') : b);
         });
}

/// The first lines that say something, trimmed.
std::vector<std::string_view> first_lines(std::string_view text) {
  std::vector<std::string_view> out;
  for_each_line(text.substr(0, std::size_t{16} << 10U), [&](std::string_view line, int) {
    line = trim(line);
    if (!line.empty() && line.front() != '#' && out.size() < 40) out.push_back(line);
  });
  return out;
}

/// `[group]`, `[group:vars]`.
bool is_ini_section(std::string_view line) {
  if (line.size() < 3 || line.front() != '[' || line.back() != ']') return false;
  std::string inner(line.substr(1, line.size() - 2));
  std::replace(inner.begin(), inner.end(), ':', '_');
  return is_name(inner) && inner != "null" && inner != "true" && inner != "false";
}

/// `key: value`, `key:`, `- item` of one word, `- - item`; neither `host:22` nor an empty Name before an
/// instance id.
bool is_yaml_line(std::string_view line) {
  if (line == "---" || line.starts_with("- - ")) return true;
  if (line.find('\t') != std::string_view::npos) return false;
  const bool item = line.starts_with("- ");
  if (item) line = trim(line.substr(2));
  const std::size_t colon = line.find(':');
  const bool key = colon != std::string_view::npos && is_name(line.substr(0, colon)) &&
                   (colon + 1 == line.size() || line[colon + 1] == ' ');
  return key || (item && line.find(' ') == std::string_view::npos);
}

/// `name = "value"`, `name = [`, `name = tolist([`.
bool is_hcl_line(std::string_view line) {
  const std::size_t equals = line.find('=');
  if (equals == std::string_view::npos || !is_name(trim(line.substr(0, equals)))) return false;
  const std::string_view value = trim(line.substr(equals + 1));
  return value.starts_with('"') || value.starts_with('[') || value.starts_with('{') ||
         value.starts_with("to");
}

/// One of the words that an ssh_config file is made of, then a space or an equals sign.
bool is_ssh_config(const std::vector<std::string_view>& lines) {
  constexpr std::array<std::string_view, 6> kSettings = {
      "hostname", "user", "port", "identityfile", "proxyjump", "stricthostkeychecking"};
  if (!begins_with(lines[0], "host ") && !begins_with(lines[0], "match ") && !begins_with(lines[0], "host="))
    return false;
  return std::any_of(lines.begin(), lines.end(), [&](std::string_view line) {
    return std::any_of(kSettings.begin(), kSettings.end(), [&](std::string_view setting) {
      return begins_with(line, setting) && line.size() > setting.size() &&
             (line[setting.size()] == ' ' || line[setting.size()] == '=');
    });
  });
}

}  // namespace

bool begins_as_json(std::string_view text) {
  text = trim(text);
  if (text.starts_with('{')) return true;
  if (!text.starts_with('[') || is_ini_section(trim(text.substr(0, text.find('\n'))))) return false;
  const auto host = parse_host_spec(text.substr(0, text.find_first_of(" \t\n,;")));  // "[2600::1]:22"
  return !host || (host->kind != HostSpec::Kind::ipv6 && host->number == 0);
}

std::optional<std::string> why_refused(std::string_view text) {
  const std::vector<std::string_view> lines = first_lines(text);
  if (lines.empty()) return std::nullopt;
  const std::string_view first = lines.front();
  if (begins_with(first, "<!doctype") || begins_with(first, "<html")) {
    return "this is a web page (a login page?), not a list; copy the rows of the table, or " +
           std::string(kJsonAdvice);
  }
  if (first.starts_with('<')) return "XML is not read; " + std::string(kJsonAdvice);
  const bool sections = std::any_of(lines.begin(), lines.end(), is_ini_section);
  if (sections || text.find(" ansible_host=") != std::string_view::npos) {
    return "INI is not read; use `ansible-inventory -i FILE --list`";
  }
  if (is_ssh_config(lines)) {
    return "ssh_config is not read as a list; use `awk 'tolower($1)==\"hostname\"{print $2}' FILE`";
  }
  if (is_hcl_line(first)) return "Terraform's own syntax is not read; use `terraform output -json`";
  if (is_yaml_line(first))
    return "YAML is not read; " + std::string(kJsonAdvice) +
           " (from Ansible: `ansible-inventory -i FILE --list`)";
  return std::nullopt;
}

}  // namespace ec2mpi
