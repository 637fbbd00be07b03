#include "tests/support/laptop.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "ec2mpi/cli/app.hpp"
#include "ec2mpi/ssh/libssh/key_pair.hpp"

namespace ec2mpi::test {

namespace fs = std::filesystem;

namespace {

/// The fake nodes in the place of libssh. It stores their sightings in the laptop.
class LaptopConnector : public ssh::NamingConnector {
 public:
  LaptopConnector(asio::any_io_executor executor, Laptop& laptop)
      : laptop_(laptop), fake_(std::move(executor)) {
    for (const auto& [index, behaviour] : laptop.nodes) fake_.node(index) = behaviour;
  }
  ~LaptopConnector() override { laptop_.seen = fake_.seen(); }

  ssh::awaitable<Result<std::unique_ptr<ssh::Session>>> connect(const Node& node, Limit limit,
                                                                ssh::PhaseObserver on_phase) override {
    return fake_.connect(node, std::move(limit), std::move(on_phase));
  }
  Result<std::string> name_of(const Node& node) override { return node.label(); }

 private:
  Laptop& laptop_;
  FakeConnector fake_;
};

/// Other files for descriptors 0, 1 and 2 while it lives.
class RedirectedStreams {
 public:
  explicit RedirectedStreams(const std::array<fs::path, 3>& files) {
    std::fflush(nullptr);
    for (int fd = 0; fd < 3; ++fd) {
      before_.at(static_cast<std::size_t>(fd)) = ::dup(fd);
      const auto& file = files.at(static_cast<std::size_t>(fd));
      const int opened = fd == 0 ? ::open(file.c_str(), O_RDONLY)
                                 : ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
      ::dup2(opened, fd);
      ::close(opened);
    }
  }
  RedirectedStreams(const RedirectedStreams&) = delete;
  RedirectedStreams& operator=(const RedirectedStreams&) = delete;
  ~RedirectedStreams() {
    for (int fd = 0; fd < 3; ++fd) {
      ::dup2(before_.at(static_cast<std::size_t>(fd)), fd);
      ::close(before_.at(static_cast<std::size_t>(fd)));
    }
  }

 private:
  std::array<int, 3> before_{};
};

/// Other environment variables while it lives, and no others.
class ReplacedVariables {
 public:
  explicit ReplacedVariables(const std::map<std::string, std::string>& variables) {
    for (char** entry = environ; *entry != nullptr; ++entry) {
      const std::string text = *entry;
      const auto equals = text.find('=');
      before_[text.substr(0, equals)] = text.substr(equals + 1);
    }
    replace_by(variables);
  }
  ReplacedVariables(const ReplacedVariables&) = delete;
  ReplacedVariables& operator=(const ReplacedVariables&) = delete;
  ~ReplacedVariables() { replace_by(before_); }

 private:
  static void replace_by(const std::map<std::string, std::string>& variables) {
    ::clearenv();
    for (const auto& [name, value] : variables) ::setenv(name.c_str(), value.c_str(), 1);
  }

  std::map<std::string, std::string> before_;
};

/// Another working folder while it lives.
class OtherFolder {
 public:
  explicit OtherFolder(const fs::path& folder) : before_(fs::current_path()) { fs::current_path(folder); }
  OtherFolder(const OtherFolder&) = delete;
  OtherFolder& operator=(const OtherFolder&) = delete;
  ~OtherFolder() { fs::current_path(before_); }

 private:
  fs::path before_;
};

void write_file(const fs::path& file, const std::string& text) {
  std::ofstream(file, std::ios::binary) << text;
}

std::string content_of(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

const std::string& private_key() {
  static const std::string text = ssh::make_key_pair().value().private_text;
  return text;
}

}  // namespace

Laptop::Laptop(int count) {
  fs::create_directory(folder());
  fs::create_directory(home());
  fs::permissions(folder(), fs::perms::owner_all);
  std::string list;
  for (int i = 1; i <= count; ++i)
    list +=
        fmt::format("–\ti-0{}aaaaaaaaaaaaaaa\tc5n.large\t203.0.113.{}\t2021/06/01 10:00 GMT-7\n", i, 10 + i);
  write(kList, list);
  write(kKey, private_key(), 0600);
}

CliResult Laptop::run_cli(const std::vector<std::string>& words, const Surroundings& surroundings) {
  seen = {};
  const cli::World world{
      .now = [this] { return cli::World::Time(time_of_day); },
      .make_connector =
          [this](asio::any_io_executor executor, const auto&, const auto&) {
            return std::make_unique<LaptopConnector>(std::move(executor), *this);
          },
      .open_ec2 = [this](const auto&, const auto&, const auto&) { return open_fake_ec2(account); }};
  std::array<fs::path, 3> files{scratch_ / "in", scratch_ / "out", scratch_ / "err"};
  std::array<int, 2> pipe{-1, -1};
  if (surroundings.piped) {
    EXPECT_EQ(::pipe(pipe.data()), 0);
    files[0] = fmt::format("/proc/self/fd/{}", pipe[0]);
    EXPECT_EQ(::write(pipe[1], surroundings.input.data(), surroundings.input.size()),
              static_cast<ssize_t>(surroundings.input.size()));
    ::close(pipe[1]);
  } else {
    write_file(files[0], surroundings.input);
  }
  auto variables = surroundings.variables;
  variables.merge(std::map<std::string, std::string>{
      {"HOME", home().string()}, {"PATH", "/usr/bin:/bin"}, {"TERM", "dumb"}});
  CliResult result;
  {
    const ReplacedVariables with_variables(variables);
    const OtherFolder in_folder(folder());
    const RedirectedStreams to_files(files);
    result.code = cli::run(world, words);
  }
  if (surroundings.piped) ::close(pipe[0]);
  result.out = content_of(files[1]);
  result.err = content_of(files[2]);
  if (std::ranges::count(words, "--json") > 0) {
    const auto document = nlohmann::json::parse(result.out, nullptr, false);
    if (document.is_object() && document.contains("exit_code")) {
      EXPECT_EQ(document["exit_code"], result.code) << "the document and the process differ";
    }
  }
  return result;
}

std::string Laptop::refused(const std::vector<std::string>& words, const Surroundings& surroundings) {
  const auto before = files();
  const auto done = run_cli(words, surroundings);
  EXPECT_EQ(done.code, 2) << done.err;
  // With --json the error is a document, too.
  const bool as_json = std::ranges::count(words, "--json") > 0;
  EXPECT_EQ(as_json ? done.out.substr(0, 1) : done.out, as_json ? "{" : "");
  EXPECT_TRUE(done.err.starts_with("ec2mpi: ") && done.err.ends_with('\n')) << done.err;
  EXPECT_EQ(std::ranges::count(done.err, '\n'), 1) << done.err;
  EXPECT_TRUE(seen.connected.empty());
  EXPECT_EQ(files(), before) << "nothing was to be written";
  return done.err;
}

void Laptop::write(const std::string& name, const std::string& text, int mode) const {
  const auto file = folder() / name;
  write_file(file, text);
  fs::permissions(file, static_cast<fs::perms>(mode));
}

std::string Laptop::read(const std::string& name) const {
  return content_of(folder() / name);
}

std::vector<std::string> Laptop::files() const {
  std::vector<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(folder()))
    names.push_back(fs::relative(entry.path(), folder()).string());
  std::ranges::sort(names);
  return names;
}

}  // namespace ec2mpi::test
