#pragma once
/// The script of a push on a node, run by a real sh with input that the test chooses; and archives for it.

#include <gtest/gtest.h>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "ec2mpi/base/sha256.hpp"
#include "ec2mpi/base/tar.hpp"
#include "ec2mpi/base/text.hpp"
#include "src/ops/push/talk.hpp"
#include "tests/support/scratch_folder.hpp"

namespace ec2mpi::ops {

inline std::string member(const std::string& name, std::string_view content) {
  auto text = encode_tar_header({.name = name, .size = content.size(), .mode = 0600});
  text += content;
  text.append(tar_padding(content.size()), '\0');
  return text;
}

inline std::string folder_member(const std::string& name) {
  return encode_tar_header({.name = name, .type = TarType::directory, .mode = 0700});
}

/// Lists what an archive holds, as PushStream does.
class Lister : public TarVisitor {
 public:
  Result<void> on_entry(const TarEntry& entry) override {
    names.append(entry.name.ends_with('/') ? entry.name.substr(0, entry.name.size() - 1) : entry.name);
    names.push_back('\0');
    sizes += entry.type == TarType::directory ? "4\n" : "8 " + std::to_string(entry.size) + "\n";
    return {};
  }
  Result<void> on_data(std::string_view) override { return {}; }
  Result<void> on_entry_end() override { return {}; }

  std::string names;
  std::string sizes;
};

/// With the list of the members, and the end.
inline std::string whole(const std::string& members) {
  Lister lister;
  TarDecoder decoder(lister);
  EXPECT_TRUE(decoder.feed(members));
  return members + member("listed", lister.names) + member("sizes", lister.sizes) + tar_end();
}

inline std::string data_text(std::string_view bytes) {
  return "data " + std::to_string(bytes.size()) + "\n" + std::string(bytes);
}

/// What ends the push of one source called x.
inline std::string end_text(const std::string& archive, const std::string& steps = "put 0 x || return 1") {
  return do_text("know_size " + std::to_string(archive.size()) + "\ncommit " + sha256(archive) +
                 "\nsteps() {\n" + steps + "\n}\napply");
}

/// A push's script on a node, run by a real sh in a folder of the test's own.
class PushScript : public testing::Test {
 protected:
  void write(const char* name, const std::string& text) const {
    std::ofstream(folder_ / name, std::ios::binary) << text;
  }
  /// Runs the script over what was written as "input", behind `before`, and `beside` next to it; the exit
  /// status. `before` may end with "&&"; `true` keeps what the shell then puts into the background to
  /// `beside`.
  int run(const std::string& beside, const std::string& before = "", const std::string& asked = "0",
          const std::string& path = "./x") const {
    write("script", push_script());
    const auto text = "cd " + quote_word(folder_.path().string()) + " && mkdir target && { " + before +
                      "true; { " + beside +
                      "; } & setsid -w sh -c \"$(cat script)\" ec2mpi-push \"$PWD/target" + name_ + "\" " +
                      into_ + " key " + quote_words({asked, path}) + " <input >output 2>errors; }";
    const int status = std::system(("timeout 300 " + inside_ + " sh -c " + quote_word(text)).c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  /// Puts a program of this name before all others; to be used as `before`.
  [[nodiscard]] std::string fake(const std::string& name, const std::string& text) const {
    std::filesystem::create_directory(folder_ / "bin");
    write(("bin/" + name).c_str(),
          "#!/bin/sh\ncd " + quote_word(folder_.path().string()) + "\n" + text + '\n');
    return "chmod 755 bin/" + name + " && PATH=$PWD/bin:$PATH; ";
  }
  [[nodiscard]] std::string read(const std::filesystem::path& path) const {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  [[nodiscard]] std::string output() const { return read(folder_ / "output"); }
  [[nodiscard]] std::string errors() const { return read(folder_ / "errors"); }
  [[nodiscard]] std::filesystem::path stage() const {
    for (const auto& entry : std::filesystem::directory_iterator(folder_ / "target")) return entry.path();
    return {};
  }

  test::ScratchFolder folder_;
  std::string inside_;  ///< a command that runs the script
  std::string into_ = "1";
  std::string name_;  ///< behind the target
};

}  // namespace ec2mpi::ops
