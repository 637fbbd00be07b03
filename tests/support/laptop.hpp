#pragma once
/// The command line in this process: a scratch folder with a list and a key, a home, and nodes that are fake.

#include <chrono>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "tests/support/fake_ec2.hpp"
#include "tests/support/fake_transport.hpp"
#include "tests/support/scratch_folder.hpp"

namespace ec2mpi::test {

struct CliResult {
  std::string out;
  std::string err;
  int code = 0;
};

/// The environment variables and the standard input of one command line.
struct Surroundings {
  std::map<std::string, std::string> variables = {};
  std::string input = {};
  bool piped = false;  ///< standard input is a pipe; its bytes must fit into the kernel's buffer
};

class Laptop {
 public:
  static constexpr const char* kList = "amazon_instances_info";
  static constexpr const char* kKey = "key.pem";

  /// `count` nodes in the list, 203.0.113.11 and following, and a key beside it.
  explicit Laptop(int count = 1);

  /// Runs `ec2mpi WORDS` to its end, in the folder and with no variables but HOME, PATH and TERM.
  CliResult run_cli(const std::vector<std::string>& words, const Surroundings& surroundings = {});

  /// The same for a command line that must be refused before any connection: exit 2, one line on standard
  /// error, which is returned, and no file written.
  std::string refused(const std::vector<std::string>& words, const Surroundings& surroundings = {});

  void write(const std::string& name, const std::string& text, int mode = 0644) const;
  [[nodiscard]] std::string read(const std::string& name) const;
  /// The names of all files and folders in the working folder, sorted.
  [[nodiscard]] std::vector<std::string> files() const;
  [[nodiscard]] std::filesystem::path folder() const { return scratch_ / "work"; }
  [[nodiscard]] std::filesystem::path home() const { return scratch_ / "home"; }

  std::map<int, FakeNode> nodes;           ///< that misbehave, by index
  FakeAccount account;                     ///< of EC2
  Sightings seen;                          ///< by the nodes, during the last command
  std::chrono::sys_seconds time_of_day{};  ///< what the clock shows

 private:
  ScratchFolder scratch_;
};

}  // namespace ec2mpi::test
