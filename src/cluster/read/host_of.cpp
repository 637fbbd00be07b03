#include "src/cluster/read/host_of.hpp"

#include <algorithm>
#include <array>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cluster/read/state_words.hpp"
#include "ec2mpi/cluster/values/ec2_words.hpp"
#include "ec2mpi/cluster/values/lookalike.hpp"
#include "src/cluster/read/messages.hpp"
#include "src/cluster/read/word_tables.hpp"

namespace ec2mpi {
namespace {

constexpr std::array<std::string_view, 5> kDirections = {"north", "south", "east", "west", "central"};

/// "us-east-1", "us-east-1a", "us-gov-west-1", "us-central1", "europe-west1-b".
bool is_region_or_zone(std::string_view word) {
  const std::size_t dash = word.find('-');
  if (dash == std::string_view::npos || meaning_of_word(word.substr(0, dash + 1)).empty()) return false;
  const auto parts = split(word.substr(dash + 1), '-');
  const bool direction = std::ranges::any_of(parts, [](std::string_view part) {
    return std::ranges::any_of(kDirections, [&](std::string_view name) { return part.starts_with(name); });
  });
  return direction && word.find_first_of("0123456789") != std::string_view::npos;
}

/// "ami-0f7f74cf0420a75a1", "vpc-0f7f74cf": a word of letters, and 17 digits or 8.
bool is_resource_id(std::string_view word) {
  const std::size_t dash = word.find('-');
  if (dash == std::string_view::npos || !is_instance_id(fmt::format("i-{}", word.substr(dash + 1))))
    return false;
  return word.size() == dash + 18 || meaning_of_word(word.substr(0, dash + 1)) == kResource;
}

/// "550e8400-e29b-41d4-a716-446655440000", the id of a machine in OpenStack and Azure.
bool is_uuid(std::string_view word) {
  return word.size() == 36 && word.find_first_not_of("0123456789abcdef-") == std::string_view::npos &&
         word[8] == '-' && word[13] == '-' && word[18] == '-' && word[23] == '-';
}

/// What a name with dots is if it is no host; empty if it may be one.
std::string_view other_meaning_with_dots(std::string_view name) {
  const std::string_view ending = name.substr(name.rfind('.'));
  // No top-level domain begins with a digit.
  if (is_digit(ending[1])) return "a number or a range";
  const bool of_aws = name.ends_with(".amazonaws.com") || name.ends_with(".amazonaws.com.cn");
  // Of the names under amazonaws.com, only those of EC2 (".compute") are machines.
  if (of_aws && !name.contains(".compute")) return "a service of AWS";
  const std::string_view meaning = meaning_of_word(ending);
  const bool may_be_domain = meaning == kFileOrDomain && name.find('.') + ending.size() < name.size();
  return may_be_domain ? std::string_view() : meaning;
}

/// What a name is if it is no host; empty if it may be one.
std::string_view other_meaning(std::string_view name) {
  if (is_instance_type(name)) return "an instance type";
  if (name.contains('.')) return other_meaning_with_dots(name);
  if (name.find_first_not_of("0123456789-") == std::string_view::npos) return "a number or a date";
  if (is_uuid(name)) return "the id of a machine of another cloud";
  if (is_resource_id(name)) return "the id of something else in AWS";
  if (is_region_or_zone(name) || is_availability_zone(name)) return "a region or zone";
  if (state_word(name)) return "a state";
  if (field_of_label(name) != Field::unknown) return "the name of a column";
  return meaning_of_word(name);
}

std::string why_no_spec(std::string_view word) {
  const std::size_t at = word.find('@');
  // It may hold a password, so it is not shown.
  if (at != std::string_view::npos && !is_user_name(word.substr(0, at))) return std::string(kNoUser);
  const std::string shown = in_quotes(word);
  const std::string_view host = word.substr(at + 1);
  if (is_blank_cell(word)) return fmt::format(kBlankHost, shown);
  if (const auto sign = describe_lookalike(word); !sign.empty())
    return fmt::format(kNoHost, shown) + ": " + sign;
  if (host.starts_with('-')) return fmt::format(kDashHost, shown);
  if (is_ipv4(host)) return fmt::format(kUnusableAddress, shown);
  if (!host.empty() && host.find_first_not_of("0123456789.") == std::string_view::npos)
    return fmt::format(kNoIpv4, shown);
  const std::size_t slash = host.find('/');
  const auto before = parse_host_spec(host.substr(0, slash));
  if (slash != std::string_view::npos && before && before->kind != HostSpec::Kind::name)
    return fmt::format(kBehindAddress, shown, in_quotes(host.substr(slash)));
  return host.contains('_') ? fmt::format(kUnderscore, shown) : fmt::format(kNoHost, shown);
}

}  // namespace

bool is_word_of_other_column(std::string_view word) {
  const auto state = state_word(word);
  return (state && state->use != StateWord::Use::under_name) ||
         meaning_of_word(lower_case(word)) == kOtherColumn;
}

std::string why_no_id(std::string_view word) {
  if (!looks_like_instance_id(word)) return fmt::format(kNoId, in_quotes(word));
  // The letters that are easily taken for 0 and 1.
  const std::size_t letter = word.find_first_of("OolI");
  return letter != std::string_view::npos ? fmt::format(kLetterInId, in_quotes(word), word[letter])
                                          : fmt::format(kIdLength, in_quotes(word), word.size() - 2);
}

std::expected<HostSpec, std::string> host_of(std::string_view word, BareWords bare) {
  auto spec = parse_host_spec(word);
  if (!spec) return std::unexpected(why_no_spec(word));
  if (names_this_machine(spec->host)) return std::unexpected(fmt::format(kThisMachine, in_quotes(word)));
  if (spec->kind != HostSpec::Kind::name) return std::move(*spec);
  if (is_instance_id(word)) return std::unexpected(fmt::format(kIdAsHost, in_quotes(word)));
  if (looks_like_instance_id(spec->host)) return std::unexpected(why_no_id(word));
  if (const auto meaning = other_meaning(lower_case(spec->host)); !meaning.empty())
    return std::unexpected(fmt::format(kOtherMeaning, in_quotes(word), meaning));
  // Tested last, so that a word with a known meaning gets the better message.
  if (bare == BareWords::refused && !spec->host.contains('.'))
    return std::unexpected(fmt::format(kBareWord, in_quotes(word)));
  return std::move(*spec);
}

}  // namespace ec2mpi
