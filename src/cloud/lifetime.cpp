#include "ec2mpi/cloud/lifetime.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <algorithm>
#include <utility>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "src/cloud/programs.hpp"

namespace ec2mpi::cloud {

namespace {

// The biggest first, since span_text takes the first one that divides the span.
constexpr std::pair<char, std::uint64_t> kUnits[] = {{'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}};
/// A longer life is a slip of the keyboard, and would not end when it is forgotten.
constexpr double kLongestSpan = 366.0 * 86400;

/// "1h=stop" or "7d=down". Errors: usage.
Result<void> add_idle_part(IdleRule& rule, std::string_view part) {
  const auto equals = part.find('=');
  const auto action = equals == std::string_view::npos ? std::string_view() : part.substr(equals + 1);
  auto& target = action == "stop" ? rule.stop : rule.down;
  // A second time for the same action is refused, too.
  if ((action != "stop" && action != "down") || target != Seconds::zero())
    return fail(ErrorKind::usage, fmt::format("'{}' is not a rule for idle instances; the form is 1h=stop, "
                                              "7d=down or 1h=stop,7d=down",
                                              printable(part)));
  TRY_AS(span, parse_span(part.substr(0, equals)));
  target = *span;
  return {};
}

}  // namespace

Result<Seconds> parse_span(std::string_view text) {
  const auto seconds = parse_seconds(text);
  // A number without a unit could be hours as well as minutes.
  const bool has_unit = text.find_last_of("dhms") != std::string_view::npos;
  if (seconds && has_unit && *seconds >= 1 && *seconds <= kLongestSpan)
    return Seconds(static_cast<std::int64_t>(*seconds));
  return fail(ErrorKind::usage,
              fmt::format("'{}' is not a time; write 30m, 8h or 7d, up to 366d", printable(text)));
}

std::string span_text(Seconds span) {
  const auto seconds = static_cast<std::uint64_t>(std::max<Seconds::rep>(span.count(), 0));
  for (const auto& [letter, unit] : kUnits)
    if (seconds >= unit && seconds % unit == 0) return fmt::format("{}{}", seconds / unit, letter);
  return "0s";
}

Result<IdleRule> parse_idle(std::string_view text) {
  IdleRule rule;
  for (const auto part : split(text, ',')) TRY(add_idle_part(rule, trim(part)));
  if (rule.stop != Seconds::zero() && rule.down != Seconds::zero() && rule.down <= rule.stop)
    return fail(ErrorKind::usage,
                fmt::format("{}: the instances would end before they stop; leave out stop", printable(text)));
  return rule;
}

Seconds notice_of(Seconds length) {
  return std::min<Seconds>(std::chrono::minutes(10), length / 6);
}

/// All values go in as variables in front of the installer; the keeper is a program in one of them.
std::string lifetime_script(Moment end, Seconds length, const std::optional<IdleRule>& idle) {
  const auto number = [](Seconds span) { return std::to_string(span.count()); };
  return "#!/bin/sh\n" +
         set_variables({{"keeper", kKeepLifetimeSh},
                        {"end", number(end.time_since_epoch())},
                        {"length", number(length)},
                        {"notice", number(notice_of(length))},
                        {"idle", idle ? number(idle->first()) : std::string()}}) +
         std::string(kInstallLifetimeSh);
}

std::string moment_text(Moment moment) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::chrono::system_clock::to_time_t(moment)));
}

std::string life_check_script() {
  // cloud-init runs user scripts last; package updates of a first boot may take minutes.
  constexpr const char* kPatience = "180";
  return set_variables({{"patience", kPatience}}) + std::string(kCheckLifetimeSh);
}

}  // namespace ec2mpi::cloud
