#include "ec2mpi/base/sha256.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <stdexcept>

namespace ec2mpi {

namespace {
/// The header holds a void pointer, so that its readers do not need OpenSSL's headers.
EVP_MD_CTX* evp(void* context) {
  return static_cast<EVP_MD_CTX*>(context);
}
}  // namespace

void Sha256::Free::operator()(void* context) const {
  ::EVP_MD_CTX_free(evp(context));
}

Sha256::Sha256() : context_(::EVP_MD_CTX_new()) {
  if (!context_ || ::EVP_DigestInit_ex(evp(context_.get()), ::EVP_sha256(), nullptr) != 1)
    throw std::runtime_error("libcrypto has no SHA-256");
}

void Sha256::add(std::string_view bytes) {
  ::EVP_DigestUpdate(evp(context_.get()), bytes.data(), bytes.size());
}

std::string Sha256::finish() {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  ::EVP_DigestFinal_ex(evp(context_.get()), digest, &size);
  std::string text;
  for (unsigned i = 0; i < size; ++i) text += fmt::format("{:02x}", digest[i]);
  return text;
}

std::string sha256(std::string_view bytes) {
  Sha256 sum;
  sum.add(bytes);
  return sum.finish();
}

}  // namespace ec2mpi
