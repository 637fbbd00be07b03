#pragma once
/// Which paths are left out of a copy: --exclude and .gitignore. Rules as git has them (gitignore(5)): the
/// last one that matches decides, "!" takes back, "/" at the end means folders only, a "/" elsewhere ties the
/// pattern to the folder of its rules, "**" crosses folders. What lies in a folder left out is left out.

#include <string>
#include <string_view>
#include <vector>

namespace ec2mpi::ops {

class PathFilter {
 public:
  /// One line of rules that hold below `folder` ("" is the top). Empty lines and comments (#) are no rules.
  void add_rule(std::string_view line, std::string folder = {});
  /// A whole file of rules.
  void add_rules(std::string_view text, const std::string& folder);

  /// The path is relative to the top, with "/" between names, and not "".
  [[nodiscard]] bool excludes(std::string_view path, bool is_folder) const;

 private:
  struct Rule {
    std::string folder;
    std::string pattern;
    bool keeps = false;
    bool folders_only = false;
    bool tied = false;  ///< matched against the path inside of the folder, else against each name
  };

  [[nodiscard]] static bool applies(const Rule& rule, std::string_view path, bool is_folder);
  [[nodiscard]] bool excludes_itself(std::string_view path, bool is_folder) const;

  std::vector<Rule> rules_;
};

/// Shell wildcards: "*" and "?" don't match "/", "**" does where it stands for whole names; "[a-z]", "[!a]";
/// "\" takes a letter as it is.
[[nodiscard]] bool glob_matches(std::string_view pattern, std::string_view path);

}  // namespace ec2mpi::ops
