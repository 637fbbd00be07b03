#pragma once
/// One HTTP request and its answer, on the event loop.

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/base/limit.hpp"

namespace ec2mpi::cloud {

struct Credentials {
  std::string key_id;
  std::string secret;
  std::string token;  ///< empty for keys that do not expire
  std::optional<std::chrono::sys_seconds> expires = {};
  std::string origin;  ///< for messages: "the profile 'work'"
};

struct HttpRequest {
  std::string method = "POST";
  std::string url;
  std::string body;
  std::vector<std::string> headers;
  std::optional<Credentials> signer;  ///< if set, the request is signed (AWS Signature Version 4)
  std::string region;                 ///< for the signature
  std::string service = "ec2";        ///< likewise
  std::chrono::milliseconds connect_timeout = std::chrono::seconds(10);
  std::chrono::milliseconds timeout = std::chrono::seconds(60);
};

struct HttpAnswer {
  long status = 0;
  std::string body;
  std::optional<std::chrono::sys_seconds> date = {};  ///< the server's clock
};

class HttpSender {
 public:
  HttpSender() = default;
  HttpSender(const HttpSender&) = delete;
  HttpSender& operator=(const HttpSender&) = delete;
  virtual ~HttpSender() = default;
  /// Any status is an answer. Errors: unreachable if there is none, timeout, cancelled.
  [[nodiscard]] virtual asio::awaitable<Result<HttpAnswer>> send(HttpRequest request, Limit limit) = 0;
};

/// By libcurl.
[[nodiscard]] std::unique_ptr<HttpSender> make_http_sender(asio::any_io_executor executor);

}  // namespace ec2mpi::cloud
