#include "ec2mpi/cli/views/without_addresses.hpp"

#include <algorithm>
#include <unordered_set>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cluster/values/address.hpp"

namespace ec2mpi::cli {

namespace {

constexpr const char* kHidden = "(hidden)";

bool is_of_a_word(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == ':' ||
         c == '-' || c == '_';
}

bool has_number_behind(std::string_view word, std::string_view start) {
  return word.starts_with(start) && word.size() > start.size() && word[start.size()] >= '0' &&
         word[start.size()] <= '9';
}

/// People call keys by their companies and projects.
bool is_key_file(std::string_view word) {
  return word.size() > 4 && (word.ends_with(".pem") || word.ends_with(".ppk"));
}

/// Also an address that is not in the list: other machines' addresses stand in errors, too.
bool is_address(std::string_view word) {
  // A shorter one may be a word: i-bed.
  const bool hexadecimal =
      word.size() > 9 && word.find_first_not_of("0123456789abcdef", 2) == std::string_view::npos;
  return is_ipv4(word) || canonical_ipv6(word) || (word.starts_with("i-") && hexadecimal) ||
         // The names that EC2 gives its hosts hold their addresses; ec2-user is no host.
         has_number_behind(word, "ip-") || has_number_behind(word, "ec2-") || is_key_file(word);
}

class Hider {
 public:
  explicit Hider(const Inventory& inventory) {
    for (const auto& node : inventory.nodes)
      for (const auto& word :
           {node.address, node.public_address, node.private_address, node.ipv6, node.name, node.instance_id})
        if (!word.empty()) known_.insert(word);
  }

  /// A word may have a port or a point behind it.
  [[nodiscard]] std::string hide(std::string_view word) const {
    // The longest part first, so that of "10.0.0.1:22" only the port stays.
    for (auto end = word.size(); end > 0; --end) {
      const bool whole = end == word.size() || word[end] == ':' || word[end] == '.';
      if (!whole) continue;
      const auto part = word.substr(0, end);
      if (is_address(part) || known_.contains(std::string(part)))
        return kHidden + std::string(word.substr(end));
    }
    return std::string(word);
  }

 private:
  std::unordered_set<std::string> known_;
};

}  // namespace

std::string without_addresses(std::string_view text, const Inventory& inventory) {
  const Hider hider(inventory);
  std::string shown;
  while (!text.empty()) {
    const auto end = std::find_if_not(text.begin(), text.end(), is_of_a_word) - text.begin();
    const auto word = text.substr(0, static_cast<std::size_t>(end));
    shown += hider.hide(word);
    text.remove_prefix(word.size());
    const auto next = std::find_if(text.begin(), text.end(), is_of_a_word) - text.begin();
    shown += text.substr(0, static_cast<std::size_t>(next));
    text.remove_prefix(static_cast<std::size_t>(next));
  }
  return shown;
}

}  // namespace ec2mpi::cli
