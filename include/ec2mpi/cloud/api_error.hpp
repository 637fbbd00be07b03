#pragma once
/// Failures of calls to EC2, sorted by what a program does about them.

#include <expected>
#include <string>
#include <utility>

#include "ec2mpi/base/error.hpp"

namespace ec2mpi::cloud {

enum class Problem {
  local,         ///< settings, credentials files, the user's stop: EC2 was not asked
  network,       ///< no answer arrived
  throttled,     ///< too many calls: the same call works later
  service,       ///< EC2 itself failed (5xx): the same call may work later
  clock,         ///< this machine's clock is off, so that no signature is valid
  expired,       ///< temporary credentials have ended
  credentials,   ///< EC2 does not know the key, or the signature is wrong
  unauthorized,  ///< the account's policy does not allow the call
  dry_run,       ///< the call was a dry run and would have worked
  capacity,      ///< there are no such machines at this place now
  quota,         ///< the account's limit is reached
  not_found,     ///< the thing does not exist, or not yet
  in_use,        ///< something else still depends on the thing
  exists,        ///< a thing of this name is there already
  other,         ///< any other refusal; the message has EC2's words
};

struct ApiError : Error {
  ApiError(Error error, Problem what = Problem::local, std::string aws_code = {})
      : Error(std::move(error)), problem(what), code(std::move(aws_code)) {}

  Problem problem;
  std::string code;  ///< EC2's own: "UnauthorizedOperation"; empty if EC2 has not answered
};

template <class T>
using Answer = std::expected<T, ApiError>;

/// The problem that an error code of EC2 stands for.
[[nodiscard]] Problem problem_of(const std::string& code, long http_status);

}  // namespace ec2mpi::cloud
