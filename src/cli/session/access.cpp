// The second half of cluster_setup.hpp: from a cluster and the flags of a connection to keys and host keys.

#include <fmt/format.h>
#include <unistd.h>
#include <algorithm>

#include "ec2mpi/base/file.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cli/session/cluster_setup.hpp"
#include "ec2mpi/cli/terminal/passphrase.hpp"
#include "src/cli/session/remembered_list.hpp"

namespace ec2mpi::cli {

namespace {

namespace fs = std::filesystem;

/// A list in the current folder has no parent path.
fs::path folder_of(const fs::path& list) {
  return list.has_parent_path() ? list.parent_path() : fs::path(".");
}

/// Windows writes KEY.PEM, too.
bool has_name_of_key(const fs::path& file) {
  return lower_case(file.extension().string()) == ".pem";
}

/// A key under the name that a browser or an editor has made of it: key.pem.txt.
std::optional<fs::path> renamed_key(const fs::path& list) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder_of(list), ignored))
    if (entry.path().filename().string().find(".pem.") != std::string::npos) return entry.path();
  return std::nullopt;
}

/// What stands under the name of a key beside the list and is none; empty if nothing does.
std::string no_key_file(const fs::path& list) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder_of(list), ignored)) {
    if (!has_name_of_key(entry.path()) || entry.is_regular_file(ignored)) continue;
    const auto shown = printable(entry.path().lexically_normal().string());
    if (entry.is_symlink(ignored) && !entry.exists(ignored))
      return fmt::format("{} is a link to {}, which is not there", shown,
                         printable(fs::read_symlink(entry.path(), ignored).string()));
    return fmt::format("{} is {}", shown, entry.is_directory(ignored) ? "a folder" : "no regular file");
  }
  return {};
}

/// Why no key was found, with the likeliest remedy: several keys, a key under another name, or none.
std::unexpected<Error> no_key(const fs::path& list) {
  const auto pems = pem_files(list);
  if (pems.size() > 1) {
    return fail(ErrorKind::usage,
                fmt::format("there are {} keys beside the list: name the one of these instances, as in -i {} "
                            "or -i {}",
                            pems.size(), quote_word(pems[0].string()), quote_word(pems[1].string())));
  }
  if (const auto renamed = renamed_key(list)) {
    const auto name = renamed->lexically_normal().string();
    return fail(ErrorKind::usage,
                fmt::format("no private key: the name of {} does not end in .pem; mv {} {}", printable(name),
                            quote_word(printable(name)),
                            quote_word(printable(name.substr(0, name.rfind(".pem.") + 4)))));
  }
  if (const auto other = no_key_file(list); !other.empty())
    return fail(ErrorKind::usage,
                fmt::format("no private key: {}; name the .pem file that EC2 gave you with -i", other));
  return fail(ErrorKind::usage,
              "no private key: name the .pem file that EC2 gave you with -i, or let it be the only .pem "
              "beside the list");
}

/// Keys under ssh's usual names, in the order in which they are tried.
std::vector<fs::path> default_keys() {
  std::vector<fs::path> keys;
  for (const auto* name : {"id_ed25519", "id_ecdsa", "id_rsa"}) {
    const auto file = home_folder() / ".ssh" / name;
    std::error_code ignored;
    if (fs::exists(file, ignored)) keys.push_back(file);
  }
  return keys;
}

/// The order of a login: sshd ends it after a few wrong keys, so the likely ones go first.
struct Keys {
  std::vector<ssh::PrivateKey> first;
  std::vector<ssh::PrivateKey> after_agent;
};

/// The passphrase is asked for only if neither the usual agent nor that of ssh_config holds the key.
Result<ssh::PrivateKey> load_named_key(const fs::path& file, const Cluster& cluster,
                                       const ssh::LibsshOptions& transport) {
  if (auto key = ssh::load_private_key(file, {}, ssh::usual_agent())) return key;
  const auto agent =
      cluster.nodes.empty() ? ssh::usual_agent() : ssh::agent_for(transport, cluster.nodes.front());
  return ssh::load_private_key(file, prompt_passphrase, agent);
}

/// The flag wins over the settings, and they win over the only .pem beside the list.
std::optional<fs::path> named_key(const Cluster& cluster, const ConnectOptions& options) {
  if (options.identity) return expand_home(*options.identity);
  if (cluster.config.identity) return expand_home(*cluster.config.identity);
  if (auto pems = pem_files(cluster.list); pems.size() == 1) return pems.front();
  return std::nullopt;
}

/// Keys that the user named must load. Others are only tried if they do, and never asked a passphrase for.
Result<Keys> load_keys(const Cluster& cluster, const ConnectOptions& options,
                       const ssh::LibsshOptions& transport) {
  Keys keys;
  if (const auto named = named_key(cluster, options)) {
    const auto key = load_named_key(*named, cluster, transport);
    const bool is_setting = !options.identity && cluster.config.identity;
    if (!key) return std::unexpected(is_setting ? key.error().within("the setting identity") : key.error());
    keys.first.push_back(*key);
    return keys;
  }
  for (const auto& file : default_keys()) {
    // Without a prompt: nobody is asked for the passphrase of a key that was not named.
    if (auto key = ssh::load_private_key(file, {}, ssh::usual_agent())) keys.after_agent.push_back(*key);
  }
  // An ssh_config may name a key, so nobody can say yet that there is none.
  if (keys.after_agent.empty() && ssh::usual_agent().empty() && transport.ssh_config.empty())
    return no_key(cluster.list);
  return keys;
}

/// Empty: none. Only the user's own file may be missing; one that was named must be there. Errors: usage.
Result<fs::path> ssh_config_file(const ConnectOptions& options) {
  if (options.ssh_config == "none") return fs::path();
  if (options.ssh_config) {
    auto file = expand_home(*options.ssh_config);
    if (::access(file.c_str(), R_OK) != 0) {
      const auto failed = io_error("read", file);
      return fail(ErrorKind::usage, "--ssh-config-file: " + failed.error().message);
    }
    return file;
  }
  const auto file = home_folder() / ".ssh" / "config";
  std::error_code ignored;
  return fs::exists(file, ignored) ? file : fs::path{};
}

}  // namespace

std::vector<fs::path> pem_files(const fs::path& list) {
  std::vector<fs::path> found;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder_of(list), ignored))
    if (has_name_of_key(entry.path()) && entry.is_regular_file(ignored)) found.push_back(entry.path());
  // A folder gives its entries in any order.
  std::sort(found.begin(), found.end());
  return found;
}

/// The prompt is replaced by a note that there would be one: a key that asks for a passphrase is right.
Result<void> check_keys(const Cluster& cluster) {
  const ConnectOptions usual;
  if (const auto named = named_key(cluster, usual)) {
    bool encrypted = false;
    const auto note = [&encrypted](const fs::path&) -> std::optional<std::string> {
      encrypted = true;
      return std::nullopt;
    };
    const auto key = ssh::load_private_key(*named, note, ssh::usual_agent());
    if (!key && !encrypted) return std::unexpected(key.error());
    return {};
  }
  TRY_AS(ssh_config, ssh_config_file(usual));
  const auto keys = load_keys(cluster, usual, {.ssh_config = std::move(*ssh_config)});
  if (!keys) return std::unexpected(keys.error());
  return {};
}

Result<Access> open_access(const Cluster& cluster, const ConnectOptions& options) {
  auto persist = cluster.config.persist;
  if (options.persist) {
    auto parsed = parse_persist(*options.persist);
    if (!parsed) return std::unexpected(parsed.error().within("--persist"));
    persist = *parsed;
  }
  TRY_AS(ssh_config, ssh_config_file(options));
  ssh::LibsshOptions transport{.user = options.user ? options.user : cluster.config.user,
                               .port = options.port ? options.port : cluster.config.port,
                               .ssh_config = std::move(*ssh_config),
                               // As for ssh(1): -F leaves the system's file out.
                               .system_ssh_config = options.ssh_config ? "" : "/etc/ssh/ssh_config",
                               .prompt = prompt_passphrase,
                               .jump = cluster.jump,
                               .listed = cluster.inventory.nodes};
  TRY_AS(keys, load_keys(cluster, options, transport));
  TRY_AS(host_keys, ssh::HostKeys::load(cluster.state.path() / "known_hosts",
                                        options.strict_host_keys ? ssh::UnknownHostKey::refuse
                                                                 : ssh::UnknownHostKey::remember));
  transport.keys = std::move(keys->first);
  transport.fallback_keys = std::move(keys->after_agent);
  // Last: a command that fails before this point leaves the memory as it was.
  remember_if_possible(cluster);
  return Access{std::move(transport), std::move(*host_keys), cluster.connections_folder(), persist};
}

std::vector<fs::path> private_files(const Cluster& cluster, const ConnectOptions& options) {
  auto files = pem_files(cluster.list);
  files.push_back(cluster.state.path());
  for (const auto& identity : {options.identity, cluster.config.identity})
    if (identity) files.push_back(expand_home(*identity));
  return files;
}

}  // namespace ec2mpi::cli
