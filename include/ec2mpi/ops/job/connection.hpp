#pragma once

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/base/limit.hpp"

namespace ec2mpi::ops {

/// Receives the events of the connection to the master.
class ConnectionObserver {
 public:
  virtual ~ConnectionObserver() = default;
  /// The connection is lost; it is tried again after `pause`.
  virtual void on_lost(const Error&, Clock::duration /*pause*/) {}
  virtual void on_reconnected() {}
};

}  // namespace ec2mpi::ops
