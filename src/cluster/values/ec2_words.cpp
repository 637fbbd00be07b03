#include "ec2mpi/cluster/values/ec2_words.hpp"

#include <algorithm>
#include <array>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cluster/values/address.hpp"

namespace ec2mpi {
namespace {

bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}
bool is_hex(char c) {
  return is_digit(c) || (lower_case(c) >= 'a' && lower_case(c) <= 'f');
}

/// Letters that an eye, or a program that reads pictures, takes for a digit.
bool looks_like_hex(char c) {
  return is_hex(c) || c == 'O' || c == 'o' || c == 'l' || c == 'I';
}

/// Bytes of the sign at the front of `text` if it is an icon, a dash or other punctuation beyond ASCII
/// (U+2000-2FFF, U+3000-303F, variation selectors, emoji); else 0.
std::size_t length_of_sign(std::string_view text) {
  if (text.starts_with("\xE2")) return 3;
  if (text.starts_with("\xE3\x80") || text.starts_with("\xEF\xB8") || text.starts_with("\xEF\xBC")) return 3;
  return text.starts_with("\xF0\x9F") ? 4 : 0;
}

bool equal_ignoring_case(std::string_view text, std::string_view small) {
  return text.size() == small.size() && std::equal(text.begin(), text.end(), small.begin(),
                                                   [](char a, char b) { return lower_case(a) == b; });
}

template <std::size_t N>
bool one_of(std::string_view text, const std::array<std::string_view, N>& small_words) {
  return std::any_of(small_words.begin(), small_words.end(),
                     [&](std::string_view word) { return equal_ignoring_case(text, word); });
}

/// "", or digits: the number before "xlarge".
bool is_size(std::string_view size) {
  constexpr std::array<std::string_view, 6> kPlain = {"nano", "micro", "small", "medium", "large", "metal"};
  if (std::find(kPlain.begin(), kPlain.end(), size) != kPlain.end()) return true;
  const bool metal = size.starts_with("metal-");
  if (metal) size.remove_prefix(6);
  const std::string_view ending = metal ? "xl" : "xlarge";
  if (!size.ends_with(ending)) return false;
  size.remove_suffix(ending.size());
  // "metal-24xl" needs its number, "xlarge" has none.
  return (!metal || !size.empty()) && size.size() <= 3 && std::all_of(size.begin(), size.end(), is_digit);
}

/// The address in PREFIX-a-b-c-d, if a machine can have it.
std::optional<std::string> dashed_address(std::string_view label, std::string_view prefix) {
  // 15: the longest IPv4 address.
  if (!label.starts_with(prefix) || label.size() > prefix.size() + 15) return std::nullopt;
  std::string address(label.substr(prefix.size()));
  std::replace(address.begin(), address.end(), '-', '.');
  if (!is_ipv4(address) || is_unusable_ipv4(address)) return std::nullopt;
  return address;
}

bool is_public_domain(std::string_view domain) {
  // The regions in China have their own domain.
  if (domain.ends_with(".cn")) domain.remove_suffix(3);
  constexpr std::string_view kAmazon = ".amazonaws.com";
  if (!domain.ends_with(kAmazon)) return false;
  domain.remove_suffix(kAmazon.size());
  // compute-1 is us-east-1; all other regions have REGION.compute.
  return domain == "compute-1" || (domain.ends_with(".compute") && is_host_name(domain));
}

bool is_private_domain(std::string_view domain) {
  return domain == "ec2.internal" || (domain.ends_with(".compute.internal") && is_host_name(domain));
}

std::string_view up_to_blank_or_comma(std::string_view text) {
  return text.substr(0, std::min(text.find(' '), text.find(',')));
}

bool is_month_or_day(std::string_view word) {
  constexpr std::array<std::string_view, 19> kNames = {"jan", "feb", "mar", "apr", "may", "jun", "jul",
                                                       "aug", "sep", "oct", "nov", "dec", "mon", "tue",
                                                       "wed", "thu", "fri", "sat", "sun"};
  // "Aug" and "August": three letters decide.
  return word.size() >= 3 && one_of(word.substr(0, 3), kNames);
}

/// "2021/08/08" or "2021-08-08", more may follow.
bool begins_with_year(std::string_view text) {
  if (text.size() < 8 || !std::all_of(text.begin(), text.begin() + 4, is_digit)) return false;
  const char separator = text[4];
  return (text.starts_with("19") || text.starts_with("20")) && (separator == '/' || separator == '-') &&
         // The month has one or two digits.
         is_digit(text[5]) && text.find(separator, 6) <= 7;
}

/// "09:11" or "18:00:08".
bool is_clock(std::string_view word) {
  return word.size() >= 4 && word.size() <= 8 && word.contains(':') &&
         word.find_first_not_of("0123456789:") == std::string_view::npos;
}

}  // namespace

bool is_instance_id(std::string_view text) {
  return (text.size() == 10 || text.size() == 19) && text.starts_with("i-") &&
         std::all_of(text.begin() + 2, text.end(), is_hex);
}

bool looks_like_instance_id(std::string_view text) {
  if (text.size() < 8 || lower_case(text[0]) != 'i' || text[1] != '-') return false;
  const std::string_view digits = text.substr(2);
  return std::all_of(digits.begin(), digits.end(), is_hex) ||
         // Look-alikes count only beside a digit: i-oooooo may be a host's name.
         (std::all_of(digits.begin(), digits.end(), looks_like_hex) &&
          std::any_of(digits.begin(), digits.end(), is_digit));
}

bool is_instance_type(std::string_view text) {
  const std::size_t dot = text.find('.');
  if (dot == std::string_view::npos || dot == 0 || !is_lower(text[0]) || !is_size(text.substr(dot + 1)))
    return false;
  const std::string_view family = text.substr(0, dot);
  return std::all_of(family.begin(), family.end(),
                     [](char c) { return is_lower(c) || is_digit(c) || c == '-'; }) &&
         // A family has a digit; without this, the host name a.large would be a type.
         std::any_of(family.begin(), family.end(), is_digit);
}

bool is_availability_zone(std::string_view text) {
  if (text.size() < 8 || text.size() > 40 || text[2] != '-' || !is_lower(text[0]) || !is_lower(text[1])) {
    return false;
  }
  if (!std::all_of(text.begin(), text.end(), [](char c) { return is_lower(c) || is_digit(c) || c == '-'; })) {
    return false;
  }
  const bool zone = is_lower(text.back()) && is_digit(text[text.size() - 2]);
  // The zones of Wavelength end with a number.
  const bool wavelength = is_digit(text.back()) && text.find("-wlz-") != std::string_view::npos;
  return (zone || wavelength) && std::count(text.begin(), text.end(), '-') >= 2;
}

bool is_blank_cell(std::string_view text) {
  constexpr std::array<std::string_view, 12> kNothing = {
      // The last two are Chinese for "none".
      "", "-", "--", "\xE2\x80\x93", "\xE2\x80\x94", "none", "null", "n/a", "nil", "<none>", "无", "無"};
  return text.size() <= 6 && one_of(text, kNothing);
}

bool looks_like_date(std::string_view text) {
  if (begins_with_year(text)) return true;
  return is_month_or_day(up_to_blank_or_comma(text)) && text.find(':') != std::string_view::npos &&
         text.find(" 20") != std::string_view::npos;
}

std::size_t words_of_date(std::span<const std::string_view> words) {
  if (words.size() < 2 || !looks_like_date(words[0]) || !is_clock(words[1])) return 0;
  return words.size() > 2 && (words[2].starts_with("GMT") || words[2].starts_with("UTC")) ? 3 : 2;
}

std::optional<std::string> address_in_public_dns(std::string_view text) {
  const std::size_t dot = text.find('.');
  if (dot == std::string_view::npos || !is_public_domain(text.substr(dot + 1))) return std::nullopt;
  return dashed_address(text.substr(0, dot), "ec2-");
}

std::optional<std::string> address_in_private_dns(std::string_view text) {
  const std::size_t dot = text.find('.');
  if (dot == std::string_view::npos || !is_private_domain(text.substr(dot + 1))) return std::nullopt;
  return dashed_address(text.substr(0, dot), "ip-");
}

std::string host_in_one_spelling(std::string_view host) {
  if (is_ipv4(host)) return std::string(host);
  std::string name = lower_case(host);
  if (name.ends_with('.')) name.pop_back();
  if (auto address = address_in_public_dns(name)) return *address;
  // Inside the VPC, the first part of the private name is enough.
  if (auto address = dashed_address(name.substr(0, name.find('.')), "ip-");
      address && (!name.contains('.') || is_private_domain(name.substr(name.find('.') + 1))))
    return *address;
  return name;
}

std::string squashed(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (is_digit(c) || is_lower(c) || is_upper(c)) {
      out += lower_case(c);
    } else if (const std::size_t sign = length_of_sign(text.substr(i)); sign > 0) {
      i += sign - 1;
    } else if (static_cast<unsigned char>(c) >= 0x80) {
      // Letters of other scripts count, signs do not.
      out += c;
    }
  }
  return out;
}

}  // namespace ec2mpi
