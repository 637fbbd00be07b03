#include "src/ssh/libssh/link.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <string>

namespace ec2mpi::ssh {
namespace {

class LinkOfTcp : public testing::Test {
 protected:
  LinkOfTcp() {
    asio::ip::tcp::socket socket(loop_);
    socket.connect(acceptor_.local_endpoint());
    fd_ = socket.native_handle();
    link_ = *Link::over(std::move(socket));
  }

  [[nodiscard]] int user_timeout() const {
    int value = -1;
    socklen_t size = sizeof value;
    EXPECT_EQ(::getsockopt(fd_, IPPROTO_TCP, TCP_USER_TIMEOUT, &value, &size), 0);
    return value;
  }

  asio::io_context loop_;
  asio::ip::tcp::acceptor acceptor_{loop_, {asio::ip::address_v4::loopback(), 0}};
  int fd_ = -1;
  std::shared_ptr<Link> link_;
};

/// During the login the limit of the connection (-t) decides alone, also where it is longer.
TEST_F(LinkOfTcp, HasNoLimitOfItsOwnForASilentNodeBeforeTheLogin) {
  EXPECT_EQ(user_timeout(), 0);
}

/// The kernel's own limit is that of an upload which a slow uplink delays; look_for_life ends other waits
/// before.
TEST_F(LinkOfTcp, TheKernelIsPatientAfterTheLogin) {
  link_->notice_loss_in(Link::kPatience);
  EXPECT_EQ(user_timeout(), 120'000);
}

/// Nobody reads at the other end, so its kernel takes only some.
TEST_F(LinkOfTcp, BytesThatTheOtherKernelHasNotTakenAreUnconfirmed) {
  EXPECT_FALSE(link_->has_unconfirmed_bytes());
  const std::string bytes(100'000, 'x');
  while (::send(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL) > 0) {
  }
  EXPECT_TRUE(link_->has_unconfirmed_bytes());
}

}  // namespace
}  // namespace ec2mpi::ssh
