#pragma once
/// The EC2 Query API: a form is posted, and XML is the answer.

#include <asio/awaitable.hpp>
#include <pugixml.hpp>
#include <string>
#include <utility>
#include <vector>

#include "ec2mpi/cloud/api_error.hpp"
#include "src/cloud/credentials.hpp"

namespace ec2mpi::cloud {

using Parameters = std::vector<std::pair<std::string, std::string>>;

/// name.1=…, name.2=…
void add_list(Parameters& parameters, const std::string& name, const std::vector<std::string>& values);

/// Action, Version and the parameters as a form.
[[nodiscard]] std::string form_of(const std::string& action, const Parameters& parameters);

/// The answer's root element, or the error that the body holds; `action` is for its message.
[[nodiscard]] Answer<pugi::xml_document> parse_answer(const std::string& action, const HttpAnswer& answer);

struct RetryPolicy {
  int tries = 5;
  Clock::duration first =
      std::chrono::milliseconds(200);  ///< doubled each time; a random part of it is waited
  Clock::duration most = std::chrono::seconds(5);
};

class Query {
 public:
  Query(CloudSettings settings, CredentialSource& credentials, HttpSender& http, RetryPolicy retries)
      : settings_(std::move(settings)), credentials_(credentials), http_(http), retries_(retries) {}

  /// Repeats calls that fail for a temporary reason. Every call may be repeated: one that creates something
  /// has a token or a unique name.
  [[nodiscard]] asio::awaitable<Answer<pugi::xml_document>> call(std::string action, Parameters parameters,
                                                                 Limit limit);

 private:
  asio::awaitable<Answer<pugi::xml_document>> call_once(std::string action, std::string form, Limit limit);

  CloudSettings settings_;
  CredentialSource& credentials_;
  HttpSender& http_;
  RetryPolicy retries_;
};

}  // namespace ec2mpi::cloud
