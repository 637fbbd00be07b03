#include "src/cloud/http.hpp"

#include <curl/curl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <map>
#include <stdexcept>

#include "ec2mpi/base/event.hpp"
#include "ec2mpi/base/text.hpp"

namespace ec2mpi::cloud {

namespace {

constexpr std::size_t kMostBytes = std::size_t{64} << 20;  ///< a page of a thousand images has about 3 MB

/// One socket of libcurl, which owns and closes it.
struct Socket {
  explicit Socket(const asio::any_io_executor& executor, int fd) : descriptor(executor, fd) {}
  ~Socket() { forget(); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  /// Stops waiting for it, before libcurl closes it: the next socket may have the same number.
  void forget() {
    if (descriptor.is_open()) descriptor.release();
  }

  asio::posix::stream_descriptor descriptor;
  int wanted = 0;  ///< CURL_POLL_IN, CURL_POLL_OUT or both
  int awaited = 0;
};

/// One request at work in libcurl. The strings that libcurl only borrows live as long.
class Transfer {
 public:
  Transfer(const asio::any_io_executor& executor, CURLM* multi, HttpRequest request)
      : finished(executor), request_(std::move(request)), multi_(multi), easy_(::curl_easy_init()) {
    if (easy_ == nullptr) throw std::runtime_error("curl_easy_init");
    set_up();
    sign();
    ::curl_multi_add_handle(multi_, easy_);
  }
  ~Transfer() {
    ::curl_multi_remove_handle(multi_, easy_);
    ::curl_easy_cleanup(easy_);
    ::curl_slist_free_all(headers_);
  }
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  void end(CURLcode code) {
    result = code;
    finished.notify_all();
  }

  [[nodiscard]] Result<HttpAnswer> answer() {
    if (*result != CURLE_OK) {
      // The buffer names the host and the cause; the code only has words for its kind.
      const std::string_view words = said_[0] != '\0' ? said_.data() : ::curl_easy_strerror(*result);
      const auto kind = *result == CURLE_OPERATION_TIMEDOUT ? ErrorKind::timeout : ErrorKind::unreachable;
      return fail(kind, fmt::format("{}: {}", printable(request_.url), printable(words)));
    }
    HttpAnswer got{.body = std::move(body_)};
    ::curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &got.status);
    // The server's clock: a wrong clock here makes all signatures invalid.
    curl_header* date = nullptr;
    if (::curl_easy_header(easy_, "Date", 0, CURLH_HEADER, -1, &date) == CURLHE_OK) {
      const auto seconds = ::curl_getdate(date->value, nullptr);
      if (seconds >= 0) got.date = std::chrono::sys_seconds(std::chrono::seconds(seconds));
    }
    return got;
  }

  Event finished;
  std::optional<CURLcode> result;

 private:
  static std::size_t receive(char* bytes, std::size_t, std::size_t count, void* self) {
    auto& body = static_cast<Transfer*>(self)->body_;
    // Any other number than `count` makes libcurl end the transfer with an error.
    if (body.size() + count > kMostBytes) return 0;
    body.append(bytes, count);
    return count;
  }

  void set_up() {
    ::curl_easy_setopt(easy_, CURLOPT_PRIVATE, this);
    ::curl_easy_setopt(easy_, CURLOPT_URL, request_.url.c_str());
    // An endpoint from a file or a variable must not make libcurl read local files (file://).
    ::curl_easy_setopt(easy_, CURLOPT_PROTOCOLS_STR, "http,https");
    // The signal handlers of this process belong to the event loop; libcurl must set none.
    ::curl_easy_setopt(easy_, CURLOPT_NOSIGNAL, 1L);
    ::curl_easy_setopt(easy_, CURLOPT_ERRORBUFFER, said_.data());
    ::curl_easy_setopt(easy_, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(request_.connect_timeout.count()));
    ::curl_easy_setopt(easy_, CURLOPT_TIMEOUT_MS, static_cast<long>(request_.timeout.count()));
    ::curl_easy_setopt(easy_, CURLOPT_WRITEFUNCTION, &Transfer::receive);
    ::curl_easy_setopt(easy_, CURLOPT_WRITEDATA, this);
    // Plain http only goes to this machine or to the metadata service: no proxy may see it.
    if (request_.url.starts_with("http://")) ::curl_easy_setopt(easy_, CURLOPT_PROXY, "");
    if (request_.method == "POST") {
      ::curl_easy_setopt(easy_, CURLOPT_POSTFIELDS, request_.body.c_str());
      ::curl_easy_setopt(easy_, CURLOPT_POSTFIELDSIZE, static_cast<long>(request_.body.size()));
    } else if (request_.method != "GET") {
      ::curl_easy_setopt(easy_, CURLOPT_CUSTOMREQUEST, request_.method.c_str());
    }
    for (const auto& header : request_.headers) add_header(header);
  }

  void sign() {
    if (!request_.signer) return;
    // With this option, libcurl computes AWS Signature Version 4 with the two values below.
    const auto provider = fmt::format("aws:amz:{}:{}", request_.region, request_.service);
    ::curl_easy_setopt(easy_, CURLOPT_AWS_SIGV4, provider.c_str());
    ::curl_easy_setopt(easy_, CURLOPT_USERNAME, request_.signer->key_id.c_str());
    ::curl_easy_setopt(easy_, CURLOPT_PASSWORD, request_.signer->secret.c_str());
    if (!request_.signer->token.empty()) add_header("X-Amz-Security-Token: " + request_.signer->token);
  }

  void add_header(const std::string& header) {
    headers_ = ::curl_slist_append(headers_, header.c_str());
    ::curl_easy_setopt(easy_, CURLOPT_HTTPHEADER, headers_);
  }

  HttpRequest request_;
  CURLM* multi_;
  CURL* easy_;
  curl_slist* headers_ = nullptr;
  std::string body_;
  std::array<char, CURL_ERROR_SIZE> said_{};
};

/// libcurl reports which sockets it waits for, and until when; this class waits on the loop in its place
/// (libcurl-multi(3), "MULTI_SOCKET").
class CurlSender : public HttpSender {
 public:
  explicit CurlSender(asio::any_io_executor executor)
      : executor_(std::move(executor)), timer_(executor_), multi_(::curl_multi_init()) {
    if (multi_ == nullptr) throw std::runtime_error("curl_multi_init");
    ::curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &CurlSender::on_socket);
    ::curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
    ::curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &CurlSender::on_timer);
    ::curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
  }
  ~CurlSender() override {
    // Handlers that wait in the loop must not touch this object any more.
    *alive_ = false;
    sockets_.clear();
    // curl_multi_cleanup would call these functions.
    ::curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, nullptr);
    ::curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, nullptr);
    ::curl_multi_cleanup(multi_);
  }

  asio::awaitable<Result<HttpAnswer>> send(HttpRequest request, Limit limit) override {
    const auto url = request.url;
    Transfer transfer(executor_, multi_, std::move(request));
    while (!transfer.result) {
      const Wake wake = co_await transfer.finished.wait(limit);
      // Leaving early destroys the transfer, and that removes the request from libcurl.
      if (wake != Wake::notified) co_return wake_error(wake, printable(url) + ": no answer in time");
    }
    co_return transfer.answer();
  }

 private:
  /// libcurl's CURLMOPT_SOCKETFUNCTION: what it wants to wait for at this socket from now on.
  static int on_socket(CURL*, curl_socket_t fd, int wanted, void* self, void*) {
    auto& sockets = static_cast<CurlSender*>(self)->sockets_;
    if (wanted == CURL_POLL_REMOVE) {
      if (const auto removed = sockets.extract(fd)) removed.mapped()->forget();
      return 0;
    }
    auto& socket = sockets[fd];
    if (!socket) socket = std::make_shared<Socket>(static_cast<CurlSender*>(self)->executor_, fd);
    socket->wanted = wanted;
    static_cast<CurlSender*>(self)->await(fd, socket);
    return 0;
  }

  static int on_timer(CURLM*, long milliseconds, void* self) {
    auto& sender = *static_cast<CurlSender*>(self);
    // -1: libcurl needs no timer now.
    if (milliseconds < 0) {
      sender.timer_.cancel();
      return 0;
    }
    sender.timer_.expires_after(std::chrono::milliseconds(milliseconds));
    sender.timer_.async_wait([&sender, alive = sender.alive_](std::error_code error) {
      if (!error && *alive) sender.act(CURL_SOCKET_TIMEOUT, 0);
    });
    return 0;
  }

  void await(int fd, const std::shared_ptr<Socket>& socket) {
    using Descriptor = asio::posix::stream_descriptor;
    await_one(fd, socket, CURL_POLL_IN, Descriptor::wait_read);
    await_one(fd, socket, CURL_POLL_OUT, Descriptor::wait_write);
  }

  void await_one(int fd, const std::shared_ptr<Socket>& socket, int side,
                 asio::posix::stream_descriptor::wait_type what) {
    // One wait for each direction: libcurl repeats its request while a wait is under way.
    if ((socket->wanted & side) == 0 || (socket->awaited & side) != 0) return;
    socket->awaited |= side;
    socket->descriptor.async_wait(
        // `weak` also shows that this object is alive, since it owns all sockets.
        what, [this, fd, side, weak = std::weak_ptr(socket)](std::error_code error) {
          const auto ready = weak.lock();
          if (!ready || error) return;
          ready->awaited &= ~side;
          if ((ready->wanted & side) != 0) act(fd, side == CURL_POLL_IN ? CURL_CSELECT_IN : CURL_CSELECT_OUT);
          // act() may have removed the socket, or have put a new one under the same number.
          if (const auto now = sockets_.find(fd); now != sockets_.end() && now->second == ready)
            await(fd, ready);
        });
  }

  /// Lets libcurl work after an event, and hands out the transfers that are done by that.
  void act(curl_socket_t fd, int events) {
    int running = 0;
    ::curl_multi_socket_action(multi_, fd, events, &running);
    int left = 0;
    while (const CURLMsg* message = ::curl_multi_info_read(multi_, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      Transfer* transfer = nullptr;
      ::curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
      transfer->end(message->data.result);
    }
  }

  asio::any_io_executor executor_;
  asio::steady_timer timer_;
  CURLM* multi_;
  std::map<int, std::shared_ptr<Socket>> sockets_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace

std::unique_ptr<HttpSender> make_http_sender(asio::any_io_executor executor) {
  // Once in a process, as libcurl-thread(3) asks.
  static const bool ready = ::curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  if (!ready) throw std::runtime_error("curl_global_init");
  return std::make_unique<CurlSender>(std::move(executor));
}

}  // namespace ec2mpi::cloud
