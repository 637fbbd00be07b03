#include "src/cluster/read/host_of.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cluster/read/state_words.hpp"
#include "ec2mpi/cluster/values/ec2_words.hpp"
#include "ec2mpi/cluster/values/quote.hpp"
#include "src/cluster/read/column_names.hpp"
#include "src/cluster/read/word_map.hpp"

namespace ec2mpi {
namespace {

constexpr std::string_view kOtherColumn = "a word of another column";
constexpr std::string_view kFileOrDomain = "the name of a file (or a domain without a host)";
constexpr std::string_view kResource = "the beginning of an id";
constexpr WordRow<std::string_view> kNotHosts[] = {
#include "src/cluster/read/not_hosts.inc"
};
constexpr std::array<std::string_view, 5> kDirections = {"north", "south", "east", "west", "central"};

/// ASCII only, whatever the locale is.
std::string lower_case(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return out;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::string_view meaning_of(std::string_view word) {
  static const auto kMeanings = word_map(kNotHosts);
  const auto found = kMeanings.find(word);
  return found == kMeanings.end() ? std::string_view() : found->second;
}

/// "us-east-1", "us-east-1a", "us-gov-west-1", "us-central1", "europe-west1-b".
bool is_region_or_zone(std::string_view word) {
  const std::size_t dash = word.find('-');
  if (dash == std::string_view::npos || meaning_of(word.substr(0, dash + 1)).empty()) return false;
  const auto parts = split(word.substr(dash + 1), '-');
  const bool direction = std::any_of(parts.begin(), parts.end(), [](std::string_view part) {
    return std::any_of(kDirections.begin(), kDirections.end(),
                       [&](std::string_view name) { return part.starts_with(name); });
  });
  return direction && word.find_first_of("0123456789") != std::string_view::npos;
}

/// "ami-0f7f74cf0420a75a1", "vpc-0f7f74cf": a word of letters, and 17 digits or 8.
bool is_resource_id(std::string_view word) {
  const std::size_t dash = word.find('-');
  if (dash == std::string_view::npos || !is_instance_id(fmt::format("i-{}", word.substr(dash + 1))))
    return false;
  return word.size() == dash + 18 || meaning_of(word.substr(0, dash + 1)) == kResource;
}

/// What a name with dots is if it is no host; empty if it may be one.
std::string_view other_meaning_with_dots(std::string_view name) {
  const std::string_view ending = name.substr(name.rfind('.'));
  // No top-level domain begins with a digit.
  if (is_digit(ending[1])) return "a number or a range";
  const bool of_aws = name.ends_with(".amazonaws.com") || name.ends_with(".amazonaws.com.cn");
  // Of the names under amazonaws.com, only those of EC2 (".compute") are machines.
  if (of_aws && name.find(".compute") == std::string_view::npos) return "a service of AWS";
  const std::string_view meaning = meaning_of(ending);
  const bool may_be_domain = meaning == kFileOrDomain && name.find('.') + ending.size() < name.size();
  return may_be_domain ? std::string_view() : meaning;
}

/// What a name is if it is no host; empty if it may be one.
std::string_view other_meaning(std::string_view name) {
  if (is_instance_type(name)) return "an instance type";
  if (name.find('.') != std::string_view::npos) return other_meaning_with_dots(name);
  if (name.find_first_not_of("0123456789-") == std::string_view::npos) return "a number or a date";
  if (is_resource_id(name)) return "the id of something else in AWS";
  if (is_region_or_zone(name) || is_availability_zone(name)) return "a region or zone";
  if (state_word(name)) return "a state";
  if (field_of_label(name) != Field::unknown) return "the name of a column";
  return meaning_of(name);
}

bool is_numeric_host(std::string_view host) {
  const auto spec = parse_host_spec(host);
  return spec && spec->kind != HostSpec::Kind::name;
}

std::string why_no_spec(std::string_view word) {
  const std::size_t at = word.find('@');
  if (at != std::string_view::npos && !is_user_name(word.substr(0, at)))
    return "the text before the '@' is not the name of a user";  // it may hold a password
  const std::string shown = in_quotes(word);
  if (is_blank_cell(word)) return shown + " stands where a host should";
  const std::string_view host = word.substr(at + 1);
  if (host.starts_with('-')) return shown + " begins with a dash, as no host does";
  if (is_ipv4(host)) return shown + " is not the address of a machine";
  if (!host.empty() && host.find_first_not_of("0123456789.") == std::string_view::npos) {
    return shown + " is not a valid IPv4 address";
  }
  const std::size_t slash = host.find('/');
  if (slash != std::string_view::npos && is_numeric_host(host.substr(0, slash))) {
    return fmt::format("{} has {} behind the address; leave that out", shown, in_quotes(host.substr(slash)));
  }
  if (host.find('_') != std::string_view::npos) return shown + " is not a host name (it has an underscore)";
  return shown + " is not an address or a host name";
}

}  // namespace

bool is_word_of_other_column(std::string_view word) {
  const auto state = state_word(word);
  return (state && state->use != StateWord::Use::under_name) || meaning_of(lower_case(word)) == kOtherColumn;
}

bool names_this_machine(std::string_view host) {
  // Loopback and link-local addresses, such as that of the instance metadata.
  if (host.starts_with("127.") || host.starts_with("169.254.")) return is_ipv4(host);
  if (host == "::1" || host.starts_with("fe80:")) return true;
  if (host.empty() || std::string_view("lLiI").find(host.front()) == std::string_view::npos) return false;
  const std::string name = lower_case(host);
  return name == "localhost" || name.starts_with("localhost.") || name.starts_with("ip6-");
}

/// Four numbers with dots between, also where one is too large: that is a slip, and no name.
bool looks_like_ipv4(std::string_view text) {
  return text.size() >= 7 && std::count(text.begin(), text.end(), '.') == 3 && text.front() != '.' &&
         text.back() != '.' && text.find("..") == std::string_view::npos &&
         std::all_of(text.begin(), text.end(), [](char c) { return c == '.' || (c >= '0' && c <= '9'); });
}

std::string why_no_id(std::string_view word) {
  const std::string shown = in_quotes(word);
  if (!looks_like_instance_id(word)) return shown + " is no instance id";
  // The letters that are easily taken for 0 and 1.
  const std::size_t letter = word.find_first_of("OolI");
  if (letter != std::string_view::npos) {
    return fmt::format("{} is no instance id: it has the letter {} where a digit belongs", shown,
                       word[letter]);
  }
  return fmt::format("{} looks like an instance id, but has {} digits instead of 17 (or 8)", shown,
                     word.size() - 2);
}

std::expected<HostSpec, std::string> host_of(std::string_view word, BareWords bare) {
  auto spec = parse_host_spec(word);
  if (!spec) return std::unexpected(why_no_spec(word));
  if (names_this_machine(spec->host)) {
    return std::unexpected(in_quotes(word) +
                           " is this machine itself, on every machine another one; no node");
  }
  if (spec->kind != HostSpec::Kind::name) return std::move(*spec);
  if (is_instance_id(word)) return std::unexpected(in_quotes(word) + " is an instance id, not an address");
  if (looks_like_instance_id(spec->host)) return std::unexpected(why_no_id(word));
  if (const auto meaning = other_meaning(lower_case(spec->host)); !meaning.empty()) {
    return std::unexpected(fmt::format("{} is {}, not an address", in_quotes(word), meaning));
  }
  // Tested last, so that a word with a known meaning gets the better message.
  if (bare == BareWords::refused && spec->host.find('.') == std::string::npos) {
    return std::unexpected(in_quotes(word) + " is no address (an IP address, or a name with a dot)");
  }
  return std::move(*spec);
}

}  // namespace ec2mpi
