#include "src/cluster/read/refused_forms.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cluster/values/address.hpp"
#include "ec2mpi/cluster/values/ec2_words.hpp"
#include "src/cluster/read/fields.hpp"
#include "src/cluster/read/json_instance.hpp"
#include "src/cluster/read/lines.hpp"

namespace ec2mpi {
namespace {

constexpr std::string_view kInstances = "use `aws ec2 describe-instances --output json`";
constexpr std::string_view kQuery =
    "use `aws ec2 describe-instances --query "
    "'Reservations[].Instances[].[InstanceId,PublicIpAddress,PrivateIpAddress,State.Name]' --output text`";
constexpr std::string_view kOneALine = "write one [user@]host a line";
constexpr std::string_view kOutputs = "use `terraform output -json`";
constexpr std::string_view kRows =
    "copy the rows of the table Instances, or use `aws ec2 describe-instances --output json`";
constexpr std::string_view kJsonDumps = "print it with json.dumps(..., default=str)";

/// Where the sign of a form stands: at the start of the first line that says something, of any of the first
/// lines, or anywhere in them.
enum class Place { first, line, text };

struct UnsupportedText {
  Place place;
  std::string_view sign;  ///< in lower case where it has letters of ASCII
  std::string_view form;
  std::string_view advice;
};

/// Every form of text that is known and not read, with a way to one that is.
constexpr UnsupportedText kUnsupportedTexts[] = {
    {Place::first, "<!doctype", "this is a web page (a login page?), not a list", kRows},
    {Place::first, "<html", "this is a web page (a login page?), not a list", kRows},
    {Place::first, "<", "XML is not read", kInstances},
    {Place::text, "instance summary for ", "the panel of one instance is no list", kRows},
    {Place::text, "resumen de instancia", "the panel of one instance is no list", kRows},
    {Place::text, "resumen de la instancia", "the panel of one instance is no list", kRows},
    {Place::text, "resumo da instância", "the panel of one instance is no list", kRows},
    {Place::text, "résumé de l", "the panel of one instance is no list", kRows},
    {Place::text, "récapitulatif de l", "the panel of one instance is no list", kRows},
    {Place::text, "zusammenfassung für ", "the panel of one instance is no list", kRows},
    {Place::text, "instance-zusammenfassung", "the panel of one instance is no list", kRows},
    {Place::text, "的实例摘要", "the panel of one instance is no list", kRows},
    {Place::text, "的執行個體摘要", "the panel of one instance is no list", kRows},
    {Place::text, "のインスタンス概要", "the panel of one instance is no list", kRows},
    {Place::text, "인스턴스 요약", "the panel of one instance is no list", kRows},
    {Place::text, "datetime.datetime(", "what Python's print writes is not read", kJsonDumps},
    {Place::text, "ec2.instance(", "what Python's print writes is not read",
     "print instance.id and instance.public_ip_address"},
    {Place::first, "[{'", "what Python's print writes is not read", kJsonDumps},
    {Place::first, "{'", "what Python's print writes is not read", kJsonDumps},
    {Place::first, "['", "what Python's print writes is not read", kJsonDumps},
    {Place::first, "[('", "what Python's print writes is not read", kJsonDumps},
    {Place::first, "('", "what Python's print writes is not read", kJsonDumps},
    {Place::text, "= ['", "Python is not read", kJsonDumps},
    {Place::line, "resource \"", "Terraform's own syntax is not read", "use `terraform show -json`"},
    {Place::line, "apply complete!", "what `terraform apply` says is not read", kOutputs},
    {Place::line, "outputs:", "what `terraform apply` says is not read", kOutputs},
    {Place::line, "\"publicipaddress\":", "lines cut out of JSON are not read", kQuery},
    {Place::line, "\"privateipaddress\":", "lines cut out of JSON are not read", kQuery},
    {Place::line, "\"instanceid\":", "lines cut out of JSON are not read", kQuery},
    {Place::line, "\"publicdnsname\":", "lines cut out of JSON are not read", kQuery},
    {Place::line, "||", "nested tables are not read", kInstances},
    {Place::text, "| networks", "tables of OpenStack are not read", kOneALine},
    {Place::text, "tcp://", "tables of docker-machine are not read",
     "use `docker-machine ip $(docker-machine ls -q)`"},
    {Place::text, "cluster nodes:", "what StarCluster says of its clusters is not read",
     "copy the lines below 'Cluster nodes:'"},
    {Place::line, "machine_type:", "blocks of gcloud are not read",
     "use `gcloud compute instances list` in a terminal that is wide enough for its table"},
    {Place::text, " ansible_host=", "INI is not read", "use `ansible-inventory -i FILE --list`"},
    {Place::text, "\n---\n", "YAML is not read", kInstances},
};

struct UnsupportedJson {
  std::string_view key;  ///< of the JSON, or of the first entry of its list
  std::string_view form;
  std::string_view advice;
};

/// Replies of AWS and others that hold addresses, or ids, and are not the instances with their addresses.
constexpr UnsupportedJson kUnsupportedJson[] = {
    {"NetworkInterfaceId",
     "these are network interfaces (NAT gateways and load balancers have them too), no instances",
     kInstances},
    {"AllocationId", "these are Elastic IPs, some of which may belong to no instance", kInstances},
    {"PublicIpv4Pool", "these are Elastic IPs, some of which may belong to no instance", kInstances},
    {"SpotInstanceRequests", "these are requests for spot instances", kInstances},
    {"SpotPrice", "these are requests for spot instances", kInstances},
    {"AutoScalingGroups", "an Auto Scaling group says no addresses",
     "use `aws ec2 describe-instances --filters Name=tag:aws:autoscaling:groupName,Values=GROUP --output "
     "json`"},
    {"AutoScalingGroupName", "an Auto Scaling group says no addresses",
     "use `aws ec2 describe-instances --filters Name=tag:aws:autoscaling:groupName,Values=GROUP --output "
     "json`"},
    {"PingStatus", "this is what Systems Manager knows of its agents", kInstances},
    {"SystemStatus", "these are status checks", kInstances},
    {"containerInstanceArn", "these are the container instances of ECS, without addresses", kInstances},
    {"OutputKey", "the outputs of CloudFormation are not read",
     "use `aws ec2 describe-instances --filters Name=tag:aws:cloudformation:stack-name,Values=STACK --output "
     "json`"},
    {"StackName", "the outputs of CloudFormation are not read",
     "use `aws ec2 describe-instances --filters Name=tag:aws:cloudformation:stack-name,Values=STACK --output "
     "json`"},
    {"NatGatewayId", "NAT gateways are no instances", kInstances},
    {"LoadBalancerArn", "load balancers are no instances", kInstances},
    {"DBInstanceIdentifier", "databases are no instances", kInstances},
    {"apiVersion", "JSON of Kubernetes is not read", "use `kubectl get nodes -o wide`"},
    {"selfLink", "JSON of gcloud is not read", "use `gcloud compute instances list`, which gives a table"},
    {"virtualMachine", "JSON of `az vm list-ip-addresses` is not read", "use `az vm list -d --output json`"},
    {"networks", "JSON of DigitalOcean is not read",
     "use `doctl compute droplet list`, which gives a table, or write one address a line"},
    {"Networks", "JSON of OpenStack is not read", kOneALine},
};

std::string lower_ascii(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
         c == '.';
}

bool is_name(std::string_view text) {
  return !text.empty() && !(text[0] >= '0' && text[0] <= '9') &&
         std::all_of(text.begin(), text.end(), is_name_character);
}

/// The first lines that say something, trimmed.
std::vector<std::string_view> first_lines(std::string_view text) {
  std::vector<std::string_view> out;
  for_each_line(text, [&](std::string_view line, int) {
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
  return (key && !is_instance_id(line.substr(0, colon))) ||
         (item && line.find(' ') == std::string_view::npos);
}

/// `PublicIpAddress  : 203.0.113.11`, as PowerShell lists the properties of an object.
bool is_property_line(std::string_view line) {
  const std::size_t colon = line.find(" : ");
  return colon != std::string_view::npos && is_name(trim(line.substr(0, colon)));
}

/// `Instance ID: i-0f7f..., Public IP: ...`, as a script prints it.
bool is_labelled_line(std::string_view line) {
  const std::size_t colon = line.find(": ");
  return colon != std::string_view::npos && field_of_label(line.substr(0, colon)) != Field::unknown;
}

/// `ssh -i key.pem user@host`, `scp file user@host:`.
bool is_command_line(std::string_view line) {
  constexpr std::array<std::string_view, 4> kPrograms = {"ssh ", "scp ", "rsync ", "mosh "};
  return line.find('@') != std::string_view::npos &&
         std::any_of(kPrograms.begin(), kPrograms.end(),
                     [&](std::string_view program) { return line.starts_with(program); });
}

/// `name = "value"`, `name = [`, `name = tolist([`.
bool is_hcl_line(std::string_view line) {
  const std::size_t equals = line.find('=');
  if (equals == std::string_view::npos || !is_name(trim(line.substr(0, equals)))) return false;
  const std::string_view value = trim(line.substr(equals + 1));
  return value.starts_with('"') || value.starts_with('[') || value.starts_with('{') ||
         value.starts_with("to");
}

/// `node[001-004,007]`, alone or behind `NodeList=`.
bool is_bracket_list(std::string_view line) {
  const std::size_t open = line.find('[');
  const std::size_t close = line.find(']');
  if (open == std::string_view::npos || close == std::string_view::npos || open == 0 || close < open + 2)
    return false;
  const std::string_view inner = line.substr(open + 1, close - open - 1);
  return is_name_character(line[open - 1]) && inner.front() >= '0' && inner.front() <= '9' &&
         inner.find_first_not_of("0123456789,-") == std::string_view::npos;
}

/// One of the words that an ssh_config file is made of, then a space or an equals sign.
bool is_ssh_config(const std::vector<std::string>& lines) {
  constexpr std::array<std::string_view, 6> kSettings = {
      "hostname", "user", "port", "identityfile", "proxyjump", "stricthostkeychecking"};
  const std::string& first = lines.front();
  if (!first.starts_with("host ") && !first.starts_with("match ") && !first.starts_with("host="))
    return false;
  return std::any_of(lines.begin(), lines.end(), [&](const std::string& line) {
    return std::any_of(kSettings.begin(), kSettings.end(), [&](std::string_view setting) {
      return line.starts_with(setting) && line.size() > setting.size() &&
             (line[setting.size()] == ' ' || line[setting.size()] == '=');
    });
  });
}

bool has_sign(const UnsupportedText& form, std::string_view text, const std::vector<std::string>& lines) {
  if (form.place == Place::text) return text.find(form.sign) != std::string_view::npos;
  if (form.place == Place::first) return lines.front().starts_with(form.sign);
  return std::any_of(lines.begin(), lines.end(),
                     [&](const std::string& line) { return line.starts_with(form.sign); });
}

std::string with_advice(std::string_view form, std::string_view advice) {
  return fmt::format("{}; {}", form, advice);
}

}  // namespace

bool begins_as_json(std::string_view text) {
  text = trim(text);
  if (text.starts_with("{'") || text.starts_with("['") || text.starts_with("[{'") || text.starts_with("[('"))
    return false;
  if (text.starts_with('{')) return true;
  if (!text.starts_with('[') || is_ini_section(trim(text.substr(0, text.find('\n'))))) return false;
  if (text.starts_with("[ec2.")) return false;
  const auto host = parse_host_spec(text.substr(0, text.find_first_of(" \t\n,;")));  // "[2600::1]:22"
  return !host || (host->kind != HostSpec::Kind::ipv6 && host->number == 0);
}

std::optional<std::string> why_refused(std::string_view text) {
  text = text.substr(0, std::size_t{16} << 10U);
  const std::vector<std::string_view> lines = first_lines(text);
  if (lines.empty()) return std::nullopt;
  std::vector<std::string> lower;
  for (const std::string_view line : lines) lower.push_back(lower_ascii(line));
  const std::string lower_text = lower_ascii(text);
  for (const UnsupportedText& form : kUnsupportedTexts) {
    if (has_sign(form, lower_text, lower)) return with_advice(form.form, form.advice);
  }
  const auto any = [&](auto test) { return std::any_of(lines.begin(), lines.end(), test); };
  if (any(is_command_line)) return with_advice("command lines of ssh and its kin are not read", kOneALine);
  if (any(is_ini_section)) return with_advice("INI is not read", "use `ansible-inventory -i FILE --list`");
  if (is_ssh_config(lower)) {
    return with_advice("ssh_config is not read as a list",
                       "use `awk 'tolower($1)==\"hostname\"{print $2}' FILE`");
  }
  if (any(is_bracket_list)) {
    return with_advice("a list of Slurm in brackets is not read", "use `scontrol show hostnames NODES`");
  }
  if (is_property_line(lines.front())) {
    return with_advice("a list of properties is not read",
                       "in PowerShell, write it with `| ConvertTo-Json -Depth 9`");
  }
  if (is_hcl_line(lines.front())) return with_advice("Terraform's own syntax is not read", kOutputs);
  if (is_yaml_line(lines.front())) {
    return with_advice("YAML is not read",
                       std::string(kInstances) +
                           " (from Ansible: `ansible-inventory -i FILE --list`), or write one "
                           "host a line");
  }
  if (is_labelled_line(lines.front()))
    return with_advice("lines of labels and values are not read", kInstances);
  return std::nullopt;
}

std::optional<std::string> why_json_refused(const JsonTape& tape) {
  const UnsupportedJson* found = nullptr;
  const auto look_at = [&](std::size_t object) {
    if (found != nullptr || !tape.is_object(object)) return;
    tape.for_each_in(object, [&](std::size_t child) {
      for (const UnsupportedJson& form : kUnsupportedJson) {
        if (found == nullptr && form.key == tape.key(child)) found = &form;
      }
    });
  };
  const auto look_into = [&](std::size_t list) {
    if (tape.is_array(list) && tape.at(list).end > list + 1) look_at(list + 1);
  };
  for (std::size_t root = 0; root < tape.size() && root < 1000; root = tape.at(root).end) {
    look_at(root);
    look_into(root);
    if (tape.is_object(root) && !instance_signs(tape, root).has_id) tape.for_each_in(root, look_into);
  }
  if (found == nullptr) return std::nullopt;
  return with_advice(found->form, found->advice);
}

}  // namespace ec2mpi
