#include "ec2mpi/ssh/host_keys.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <set>

#include "ec2mpi/base/file.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/ssh/known_host_names.hpp"

namespace ec2mpi::ssh {

namespace {

constexpr std::string_view kRevoked = "@revoked";

/// The names that a line for this node may use: a revoked key is refused under each of them.
std::set<std::string> all_names(const Node& node) {
  return {host_key_name(node), lower_case(node.address),
          lower_case(fmt::format("[{}]:{}", node.address, node.port == 0 ? 22 : node.port))};
}

/// A key's bytes begin with the length of its type's name, three zeros in front.
bool is_public_key(const HostKey& key) {
  constexpr std::string_view kBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
  return key.type.find('-') != std::string::npos && key.base64.starts_with("AAAA") &&
         key.base64.find_first_not_of(kBase64) == std::string::npos;
}

/// The command that removes a host's key.
std::string forget_command(const std::string& name, const std::filesystem::path& file) {
  std::string pattern;
  for (const char c : name) {
    // Escaped for sed, so that the name matches itself and no other line.
    if (std::string_view("[].*^$/\\").find(c) != std::string_view::npos) pattern += '\\';
    pattern += c;
  }
  return printable(
      fmt::format("sed -i {} {}", quote_word("/^" + pattern + " /d"), quote_word(file.string())));
}

/// One command if it finds all lines, else their places: a line may also begin with blanks, a byte order mark
/// or upper case, and a list of names must keep its other ones.
std::string how_to_forget(const std::string& name, const std::vector<const KnownHost*>& lines,
                          const std::filesystem::path& file) {
  const auto content = read_file(file).value_or("");
  const auto in_file = split(content, '\n');
  const auto is_found = [&](int line) {
    const auto at = static_cast<std::size_t>(line);
    return line == 0 || (at <= in_file.size() && in_file[at - 1].starts_with(name + " "));
  };
  bool all_found = true;
  std::string places;
  for (const auto* host : lines) {
    all_found = all_found && is_found(host->line);
    if (host->line != 0) places += fmt::format("{}{}", places.empty() ? "" : ", ", host->line);
  }
  if (all_found) return forget_command(name, file);
  return fmt::format("remove it from {}, line {}", printable(file.string()), places);
}

}  // namespace

/// The instance id where there is one: after a stop, the address belongs to another
/// machine. `[HOST]:PORT` is how OpenSSH writes another port than 22.
std::string host_key_name(const Node& node) {
  if (!node.instance_id.empty()) return lower_case(node.instance_id);
  if (node.port == 0 || node.port == 22) return lower_case(node.address);
  return lower_case(fmt::format("[{}]:{}", node.address, node.port));
}

Result<HostKeys> HostKeys::load(const std::filesystem::path& file, UnknownHostKey unknown) {
  HostKeys loaded(file, unknown);
  TRY_AS(content, loaded.folder_.read(file.filename()));
  TRY(loaded.read(content->value_or("")));
  return loaded;
}

Result<void> HostKeys::read(std::string_view content) {
  by_name_.clear();
  by_pattern_.clear();
  revoked_.clear();
  int number = 0;
  for (const auto line : split(content, '\n'))
    if (auto read = read_line(line, ++number); !read) return read;
  // By the size, remember() sees whether another process has appended a line since.
  size_ = content.size();
  return {};
}

Result<void> HostKeys::read_line(std::string_view line, int number) {
  // An editor's byte order mark would become a part of the first name, and that host would be unknown.
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (number == 1 && line.starts_with(kByteOrderMark)) line.remove_prefix(kByteOrderMark.size());
  const auto refuse = [&](const char* why) {
    return fail(ErrorKind::usage, fmt::format("{}:{}: {}", printable(file_.string()), number, why));
  };
  auto fields = words(line);
  if (fields.empty() || fields.front().starts_with('#')) return {};
  const bool revoked = fields.front() == kRevoked;
  if (revoked) fields.erase(fields.begin());
  // A mark that is not understood is an error and never skipped: it may revoke a key.
  if (!fields.empty() && fields.front().starts_with('@')) {
    return refuse(
        "of the marks only @revoked is understood, not host certificates (@cert-authority); remove the line");
  }
  if (fields.size() < 3 || !are_host_names(fields[0]))
    return refuse("not a line of known_hosts; correct or remove it");
  HostKey key{std::string(fields[1]), std::string(fields[2])};
  if (!is_public_key(key)) return refuse("names no public key (TYPE BASE64); correct or remove the line");
  const bool hashed = fields[0].starts_with('|');  // base64 knows upper and lower case
  add({number, hashed ? std::string(fields[0]) : lower_case(fields[0]), std::move(key), revoked});
  return {};
}

/// Plain names are looked up in a map; lists, wildcards and hashes must be tried one by one.
void HostKeys::add(KnownHost host) {
  if (host.revoked)
    revoked_.push_back(std::move(host));
  else if (is_plain_host_name(host.names))
    by_name_.emplace(host.names, std::move(host));
  else
    by_pattern_.push_back(std::move(host));
}

std::vector<const KnownHost*> HostKeys::lines_for(const std::string& name) const {
  std::vector<const KnownHost*> found;
  const auto [first, last] = by_name_.equal_range(name);
  for (auto entry = first; entry != last; ++entry) found.push_back(&entry->second);
  for (const auto& host : by_pattern_)
    if (names_host(host.names, name)) found.push_back(&host);
  return found;
}

std::vector<HostKey> HostKeys::known(const Node& node) const {
  std::vector<HostKey> keys;
  for (const auto* host : lines_for(host_key_name(node))) keys.push_back(host->key);
  return keys;
}

std::vector<std::string> HostKeys::known_types(const Node& node) const {
  std::vector<std::string> types;
  for (const auto& key : known(node)) types.push_back(key.type);
  return types;
}

Result<HostKeys::Verdict> HostKeys::judge(const Node& node, const HostKey& shown) const {
  // Revocations come first: a key that is also remembered stays revoked.
  const auto names = all_names(node);
  for (const auto& host : revoked_) {
    const auto names_it = [&](const std::string& name) { return names_host(host.names, name); };
    if (host.key != shown || std::none_of(names.begin(), names.end(), names_it)) continue;
    return fail(
        ErrorKind::host_key,
        fmt::format("its host key is revoked by {}:{}: the machine may use a stolen key; nothing was sent",
                    printable(file_.string()), host.line));
  }
  const auto name = host_key_name(node);
  const auto lines = lines_for(name);
  const auto is_shown = [&](const KnownHost* host) { return host->key == shown; };
  if (std::any_of(lines.begin(), lines.end(), is_shown)) return Verdict::known;
  // Any key that is remembered makes another one a change, even if it has another type.
  if (lines.empty()) return Verdict::unknown;
  return fail(
      ErrorKind::host_key,
      fmt::format("its host key has changed: this may be another machine or somebody in between; nothing "
                  "was sent. If you know why (reinstalled): {}",
                  how_to_forget(name, lines, file_)));
}

/// The client asks only for types that are remembered, so a node without them shows no key at all.
Error HostKeys::explain_missing_type(const Node& node) const {
  const auto name = host_key_name(node);
  return {
      ErrorKind::host_key,
      fmt::format("it no longer has a host key of the type that is remembered; nothing was sent. If you know "
                  "why (reinstalled): {}",
                  how_to_forget(name, lines_for(name), file_))};
}

/// `at_least` can make the rule for unknown keys stricter than that of the command, never weaker.
Result<void> HostKeys::verify(const Node& node, const HostKey& shown, UnknownHostKey at_least) {
  TRY_AS(verdict, judge(node, shown));
  if (*verdict == Verdict::known) return {};
  if (unknown_ == UnknownHostKey::refuse || at_least == UnknownHostKey::refuse) {
    return fail(ErrorKind::host_key,
                fmt::format("its host key is unknown and only known ones are accepted; add it "
                            "to {} under the name '{}'",
                            printable(file_.string()), host_key_name(node)));
  }
  return remember(node, shown);
}

/// Another ec2mpi may have met the node since the file was read: the lines that it has appended are judged
/// first.
Result<void> HostKeys::remember(const Node& node, const HostKey& key) {
  const auto line = fmt::format("{} {} {}\n", host_key_name(node), key.type, key.base64);
  bool appended = false;
  // Runs while no other ec2mpi can change the file.
  const auto addition = [&](std::string_view content) -> Result<std::string> {
    if (content.size() != size_) {
      TRY(this->read(content));
      TRY_AS(verdict, judge(node, key));
      if (*verdict == Verdict::known) return std::string();
    }
    appended = true;
    return line;
  };
  auto done = folder_.append(file_.filename(), addition);
  if (!done || !appended) return done;
  size_ += line.size();
  add({0, host_key_name(node), key});
  return {};
}

}  // namespace ec2mpi::ssh
