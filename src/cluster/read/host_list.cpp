#include "src/cluster/read/host_list.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <optional>
#include <unordered_set>
#include <utility>
#include <vector>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cluster/values/address.hpp"
#include "ec2mpi/cluster/values/ec2_words.hpp"
#include "ec2mpi/cluster/values/quote.hpp"
#include "src/cluster/read/fields.hpp"
#include "src/cluster/read/host_of.hpp"
#include "src/cluster/read/lines.hpp"

namespace ec2mpi {
namespace {

constexpr int kMostSlots = 192;  // cores of the largest common instances; beyond it `host:N` is a port
constexpr std::size_t kMostHosts = std::size_t{1}
                                   << 20U;  // so that 10 MB of "a," take neither seconds nor gigabytes
constexpr std::string_view kAdvice = "write one [user@]host[:port] a line, then if you like slots=N";

using Words = std::vector<std::string_view>;

struct Entry {
  HostSpec spec;
  std::string name;
  int slots = 0;
  int line = 0;
};

bool is_numeric(const HostSpec& spec) {
  return spec.kind != HostSpec::Kind::name;
}

/// A name without a dot: it could be a heading, or the cell of a table.
bool is_bare(const Entry& entry) {
  return !is_numeric(entry.spec) && entry.spec.host.find('.') == std::string::npos;
}

bool is_separator(char c) {
  return c == ' ' || c == '\t' || c == ',' || c == ';';
}

std::string_view without_quotes(std::string_view word) {
  if (word.size() >= 2 && (word.front() == '"' || word.front() == '\'') && word.back() == word.front()) {
    return word.substr(1, word.size() - 2);
  }
  return word;
}

/// The words between blanks, commas and semicolons, up to the most hosts that a list may have.
Words words_of(std::string_view text) {
  Words out;
  for (std::size_t i = 0; i < text.size() && out.size() < kMostHosts;) {
    if (is_separator(text[i])) {
      ++i;
      continue;
    }
    std::size_t end = i;
    while (end < text.size() && !is_separator(text[end])) ++end;
    out.push_back(without_quotes(text.substr(i, end - i)));
    i = end;
  }
  return out;
}

/// Joins "slots", "=", "4", which Open MPI allows too, into one option; `storage` keeps the texts.
std::string join_options(std::string_view line) {
  std::string out;
  for (const char c : line) {
    if (c == '=') {
      while (!out.empty() && out.back() == ' ') out.pop_back();
    }
    const bool after_equals = !out.empty() && out.back() == '=';
    if (!(after_equals && (c == ' ' || c == '\t'))) out += c == '\t' ? ' ' : c;
  }
  return out;
}

/// Entries of a hosts file that name this machine or no machine at all.
bool is_own_entry(const Words& words) {
  const std::string_view address = words.front();
  if (address == "255.255.255.255") return true;
  if (address.starts_with("fe00:") || address.starts_with("ff0")) return true;
  return (names_this_machine(address) && parse_host_spec(address)->kind != HostSpec::Kind::name) ||
         std::any_of(words.begin() + 1, words.end(), names_this_machine);
}

class HostListReader {
 public:
  HostListReader(std::string_view source, HostListFormat format) : source_(source), format_(format) {}

  void read_line(std::string_view line, int number) {
    line_ = number;
    if (number <= format_.header_line) return;
    const std::string_view code = trim(without_comment(line));
    if (code.size() < trim(line).size())
      names_mpich_ = names_mpich_ || squashed(line).find("mpich") != std::string::npos;
    line = code;
    if (line.empty()) return;
    std::string joined;
    if (line.find('=') != std::string_view::npos) {
      joined = join_options(line);
      line = joined;
    }
    const Words all = words_of(line);
    too_many_words_ = too_many_words_ || all.size() == kMostHosts;
    if (too_many() || all.empty() || read_row(all) || read_hosts_entry(all)) return;
    ++lines_;
    const std::size_t first = entries_.size();
    while (!line.empty() && !too_many()) {
      const std::size_t end = line.find_first_of(",;");
      if (const Words words = words_of(line.substr(0, end)); !words.empty()) read_group(words);
      line.remove_prefix(end == std::string_view::npos ? line.size() : end + 1);
    }
    if (entries_.size() > first + 1 && !unclear_row_) {
      const auto bare =
          std::find_if(entries_.begin() + static_cast<std::ptrdiff_t>(first), entries_.end(), is_bare);
      if (bare != entries_.end()) unclear_row_ = *bare;
    }
  }

  void read_words(const Words& row, int number) {
    line_ = number;
    if (!too_many() && !row.empty() && !read_row(row) && !read_hosts_entry(row)) read_group(row);
  }

  Result<Listing> finish() {
    if (too_many())
      return bad_list(source_, line_, "there are more than a million hosts here; is this the right file?");
    if (!bad_lines_.empty()) return bad();
    TRY(refuse_unclear_names());
    TRY(understand_numbers());
    return listing();
  }

 private:
  [[nodiscard]] bool too_many() const { return too_many_words_ || entries_.size() >= kMostHosts; }

  void refuse(std::string reason) {
    if (bad_lines_.empty()) reason_ = std::move(reason);
    if (bad_lines_.empty() || bad_lines_.back() != line_) bad_lines_.push_back(line_);
  }

  std::unexpected<Error> bad() const {
    const std::string others =
        bad_lines_.size() > 1 ? " (more such: " + lines_text({bad_lines_.begin() + 1, bad_lines_.end()}) + ")"
                              : "";
    return bad_list(source_, bad_lines_.front(), fmt::format("{}{}; {}", reason_, others, kAdvice));
  }

  /// True if all words are addresses or stand for "none".
  bool read_row(const Words& words) {
    std::vector<Entry> row;
    for (const std::string_view word : words) {
      if (is_blank_cell(word)) continue;
      const auto spec = parse_host_spec(word);
      if (!spec || !is_numeric(*spec)) return false;
      if (names_this_machine(spec->host)) return words.size() == 1 && refuse_word(word);
      row.push_back({*spec, "", 0, line_});
    }
    if (row.empty() && format_.header_line == 0) return refuse_word(words.front());
    if (row.empty()) empty_lines_.push_back(line_);
    const auto other_kind = [&](const Entry& entry) { return entry.spec.kind != row.front().spec.kind; };
    if (std::any_of(row.begin(), row.end(), other_kind)) {
      refuse("public and private addresses are mixed in one line");
      return true;
    }
    several_a_line_ = several_a_line_ || row.size() > 1;
    entries_.insert(entries_.end(), row.begin(), row.end());
    return true;
  }

  /// `address name [alias...]` of hosts(5), or `name address`.
  bool read_hosts_entry(const Words& words) {
    if (words.size() < 2) return false;
    const auto first = parse_host_spec(words.front());
    const auto last = parse_host_spec(words.back());
    if (words.size() == 2 && first && last && !is_numeric(*first) && is_numeric(*last)) {
      return first->number == 0 && add_named(*last, words, words.front());
    }
    const bool names =
        std::all_of(words.begin() + 1, words.end(), [](std::string_view w) { return is_host_name(w); });
    if (!names) return false;
    if (is_own_entry(words)) {
      own_lines_.push_back(line_);
      return true;
    }
    return first && is_numeric(*first) && add_named(*first, words, words[1]);
  }

  /// A machine with its names; a name that is the word of another column, such as a state, is refused.
  bool add_named(const HostSpec& spec, const Words& words, std::string_view name) {
    for (const std::string_view word : words) {
      if (!host_of(word, BareWords::allowed)) return refuse_word(word);
    }
    entries_.push_back({spec, std::string(name), 0, line_});
    return true;
  }

  /// Always true: the line is dealt with.
  bool refuse_word(std::string_view word) {
    const auto host = host_of(word, format_.bare);
    refuse(host ? fmt::format("{} is not understood", in_quotes(word)) : host.error());
    return true;
  }

  /// One host with its options.
  void read_group(const Words& words) {
    const auto spec = host_of(words.front(), format_.bare);
    if (!spec) {
      refuse(spec.error());
      return;
    }
    Entry entry{*spec, "", 0, line_};
    for (std::size_t i = 1; i < words.size(); ++i) {
      if (!read_option(words[i], entry)) return;
    }
    entries_.push_back(std::move(entry));
  }

  bool read_option(std::string_view word, Entry& entry) {
    const std::size_t equals = word.find('=');
    if (equals == std::string_view::npos) {
      refuse(fmt::format("{} is not understood after the host", in_quotes(word)));
      return false;
    }
    const std::string_view key = word.substr(0, equals);
    const auto value = parse_number(word.substr(equals + 1));
    const bool known = key == "slots" || key == "max_slots" || key == "max-slots";
    if (!known || !value || *value < 1 || *value > 65535) {
      refuse(known ? fmt::format("{} needs a number from 1 to 65535", in_quotes(word))
                   : fmt::format("the option {} is not known (slots= and max_slots= are)", in_quotes(word)));
      return false;
    }
    if (key == "slots") entry.slots = static_cast<int>(*value);
    has_slots_ = true;
    return true;
  }

  /// The error if a bare name need not be a host: it shares its line with others, as the cells of a table do,
  /// or stands among numeric addresses, as a heading does, and neither slots nor the same name with a domain
  /// show that it is one.
  Result<void> refuse_unclear_names() const {
    if (unclear_row_ && lines_ > 1) {
      return bad_list(source_, unclear_row_->line,
                      fmt::format("{} may be a host or the cell of a table; {}",
                                  in_quotes(unclear_row_->spec.host), kAdvice));
    }
    std::unordered_set<std::string_view> hosts_with_domain;
    bool numeric = false;
    for (const Entry& entry : entries_) {
      numeric = numeric || is_numeric(entry.spec);
      if (!is_numeric(entry.spec) && !is_bare(entry))
        hosts_with_domain.insert(std::string_view(entry.spec.host).substr(0, entry.spec.host.find('.')));
    }
    const auto unclear = std::ranges::find_if(entries_, [&](const Entry& entry) {
      return is_bare(entry) && entry.slots == 0 && !hosts_with_domain.contains(entry.spec.host);
    });
    if (!numeric || unclear == entries_.end()) return {};
    return bad_list(source_, unclear->line,
                    fmt::format("{} is a host or a heading? Other lines give addresses; give this one an "
                                "address too, or delete it",
                                in_quotes(unclear->spec.host)));
  }

  /// `host:N` are slots if a comment says that this is MPICH's file. It is a port where the list looks like
  /// ssh's (a user, brackets, `slots=`), or N is 22 or more than any machine has cores; else it could be
  /// both.
  Result<void> understand_numbers() {
    if (names_mpich_) {
      for (Entry& entry : entries_) {
        const int number = std::exchange(entry.spec.number, 0);
        if (entry.slots == 0) entry.slots = number;
      }
      return {};
    }
    const Entry* unclear = nullptr;
    for (const Entry& entry : entries_) {
      if (has_slots_ || !entry.spec.user.empty() || entry.spec.bracketed) return {};
      const int number = entry.spec.number;
      if (unclear == nullptr && number != 0 && number != 22 && number <= kMostSlots) unclear = &entry;
    }
    if (unclear == nullptr) return {};
    return bad_list(source_, unclear->line,
                    fmt::format("':{0}' may be slots or a port; write '{1} slots={0}' or, for a port, "
                                "'user@{1}:{0}' (in a machinefile of MPICH write '# MPICH' above)",
                                unclear->spec.number, unclear->spec.host));
  }

  Node node_of(const Entry& entry) const {
    Node node;
    put_host(node, entry.spec);
    node.name = entry.name;
    node.line = entry.line;
    node.slots = entry.slots;
    node.port = static_cast<std::uint16_t>(entry.spec.number);
    return node;
  }

  Listing listing() {
    Listing out;
    out.as_given = true;
    out.slots_add_up =
        format_.hostfile && !several_a_line_ &&
        std::all_of(entries_.begin(), entries_.end(), [](const Entry& e) { return e.name.empty(); });
    out.nodes.reserve(entries_.size());
    for (const Entry& entry : entries_) out.nodes.push_back(node_of(entry));
    if (!own_lines_.empty()) {
      out.notes.push_back(fmt::format("this machine alone (localhost and the like) is named in {}: left out",
                                      lines_text(own_lines_)));
    }
    if (!empty_lines_.empty()) {
      out.notes.push_back(fmt::format("no address in {}: left out", lines_text(empty_lines_)));
    }
    return out;
  }

  std::string_view source_;
  HostListFormat format_;
  int line_ = 0;
  std::deque<Entry> entries_;  ///< a deque, as a million of them are not to be moved when room runs out
  std::size_t lines_ = 0;      ///< that hold hosts and are no rows of addresses
  std::optional<Entry> unclear_row_;  ///< a bare name that is not alone on its line
  std::vector<int> bad_lines_, own_lines_, empty_lines_;
  std::string reason_;
  bool too_many_words_ = false;  ///< in one line
  bool has_slots_ = false;
  bool names_mpich_ = false;
  bool several_a_line_ = false;
};

}  // namespace

Result<Listing> read_host_list(std::string_view text, std::string_view source, HostListFormat format) {
  HostListReader reader(source, format);
  for_each_line(text, [&](std::string_view line, int number) { reader.read_line(line, number); });
  return reader.finish();
}

Result<Listing> read_host_rows(const std::vector<HostRow>& rows, std::string_view source) {
  HostListReader reader(source, {.bare = BareWords::refused, .hostfile = false});
  for (const HostRow& row : rows) reader.read_words(row.words, row.line);
  return reader.finish();
}

}  // namespace ec2mpi
