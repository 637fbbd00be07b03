#include "src/ssh/libssh/link.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <libssh/server.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>

#include "ec2mpi/base/file.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/ssh/keepable_session.hpp"
#include "ec2mpi/ssh/round_trip.hpp"
#include "ec2mpi/ssh/server_words.hpp"

namespace ec2mpi::ssh {

namespace {
/// A node that has said nothing for this time is asked for a sign of life; TCP asks its kernel as early.
constexpr auto kMoment = std::chrono::seconds(15);

/// All links of this process; a fork doubles them all at once.
std::set<Link*>& all_links() {
  static std::set<Link*> links;
  return links;
}
}  // namespace

void abandon_all_connections() {
  for (auto* link : all_links()) link->leave();
}

Link::Link(Socket socket)
    : socket_(std::move(socket)), session_(::ssh_new()), activity_(socket_.get_executor()) {
  all_links().insert(this);
}

Result<std::shared_ptr<Link>> Link::over(Socket socket) {
  auto link = std::make_shared<Link>(std::move(socket));
  // libssh closes its descriptor after some failures and not after others, so it gets a duplicate.
  link->libssh_fd_ = ::fcntl(link->socket_.native_handle(), F_DUPFD_CLOEXEC, 0);
  if (link->libssh_fd_ < 0 || !link->session_) {
    return fail(
        ErrorKind::local_io,
        fmt::format("cannot open another connection: {}; ulimit -n may be too low", std::strerror(errno)));
  }
  ::ssh_set_blocking(link->session(), 0);
  ::ssh_options_set(link->session(), SSH_OPTIONS_FD, &link->libssh_fd_);
  ::ssh_set_counters(link->session(), &link->socket_traffic_, &link->traffic_);
  return link;
}

Link::~Link() {
  all_links().erase(this);
  if (!session_) return;
  // Closes libssh's descriptor too, unless an error has done so already; ssh_disconnect alone would leave it
  // open.
  ::ssh_silent_disconnect(session());
}

/// Without a word to the node: another process continues the session.
void Link::leave() {
  const UniqueFd nowhere(::open("/dev/null", O_RDWR | O_CLOEXEC));
  // Not closed: libssh and asio close them later, and the numbers must not belong to other files then.
  ::dup3(nowhere.get(), socket_.native_handle(), O_CLOEXEC);
  // libssh's may be closed by now.
  if (const int of_libssh = ::ssh_get_fd(session()); of_libssh >= 0)
    ::dup3(nowhere.get(), of_libssh, O_CLOEXEC);
}

void Link::note_exchange(Clock::duration took) {
  const auto time = std::chrono::duration_cast<std::chrono::microseconds>(took);
  quickest_ = std::min(quickest_.value_or(time), time);
}

/// By the kernel's measurement; over a jump host there is none, and the quickest exchange counts.
std::optional<std::chrono::microseconds> Link::round_trip() const {
  const auto known = round_trip_of(libssh_fd_);
  return known ? known : quickest_;
}

void Link::notice_loss_in(std::chrono::seconds time) {
  // The patience only grows: a shorter one would break off an upload that may still wait.
  if (time <= patience_) return;
  patience_ = time;
  const int fd = socket_.native_handle();
  const auto set = [fd](int level, int name, int value) {
    ::setsockopt(fd, level, name, &value, sizeof value);
  };
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, static_cast<int>(kMoment.count()));
  set(IPPROTO_TCP, TCP_KEEPINTVL, 5);
  set(IPPROTO_TCP, TCP_KEEPCNT, 3);
  // Probes are not sent while data waits for its acknowledgement; this limit holds then, where look_for_life
  // does not end the wait before.
  constexpr auto kLongest = std::chrono::milliseconds(kPatienceInUpload);
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(kLongest.count()));
}

bool Link::write_pending() const {
  return (::ssh_get_poll_flags(session()) & SSH_WRITE_PENDING) != 0;
}

void Link::make_nonblocking() {
  ::fcntl(socket_.native_handle(), F_SETFL, O_RDWR | O_NONBLOCK);
}

asio::awaitable<Wake> Link::activity(Limit limit) {
  const auto keep_alive = shared_from_this();
  for (;;) {
    pass_on();
    arm();
    const Limit moment = patience_.count() > 0 ? limit.at_most(kMoment) : limit;
    const Wake wake = co_await activity_.wait(moment);
    if (wake != Wake::timed_out || Clock::now() >= limit.deadline) co_return wake;
    const auto packets = packets_received();
    look_for_life();
    if (packets_received() != packets) {  // they may be what the caller waits for
      pass_on();
      co_return Wake::notified;
    }
  }
}

/// Behind a jump host: bytes that its connection has not taken.
bool Link::has_unconfirmed_bytes() const {
  int waiting = 0;
  return write_pending() || (::ioctl(libssh_fd_, SIOCOUTQ, &waiting) == 0 && waiting > 0);
}

/// The kernel of a node confirms bytes also when none of its processes runs any more; so its sshd is asked.
/// As long as that kernel confirms our bytes, the question stands behind others: a slow uplink carries those
/// of many nodes. The end of the socket wakes all callers that wait.
void Link::look_for_life() {
  const auto now = Clock::now();
  const auto unconfirmed = unconfirmed_for(libssh_fd_);
  const bool heard = !asked_for_life_ || socket_traffic_.in_bytes != heard_bytes_;
  if (heard || (unconfirmed && *unconfirmed < kMoment)) {
    ask_for_life();
    asked_for_life_ = now;
    heard_bytes_ = socket_traffic_.in_bytes;
  } else if (now - *asked_for_life_ >= patience_ || (unconfirmed && *unconfirmed >= patience_)) {
    frozen_ = true;
    ::shutdown(socket_.native_handle(), SHUT_RDWR);
  }
}

/// libssh keeps the answer until the next call, which takes it and sends nothing; so the second call sends.
/// While an answer is owed, neither does.
void Link::ask_for_life() {
  const auto sent = traffic_.out_packets;
  for (int tries = 0; tries < 2 && traffic_.out_packets == sent; ++tries) ::ssh_send_keepalive(session());
}

void Link::arm() {
  // asio may call a handler after the link has gone.
  const auto ready = [weak = weak_from_this()](bool Link::*armed) {
    return [weak, armed](std::error_code failed) {
      const auto link = weak.lock();
      if (!link) return;
      link.get()->*armed = false;
      if (!failed) link->on_ready();
    };
  };
  if (!reading_) {
    reading_ = true;
    socket_.async_wait(Socket::wait_read, ready(&Link::reading_));
  }
  if (!writing_ && write_pending()) {
    writing_ = true;
    socket_.async_wait(Socket::wait_write, ready(&Link::writing_));
  }
}

void Link::on_ready() {
  activity_.notify_all();
}

void Link::pass_on() {
  if (write_pending()) arm();
  // Only if packets have come: otherwise two users of the link would wake each other without end.
  if (traffic_.in_packets == packets_passed_on_) return;
  packets_passed_on_ = traffic_.in_packets;
  activity_.notify_all();
}

/// Makes one sentence of libssh's last error. libssh has no codes for these cases, so its text is compared.
Error Link::last_error() const {
  if (frozen_) return {ErrorKind::unreachable, "connection lost: the node does not answer any more"};
  const std::string said = printable(::ssh_get_error(session()));
  const auto contains = [&said](std::string_view part) { return said.find(part) != std::string::npos; };
  // The words of the node's sshd say more than those of libssh.
  if (auto reason = explain_disconnect(said)) return *reason;
  if (contains("kex error") || contains("no match")) {
    return {ErrorKind::protocol, "no common ssh algorithm with its sshd: " + said};
  }
  if (contains("timed out"))
    return {ErrorKind::unreachable, "connection lost: the node does not answer any more"};
  const bool reset = contains("Connection reset");
  // Behind "Socket error:" libssh puts the errno of some earlier call if the node has closed the connection.
  if (reset || contains("disconnected") || contains("Socket error:") ||
      contains("Remote connection closed")) {
    // sshd refuses a connection in this way before it has sent any packet.
    const bool refused = traffic_.in_packets == 0;
    return {
        ErrorKind::unreachable,
        fmt::format("connection {} by the node{}", reset ? "reset" : "closed",
                    refused ? " before the login; its sshd may be overloaded (MaxStartups) or refuse this "
                              "address; try again, or with a smaller -f"
                            : "")};
  }
  return {ErrorKind::unreachable, said.empty() ? "connection lost" : "connection lost: " + said};
}

}  // namespace ec2mpi::ssh
