#pragma once
/// ssh's wire form (RFC 4251, 5). A reader checks every length against the bytes that are there.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ec2mpi::ssh {

[[nodiscard]] inline std::string wire_number(std::uint32_t number) {
  std::string bytes(4, '\0');
  for (int i = 0; i < 4; ++i) bytes[static_cast<std::size_t>(i)] = static_cast<char>(number >> (24 - 8 * i));
  return bytes;
}

[[nodiscard]] inline std::string wire_text(std::string_view text) {
  return wire_number(static_cast<std::uint32_t>(text.size())).append(text);
}

class WireReader {
 public:
  explicit WireReader(std::string_view bytes) : bytes_(bytes) {}

  std::optional<std::uint32_t> number() {
    if (bytes_.size() < 4) return std::nullopt;
    std::uint32_t value = 0;
    for (const char byte : bytes_.substr(0, 4)) value = value << 8 | static_cast<unsigned char>(byte);
    bytes_.remove_prefix(4);
    return value;
  }

  std::optional<std::string_view> text() {
    const auto size = number();
    if (!size || *size > bytes_.size()) return std::nullopt;
    const auto value = bytes_.substr(0, *size);
    bytes_.remove_prefix(*size);
    return value;
  }

 private:
  std::string_view bytes_;
};

}  // namespace ec2mpi::ssh
