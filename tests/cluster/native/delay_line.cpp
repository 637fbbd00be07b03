// A wire of a given length: carries packets between two TUN devices, each after the same delay, never
// reordered.
//
//   delay_line FD_A FD_B MICROSECONDS
//
// The descriptors are opened by the caller with IFF_VNET_HDR and segmentation offload, so that one read may
// hand over up to 64 KB of TCP; the header travels with the packet, and the receiving kernel takes the
// segment as it was sent.

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <deque>
#include <memory>

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t largest_packet = 65536 + 64;  // with the offload header
constexpr std::size_t longest_queue =
    512 * 1024 * 1024;     // bytes under way in one direction; bytes beyond that are lost
constexpr int batch = 64;  // packets read before the other direction has its turn

struct Packet {
  Clock::time_point due;
  std::unique_ptr<char[]> bytes;
  std::size_t size;
};

// One direction. The delay is the same for all packets, so the queue is in order of time by itself.
class Direction {
 public:
  Direction(int from, int to, Clock::duration delay) : from_{from}, to_{to}, delay_{delay} {}

  void take() {
    static char buffer[largest_packet];
    for (int i = 0; i < batch; ++i) {
      const ssize_t n = read(from_, buffer, sizeof buffer);
      if (n <= 0) return;
      const auto size = static_cast<std::size_t>(n);
      if (queued_ + size > longest_queue) continue;
      auto bytes = std::unique_ptr<char[]>(new char[size]);
      std::copy(buffer, buffer + size, bytes.get());
      queue_.push_back({Clock::now() + delay_, std::move(bytes), size});
      queued_ += size;
    }
  }

  void deliver(Clock::time_point now) {
    while (!queue_.empty() && queue_.front().due <= now) {
      const Packet& packet = queue_.front();
      // A device that is down or full loses the packet, as a wire would.
      [[maybe_unused]] const ssize_t n = write(to_, packet.bytes.get(), packet.size);
      queued_ -= packet.size;
      queue_.pop_front();
    }
  }

  Clock::time_point next() const { return queue_.empty() ? Clock::time_point::max() : queue_.front().due; }

 private:
  int from_;
  int to_;
  Clock::duration delay_;
  std::deque<Packet> queue_;
  std::size_t queued_ = 0;
};

void wait_for(int a, int b, Clock::time_point until) {
  pollfd fds[] = {{a, POLLIN, 0}, {b, POLLIN, 0}};
  if (until == Clock::time_point::max()) {
    ppoll(fds, 2, nullptr, nullptr);
    return;
  }
  const auto left = std::max<std::chrono::nanoseconds>(until - Clock::now(), std::chrono::nanoseconds{0});
  const timespec timeout{left.count() / 1'000'000'000, left.count() % 1'000'000'000};
  ppoll(fds, 2, &timeout, nullptr);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const int a = std::atoi(argv[1]);
  const int b = std::atoi(argv[2]);
  const auto delay = std::chrono::microseconds{std::atoll(argv[3])};
  prctl(PR_SET_TIMERSLACK, 1UL);
  for (const int fd : {a, b})
    if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0) return 1;

  Direction there{a, b, delay};
  Direction back{b, a, delay};
  for (;;) {
    wait_for(a, b, std::min(there.next(), back.next()));
    there.take();
    back.take();
    const auto now = Clock::now();
    there.deliver(now);
    back.deliver(now);
  }
}
