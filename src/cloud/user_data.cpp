#include "ec2mpi/cloud/user_data.hpp"

#include <fmt/format.h>
#include <optional>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"

namespace ec2mpi::cloud {

namespace {

constexpr std::size_t kMostUserData = 16 * 1024;  ///< EC2's limit, before base64

/// The head of a MIME part with this content; nothing if it is of no kind that cloud-init knows by its
/// beginning.
std::optional<std::string> head_of(std::string_view content) {
  constexpr std::pair<std::string_view, std::string_view> kKinds[] = {
      {"#!", "text/x-shellscript"},
      {"#cloud-config", "text/cloud-config"},
      {"#cloud-boothook", "text/cloud-boothook"},
      {"#include", "text/x-include-url"}};
  for (const auto& [beginning, kind] : kKinds)
    if (content.starts_with(beginning)) return fmt::format("Content-Type: {}; charset=\"utf-8\"\n\n", kind);
  // It has its own head: a part may have parts.
  if (content.starts_with("Content-Type:") || content.starts_with("MIME-Version:")) return "";
  return std::nullopt;
}

}  // namespace

Result<std::string> join_user_data(const std::string& ours, std::string_view theirs) {
  const auto head = head_of(theirs);
  if (!head)
    return fail(ErrorKind::usage,
                "the user data begin with none of the words that cloud-init knows: #!, #cloud-config, "
                "#cloud-boothook, #include, Content-Type:");
  // Random: the user's data cannot hold the boundary and so end their part.
  const auto boundary = random_hex(32);
  // A MIME archive (RFC 2046); cloud-init takes its parts in their order.
  auto whole = fmt::format(
      "Content-Type: multipart/mixed; boundary=\"{0}\"\nMIME-Version: "
      "1.0\n\n--{0}\n{1}{2}\n--{0}\n{3}{4}\n--{0}--\n",
      boundary, head_of(ours).value_or(""), ours, *head, theirs);
  if (whole.size() <= kMostUserData) return whole;
  return fail(ErrorKind::usage,
              fmt::format("the user data have {} bytes; with the script for the end of life EC2 takes {}",
                          theirs.size(), kMostUserData - (whole.size() - theirs.size())));
}

}  // namespace ec2mpi::cloud
