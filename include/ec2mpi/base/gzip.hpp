#pragma once
/// Compression as gzip(1) undoes it (RFC 1952).

#include <memory>
#include <string>
#include <string_view>

namespace ec2mpi {

/// Fed piece by piece.
class Gzip {
 public:
  Gzip();
  /// Appends the finished bytes to `to`; often none.
  void add(std::string_view bytes, std::string& to);
  /// All that is still due. Once; then it is of no more use.
  void finish(std::string& to);

 private:
  struct Free {
    void operator()(void* state) const;
  };
  void run(std::string_view bytes, std::string& to, bool end);
  std::unique_ptr<void, Free> state_;
};

}  // namespace ec2mpi
