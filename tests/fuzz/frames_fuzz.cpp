// The stream between a command and the daemon of kept connections, cut anywhere: the same frames, each within
// its bound.

#include "src/ssh/kept/frames.hpp"

#include <algorithm>

#include "frame.hpp"

using namespace ec2mpi::ssh;
using ec2mpi::fuzz::require;

namespace {

void read_payload(const Frame& frame) {
  require(frame.payload.size() <= most_payload(frame.type).value());
  (void)parse_number_frame(frame.payload);
  (void)parse_request(frame.payload);
  (void)parse_forward(frame.payload);
  (void)parse_size(frame.payload);
  (void)parse_status(frame.payload);
  (void)parse_error(frame.payload);
}

/// The frames as they travel, and whether the stream was good to its end.
std::pair<std::string, bool> cut(std::string_view bytes, std::size_t step) {
  FrameCutter cutter;
  std::string frames;
  while (!bytes.empty()) {
    const auto size = std::min(step, bytes.size());
    bytes.copy(cutter.room(size), size);
    cutter.filled(size);
    bytes.remove_prefix(size);
    for (;;) {
      const auto next = cutter.next();
      if (!next) return {frames, false};
      if (!*next) break;
      read_payload(**next);
      append_frame(frames, (*next)->type, (*next)->payload);
    }
  }
  return {frames, true};
}

}  // namespace

EC2MPI_FUZZ(bytes) {
  const auto whole = cut(bytes, bytes.size());
  require(whole == cut(bytes, 7));
  require(bytes.starts_with(whole.first));
}
