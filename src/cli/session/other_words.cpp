#include "src/cli/session/other_words.hpp"

#include <algorithm>
#include <vector>

#include "ec2mpi/base/text.hpp"
#include "src/cli/session/other_words_table.hpp"

namespace ec2mpi::cli {

namespace {

/// A row of other_words.txt.
struct OtherWords {
  std::vector<std::string_view> before;
  std::vector<std::string_view> theirs;
  std::string_view ours;
};

std::vector<OtherWords> read_other_words() {
  std::vector<OtherWords> rows;
  for (const auto line : split(kOtherWords, '\n')) {
    const auto columns = split(line, '|');
    if (columns.size() == 3 && !line.starts_with('#'))
      rows.push_back({words(columns[0]), words(columns[1]), trim(columns[2])});
  }
  return rows;
}

}  // namespace

std::string_view ours_for(std::string_view before, std::string_view word) {
  static const auto kRows = read_other_words();
  const auto fits = [&](const OtherWords& row) {
    return std::ranges::count(row.before, before) > 0 && std::ranges::count(row.theirs, word) > 0;
  };
  const auto found = std::ranges::find_if(kRows, fits);
  return found == kRows.end() ? std::string_view() : found->ours;
}

}  // namespace ec2mpi::cli
