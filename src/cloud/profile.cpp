#include "src/cloud/profile.hpp"

#include "ec2mpi/base/file.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"

namespace ec2mpi::cloud {

namespace {

/// "default", "profile work" and "work" name profiles; empty for a section of another kind.
std::string profile_name(std::string_view section) {
  const auto parts = words(section);
  if (parts.size() == 1) return std::string(parts[0]);
  if (parts.size() >= 2 && parts[0] == "profile") {
    auto name = trim(section.substr(section.find("profile") + 7));
    // A name with blanks may stand in quotes.
    if (name.size() > 1 && (name.front() == '"' || name.front() == '\''))
      name = name.substr(1, name.size() - 2);
    return std::string(name);
  }
  return {};
}

Result<std::string> read_if_there(const std::filesystem::path& file) {
  constexpr std::size_t kMost = 1 << 20;
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) return std::string();
  return read_file(file, kMost);
}

}  // namespace

std::map<std::string, Profile, std::less<>> parse_profiles(std::string_view text) {
  std::map<std::string, Profile, std::less<>> profiles;
  // Takes the settings of other sections, and those above the first section; nobody reads it.
  Profile other;
  Profile* current = &other;
  // Editors of other systems put a byte order mark in front.
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  for (const auto raw : split(text, '\n')) {
    const auto line = trim(raw);
    if (line.empty() || line.front() == '#' || line.front() == ';') continue;
    if (line.front() == '[') {
      // Without a "]", find gives npos, and the rest of the line is the name.
      const auto name = profile_name(trim(line.substr(1, line.find(']') - 1)));
      current = name.empty() ? &other : &profiles[name];
      continue;
    }
    const auto equals = line.find('=');
    const bool nested = raw.front() == ' ' || raw.front() == '\t';
    if (nested || equals == std::string_view::npos) continue;
    auto value = trim(line.substr(equals + 1));
    // Only behind a blank: a value itself may hold a #.
    if (const auto comment = value.find(" #"); comment != std::string_view::npos)
      value = trim(value.substr(0, comment));
    current->insert_or_assign(std::string(trim(line.substr(0, equals))), std::string(value));
  }
  return profiles;
}

Result<Profile> load_profile(const std::filesystem::path& config_file,
                             const std::filesystem::path& credentials_file, std::string_view name) {
  Profile profile;
  // merge() keeps the keys that it finds in place, so the first file wins.
  for (const auto& file : {credentials_file, config_file}) {
    TRY_AS(text, read_if_there(file));
    auto profiles = parse_profiles(*text);
    // The text of the file may hold secret keys.
    wipe(*text);
    if (const auto found = profiles.find(name); found != profiles.end()) profile.merge(found->second);
  }
  return profile;
}

std::string value_in(const Profile& profile, std::string_view key) {
  const auto found = profile.find(key);
  return found == profile.end() ? std::string() : found->second;
}

}  // namespace ec2mpi::cloud
