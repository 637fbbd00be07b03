#include "src/ssh/libssh/link.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>

namespace ec2mpi::ssh {
namespace {

class LinkOfTcp : public testing::Test {
 protected:
  LinkOfTcp() {
    using asio::ip::tcp;
    tcp::acceptor acceptor(loop_, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    tcp::socket socket(loop_);
    socket.connect(acceptor.local_endpoint());
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
  int fd_ = -1;
  std::shared_ptr<Link> link_;
};

/// During the login the limit of the connection (-t) decides alone, also where it is longer.
TEST_F(LinkOfTcp, HasNoLimitOfItsOwnForASilentNodeBeforeTheLogin) {
  EXPECT_EQ(user_timeout(), 0);
}

/// An upload that a slow uplink delays is not taken for a lost one.
TEST_F(LinkOfTcp, PatienceWithASilentNodeOnlyGrows) {
  link_->notice_loss_in(Link::kPatience);
  EXPECT_EQ(user_timeout(), 30'000);
  link_->notice_loss_in(Link::kPatienceInUpload);
  EXPECT_EQ(user_timeout(), 120'000);
  link_->notice_loss_in(Link::kPatience);
  EXPECT_EQ(user_timeout(), 120'000);
}

}  // namespace
}  // namespace ec2mpi::ssh
