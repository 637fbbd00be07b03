#include "src/ops/pull/script.hpp"

#include <fmt/format.h>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/ops/node/remote_program.hpp"
#include "ec2mpi/ops/node/root_access.hpp"
#include "src/ops/pull/programs.hpp"

namespace ec2mpi::ops {

namespace {

/// Linux allows 128 KiB for the command line that holds the program; the program has about 6 KB, and special
/// characters take five times their room there.
constexpr std::size_t kMostInProgram = 8 * 1024;

std::string sources_text(const PullPlan& plan) {
  std::string text;
  for (const auto& source : plan.sources) {
    text.append(encode_path(source.path)).append("\n");
    text.append(encode_path(source.glob ? source.glob->shell : std::string())).append("\n");
  }
  return text;
}

PullProgram program_with_sources(const PullPlan& plan, const std::string& token, std::string_view patient,
                                 std::string_view work) {
  const auto sources = sources_text(plan);
  const bool by_input =
      plan.as_root || sources.size() > kMostInProgram;  // sudo needs the program quoted once more
  // Each source has two lines: its path, and its wildcards or nothing (see sources.sh).
  const auto more = std::to_string(by_input ? 2 * plan.sources.size() : 0);
  PullProgram program;
  program.text = set_variables({{"token", token},
                                {"patient", patient},
                                {"sources", by_input ? std::string_view() : std::string_view(sources)},
                                {"more", more}});
  if (by_input) program.input = sources;
  std::vector<std::string> paths;
  for (const auto& source : plan.sources) paths.push_back(source.path);
  auto check = need_home_for(paths);
  if (plan.as_root) check += check_sudo_text();
  program.text =
      check + as_reader(plan.as_root, program.text + fmt::format("{}{}{}{}", kRecordsSh, need_tools_text(),
                                                                 kSourcesSh, work));
  return program;
}

}  // namespace

PullProgram pull_list_program(const PullPlan& plan, const std::string& token, AbsentSources absent) {
  return program_with_sources(plan, token, absent == AbsentSources::wait ? "yes" : "", kListSh);
}

PullProgram pull_watch_program(const PullPlan& plan, const std::string& token) {
  return program_with_sources(plan, token, "yes", kWatchSh);
}

std::string pull_ranges_program(const std::string& token) {
  return set_variables({{"token", token}}).append(kRecordsSh).append(need_tools_text()).append(kRangesSh);
}

std::string read_unsized_program() {
  return std::string(kReadUnsizedSh);
}

/// sudo may drop our environment, and Complaints reads the messages of tar in English.
std::string as_reader(bool as_root, const std::string& program) {
  return as_root ? "exec sudo -n sh -c " + quote_word("export LC_ALL=C\n" + program) : program;
}

/// `read` of a shell cuts blanks off the end of a line, so such a path goes as octal numbers.
std::string encode_path(std::string_view path) {
  const bool plain =
      path.find('\n') == std::string_view::npos && !path.ends_with(' ') && !path.ends_with('\t');
  if (plain) return "=" + std::string(path);
  std::string word = "%";
  for (const char c : path) word += fmt::format("\\0{:03o}", static_cast<unsigned char>(c));
  return word;
}

}  // namespace ec2mpi::ops
