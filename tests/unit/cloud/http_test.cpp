#include "src/cloud/http.hpp"

#include <gtest/gtest.h>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read_until.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>

namespace ec2mpi::cloud {
namespace {

using asio::ip::tcp;

/// Answers each connection with the next text, and closes it.
asio::awaitable<void> serve(tcp::acceptor& acceptor, std::vector<std::string> answers) {
  for (const auto& answer : answers) {
    auto socket = co_await acceptor.async_accept(asio::use_awaitable);
    std::string request;
    co_await asio::async_read_until(socket, asio::dynamic_buffer(request), "\r\n\r\n", asio::use_awaitable);
    co_await asio::async_write(socket, asio::buffer(answer), asio::use_awaitable);
  }
}

asio::awaitable<void> send_all(HttpSender& http, std::string url, std::size_t count,
                               std::vector<Result<HttpAnswer>>& got) {
  for (std::size_t i = 0; i < count; ++i) {
    HttpRequest request;
    request.method = "GET";
    request.url = url;
    auto answer = co_await http.send(std::move(request), Limit());
    got.push_back(std::move(answer));
  }
}

std::vector<Result<HttpAnswer>> answers_of(std::vector<std::string> answers) {
  asio::io_context loop;
  tcp::acceptor acceptor(loop, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  const auto url = "http://127.0.0.1:" + std::to_string(acceptor.local_endpoint().port()) + "/";
  const auto count = answers.size();
  const auto http = make_http_sender(loop.get_executor());
  std::vector<Result<HttpAnswer>> got;
  asio::co_spawn(loop, serve(acceptor, std::move(answers)), asio::detached);
  asio::co_spawn(loop, send_all(*http, url, count, got), asio::detached);
  loop.run();
  return got;
}

TEST(Http, RequestAfterABrokenConnectionIsAnswered) {
  const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
  const auto got = answers_of({"", answer, "", answer});
  ASSERT_EQ(got.size(), 4U);
  EXPECT_FALSE(got[0]);
  EXPECT_EQ(got[0].error().kind, ErrorKind::unreachable);
  for (const auto i : {1U, 3U}) {
    ASSERT_TRUE(got[i]) << got[i].error().message;
    EXPECT_EQ(got[i]->body, "ok");
  }
}

TEST(Http, AnyStatusIsAnAnswer) {
  const auto got = answers_of(
      {"HTTP/1.1 503 Slow Down\r\nDate: Sun, 22 Nov 2026 18:00:08 GMT\r\nContent-Length: 0\r\n\r\n"});
  ASSERT_TRUE(got[0]) << got[0].error().message;
  EXPECT_EQ(got[0]->status, 503);
  EXPECT_EQ(got[0]->date, std::chrono::sys_days(std::chrono::year(2026) / 11 / 22) + std::chrono::hours(18) +
                              std::chrono::seconds(8));
}

}  // namespace
}  // namespace ec2mpi::cloud
