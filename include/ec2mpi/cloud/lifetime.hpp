#pragma once
/// How instances end by themselves: after a time, or after an idle time. The instances measure it, so no
/// laptop is needed.

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "ec2mpi/base/error.hpp"

namespace ec2mpi::cloud {

using Seconds = std::chrono::seconds;
using Moment = std::chrono::sys_seconds;

inline constexpr Seconds kUsualLife = std::chrono::hours(8);
inline constexpr Seconds kShortestLife{10};

/// "90s", "30m", "8h", "7d". Errors: usage; a bare number is one, for nobody knows its unit.
[[nodiscard]] Result<Seconds> parse_span(std::string_view text);
/// The same form, in the biggest unit that fits.
[[nodiscard]] std::string span_text(Seconds span);

/// Instances stop or end after this time without a job and a login; zero: never.
struct IdleRule {
  Seconds stop{};
  Seconds down{};

  [[nodiscard]] bool empty() const { return stop == Seconds::zero() && down == Seconds::zero(); }
  /// The idle time after which the instances stop or end, whichever comes first.
  [[nodiscard]] Seconds first() const { return stop != Seconds::zero() ? stop : down; }
};

/// "1h=stop", "7d=down", or both with a comma between them. Errors: usage.
[[nodiscard]] Result<IdleRule> parse_idle(std::string_view text);

/// An instance that shuts itself down has one behaviour: EC2 ends it, or stops it.
enum class ShutdownBehaviour { terminate, stop };

struct Lifetime {
  Seconds length = kUsualLife;
  IdleRule idle = {};

  /// Stopping when idle rules out that an instance ends itself.
  [[nodiscard]] ShutdownBehaviour behaviour() const {
    return idle.stop != Seconds::zero() ? ShutdownBehaviour::stop : ShutdownBehaviour::terminate;
  }
};

/// How long before its end running jobs get their signal: ten minutes, but no more than a sixth of the life.
[[nodiscard]] Seconds notice_of(Seconds length);

/// A script for root on an instance: user data, or a program for a running instance. It holds no secret.
/// Without `idle`, the instance's rule stays as it is.
[[nodiscard]] std::string lifetime_script(Moment end, Seconds length, const std::optional<IdleRule>& idle);

/// For the login user: waits until the script above has started the keeper; fails if it does not.
[[nodiscard]] std::string life_check_script();

/// As ISO 8601 in UTC, "2026-11-28T18:00:00Z".
[[nodiscard]] std::string moment_text(Moment moment);

}  // namespace ec2mpi::cloud
