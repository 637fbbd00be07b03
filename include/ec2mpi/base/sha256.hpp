#pragma once
/// Checksums of sent bytes (SHA-256, FIPS 180-4).

#include <memory>
#include <string>
#include <string_view>

namespace ec2mpi {

/// Fed piece by piece.
class Sha256 {
 public:
  Sha256();
  void add(std::string_view bytes);
  /// 64 lower-case hexadecimal digits, as sha256sum(1) prints them. Once; then it is of no more use.
  [[nodiscard]] std::string finish();

 private:
  struct Free {
    void operator()(void* context) const;
  };
  std::unique_ptr<void, Free> context_;
};

[[nodiscard]] std::string sha256(std::string_view bytes);

}  // namespace ec2mpi
