#include "src/cli/commands/script_text.hpp"

#include <string_view>
#include <utility>

namespace ec2mpi::cli {

std::string without_mark(std::string text) {
  constexpr std::string_view kMark = "\xef\xbb\xbf";
  if (text.starts_with(kMark)) text.erase(0, kMark.size());
  return text;
}

std::string unix_script(std::string text) {
  text = without_mark(std::move(text));
  const auto first = text.find('\n');
  if (first == std::string::npos || first == 0 || text[first - 1] != '\r') return text;
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i)
    if (text[i] != '\r' || i + 1 == text.size() || text[i + 1] != '\n') plain += text[i];
  return plain;
}

}  // namespace ec2mpi::cli
