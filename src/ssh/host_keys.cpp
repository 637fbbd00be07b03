#include "ec2mpi/ssh/host_keys.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <cerrno>

#include "ec2mpi/base/file.hpp"
#include "ec2mpi/base/text.hpp"

namespace ec2mpi::ssh {

namespace {

/// What the user types to have a host's key forgotten.
std::string forget_command(const std::string& name, const std::filesystem::path& file) {
  std::string pattern;
  for (const char c : name) {
    if (std::string_view("[].*^$/\\").find(c) != std::string_view::npos) pattern += '\\';
    pattern += c;
  }
  return printable(
      fmt::format("sed -i {} {}", quote_word("/^" + pattern + " /d"), quote_word(file.string())));
}

}  // namespace

std::string host_key_name(const Node& node) {
  if (!node.instance_id.empty()) return node.instance_id;
  if (node.port == 0 || node.port == 22) return node.address;
  return fmt::format("[{}]:{}", node.address, node.port);
}

Result<HostKeys> HostKeys::load(std::filesystem::path file, UnknownHostKey unknown) {
  HostKeys loaded(std::move(file), unknown);
  std::error_code ignored;
  if (!std::filesystem::exists(loaded.file_, ignored)) return loaded;
  const auto content = read_file(loaded.file_);
  if (!content) return std::unexpected(content.error());

  int number = 0;
  for (const auto line : split(*content, '\n')) {
    ++number;
    const auto fields = words(line);
    if (fields.empty() || fields.front().starts_with('#')) continue;
    if (fields.size() < 3) {
      return fail(ErrorKind::usage, fmt::format("{}:{}: not a line of known_hosts; mend or remove it",
                                                printable(loaded.file_.string()), number));
    }
    loaded.keys_.emplace(std::string(fields[0]), HostKey{std::string(fields[1]), std::string(fields[2])});
  }
  return loaded;
}

std::vector<HostKey> HostKeys::known(const Node& node) const {
  std::vector<HostKey> found;
  const auto [first, last] = keys_.equal_range(host_key_name(node));
  for (auto entry = first; entry != last; ++entry) found.push_back(entry->second);
  return found;
}

std::vector<std::string> HostKeys::known_types(const Node& node) const {
  std::vector<std::string> types;
  for (const auto& key : known(node)) types.push_back(key.type);
  return types;
}

Result<void> HostKeys::verify(const Node& node, const HostKey& shown) {
  const auto name = host_key_name(node);
  const auto remembered = known(node);
  for (const auto& key : remembered) {
    if (key == shown) return {};
  }
  if (!remembered.empty()) {
    return fail(
        ErrorKind::host_key,
        fmt::format("its host key has changed: this may be another machine or somebody in between; nothing "
                    "was sent. If you know why (reinstalled): {}",
                    forget_command(name, file_)));
  }
  if (unknown_ == UnknownHostKey::refuse) {
    return fail(ErrorKind::host_key,
                fmt::format("its host key is unknown and only known ones are accepted; add it "
                            "to {} under the name '{}'",
                            printable(file_.string()), name));
  }
  return remember(name, shown);
}

Result<void> HostKeys::remember(const std::string& name, const HostKey& key) {
  if (auto made = make_private_folder(file_.parent_path()); !made) return made;
  const UniqueFd fd(::open(file_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600));
  if (!fd) return io_error("open", file_);
  auto written = write_all(fd.get(), fmt::format("{} {} {}\n", name, key.type, key.base64), file_);
  if (written) keys_.emplace(name, key);
  return written;
}

}  // namespace ec2mpi::ssh
