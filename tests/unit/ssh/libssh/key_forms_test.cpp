// Keys as a program printed them or as they were pasted: the command of the message makes a key of each.

#include <gtest/gtest.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <regex>
#include <string>

#include "ec2mpi/ssh/libssh/private_key.hpp"
#include "tests/support/scratch_folder.hpp"

namespace ec2mpi::ssh {
namespace {

std::string replaced(const std::string& text, const std::string& what, const std::string& with) {
  return std::regex_replace(text, std::regex(what), with);
}

/// A key as EC2 gives it: PEM, where the line ends count.
std::string pem_key() {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  BIO* memory = ::BIO_new(::BIO_s_mem());
  ::PEM_write_bio_PrivateKey(memory, key, nullptr, nullptr, 0, nullptr, nullptr);
  char* text = nullptr;
  const auto size = BIO_get_mem_data(memory, &text);
  std::string pem(text, static_cast<std::size_t>(size));
  ::BIO_free(memory);
  ::EVP_PKEY_free(key);
  return pem;
}

class KeyForm : public ::testing::Test {
 protected:
  void write(const std::string& content) const {
    std::ofstream(file_, std::ios::binary) << content;
    ::chmod(file_.c_str(), 0600);
  }

  std::string refusal() const {
    const auto loaded = load_private_key(file_, {}, "");
    return loaded ? "" : loaded.error().message;
  }

  /// Whether the content is refused as this kind, and the command of the message makes a key of it.
  void expect_converted(const std::string& content, const std::string& kind) const {
    write(content);
    const auto said = refusal();
    EXPECT_NE(said.find("e.pem is " + kind + "; make a key of it: "), std::string::npos) << said;
    const auto begin = said.find("(umask");
    const auto end = said.find(", then say -i ");
    ASSERT_TRUE(begin != std::string::npos && end != std::string::npos) << said;
    ASSERT_EQ(std::system(said.substr(begin, end - begin).c_str()), 0) << said;
    const auto made = load_private_key(folder_ / "e-key.pem", {}, "");
    EXPECT_TRUE(made) << kind << ": " << made.error().message;
  }

  test::ScratchFolder folder_;
  std::filesystem::path file_ = folder_ / "e.pem";
  std::string key_ = pem_key();
};

TEST_F(KeyForm, WithoutLineEnds) {
  expect_converted(replaced(key_, "\n", " "), "a key without line ends");
  expect_converted(replaced(key_, "\n", ""), "a key without line ends");
}

TEST_F(KeyForm, WithBackslashesForLineEnds) {
  expect_converted(replaced(key_, "\n", "\\n"), "a key with '\\n' in place of line ends");
}

TEST_F(KeyForm, Indented) {
  expect_converted(replaced("\n" + key_, "\n", "\n    "), "a key with blanks at the start of its lines");
}

TEST_F(KeyForm, OfUtf16) {
  std::string wide = "\xFF\xFE";
  for (const char c : key_) wide += {c, '\0'};
  expect_converted(wide, "text in UTF-16");
  expect_converted(wide.substr(2), "text in UTF-16");
}

TEST_F(KeyForm, InBinaryFormsOfOpenssl) {
  write(key_);
  std::filesystem::rename(file_, folder_ / "plain");
  const auto made_by = [this](const std::string& command) {
    const auto line = "cd " + folder_.path().string() + " && openssl " + command + " >binary 2>/dev/null";
    EXPECT_EQ(std::system(line.c_str()), 0) << line;
    std::ifstream made(folder_ / "binary", std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(made), {});
  };
  expect_converted(made_by("pkey -in plain -outform DER"), "a key in DER");
  expect_converted(made_by("ec -in plain -outform DER"), "a key in DER");
  write(made_by("pkcs8 -topk8 -in plain -outform DER -passout pass:secret"));
  EXPECT_NE(refusal().find("is a key in DER; make a key of it: "), std::string::npos) << refusal();
  write(made_by("pkcs12 -export -nocerts -inkey plain -passout pass:secret"));
  EXPECT_NE(
      refusal().find("is a PKCS#12 file; make a key of it: (umask 077; openssl pkcs12 -nocerts -nodes -in "),
      std::string::npos)
      << refusal();
}

TEST_F(KeyForm, OtherBinaryFilesAreNoKeys) {
  using namespace std::string_literals;
  for (const auto& content :
       {"\x1f\x8b\x08\0\0\0\0\0\0\x03 gzip"s, "\xFF\xFE\1\2\3\4"s, "\x30\x82\1\2 no DER"s, "\0\1"s}) {
    write(content);
    EXPECT_NE(refusal().find("is not a private key; name the .pem file"), std::string::npos) << refusal();
  }
}

TEST_F(KeyForm, OfJsonNamesTheMember) {
  const auto line = replaced(key_, "\n", "\\n");
  write("{\"KeyFingerprint\": \"1f:51\", \"KeyMaterial\": \"" + line + "\", \"KeyName\": \"me\"}\n");
  EXPECT_NE(refusal().find("is the reply of `aws ec2 create-key-pair`; make a key of it: (umask 077; jq -r "
                           ".KeyMaterial "),
            std::string::npos)
      << refusal();
  write("{\"key\": {\"value\": \"" + line + "\"}}\n");
  EXPECT_NE(refusal().find("is JSON that holds a key; "), std::string::npos) << refusal();
  write("\"" + line + "\"\n");
  EXPECT_NE(refusal().find("is a key in JSON's quotes; "), std::string::npos) << refusal();
}

TEST_F(KeyForm, InBase64) {
  write(key_);
  const auto plain = (folder_ / "plain").string();
  std::filesystem::rename(file_, plain);
  ASSERT_EQ(
      std::system(
          ("base64 '" + plain + "' > '" + file_.string() + "'; chmod 600 '" + file_.string() + "'").c_str()),
      0);
  std::ifstream encoded(file_, std::ios::binary);
  expect_converted(std::string(std::istreambuf_iterator<char>(encoded), {}), "a key in base64");
}

TEST_F(KeyForm, CutOff) {
  write(key_.substr(0, key_.size() / 2));
  EXPECT_NE(refusal().find("its END line is missing; copy the whole key again"), std::string::npos)
      << refusal();
}

}  // namespace
}  // namespace ec2mpi::ssh
