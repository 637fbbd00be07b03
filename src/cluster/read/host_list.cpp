#include "src/cluster/read/readers.hpp"

#include <algorithm>
#include <deque>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/try.hpp"
#include "ec2mpi/cluster/values/ec2_words.hpp"
#include "src/cluster/read/fields.hpp"

namespace ec2mpi {
namespace {

constexpr int kMostSlots = 192;  // cores of the largest common instances; beyond it `host:N` is a port
// So that 10 MB of "a," take neither seconds nor gigabytes.
constexpr std::size_t kMostHosts = std::size_t{1} << 20U;

struct Entry {
  HostSpec spec;
  std::string name;
  int slots = 0;
  int line = 0;
};

bool is_numeric(const HostSpec& spec) {
  return spec.kind != HostSpec::Kind::name;
}

/// A word that could be a heading, or the cell of a table: it has neither a dot, nor a user, nor EC2's form.
bool is_bare(const Entry& entry) {
  const HostSpec& spec = entry.spec;
  return !is_numeric(spec) && spec.user.empty() && !spec.host.contains('.') &&
         !address_in_private_dns(spec.host + ".ec2.internal");
}

/// Nothing shows that the entry is a host on its own: it may be the name or the address of another one.
bool is_plain(const Entry& entry) {
  return entry.slots == 0 && entry.spec.number == 0 && entry.spec.user.empty();
}

/// A bare word that no port or slots show to be a host.
bool is_unclear(const Entry& entry) {
  return is_plain(entry) && is_bare(entry);
}

struct Word {
  std::string_view text;
  bool begins_entry = true;  ///< at the start of the line, or behind a comma or semicolon
};
using Words = std::vector<Word>;

/// The end of the word at `at`; "slots = 4", which Open MPI allows, is one word.
std::size_t end_of_word(std::string_view line, std::size_t at) {
  while (true) {
    const std::size_t end = std::min(line.find_first_of(" \t,;", at), line.size());
    const std::size_t next = line.find_first_not_of(" \t", end);
    if (next == std::string_view::npos || next == end || line[next] == ',' || line[next] == ';') return end;
    if (line[next] != '=' && line[end - 1] != '=') return end;
    at = next;
  }
}

std::string_view without_quotes(std::string_view word) {
  const bool quoted = word.size() >= 2 && (word.front() == '"' || word.front() == '\'');
  return quoted && word.back() == word.front() ? word.substr(1, word.size() - 2) : word;
}

/// The words of a line, up to the most hosts that a list may have.
void split_words(std::string_view line, Words& out) {
  out.clear();
  bool begins_entry = true;
  for (std::size_t at = 0; at < line.size() && out.size() < kMostHosts;) {
    const bool comma = line[at] == ',' || line[at] == ';';
    if (comma || line[at] == ' ' || line[at] == '\t') {
      begins_entry = begins_entry || comma;
      ++at;
      continue;
    }
    const std::size_t end = end_of_word(line, at);
    out.push_back({without_quotes(line.substr(at, end - at)), begins_entry});
    begins_entry = false;
    at = end;
  }
}

/// "1." or "1)", by which people number lines.
bool is_number_of_line(std::string_view word) {
  return word.size() > 1 && (word.back() == '.' || word.back() == ')') &&
         parse_number(word.substr(0, word.size() - 1)).has_value();
}

/// Entries of a hosts file that name this machine or no machine at all.
bool is_own_entry(const Words& words) {
  const std::string_view address = words.front().text;
  // The lines of /etc/hosts for broadcast and for the networks of IPv6.
  if (address == "255.255.255.255" || address.starts_with("fe00:") || address.starts_with("ff0")) return true;
  return (names_this_machine(address) && is_numeric_address(address)) ||
         std::any_of(words.begin() + 1, words.end(),
                     [](const Word& word) { return names_this_machine(word.text); });
}

/// The sign behind which the line may hold a comment of an INI file or SQL, and not another host.
std::string_view sign_within(std::string_view line) {
  for (const std::string_view sign : {" ;", "\t;", " -- "}) {
    const std::size_t at = line.find(sign);
    if (at != std::string_view::npos && !trim(line.substr(at + sign.size())).empty() &&
        !trim(line.substr(0, at)).empty())
      return trim(line.substr(at, sign.size()));
  }
  return {};
}

class HostListReader {
 public:
  explicit HostListReader(HostListFormat format) : format_(format) {}

  void read_line(std::string_view line, int number) {
    if (number <= format_.header_line || too_many()) return;
    const std::string_view code = without_comment(line);
    // A machinefile of MPICH has `host:slots`; only a comment can say that this is one.
    if (code.size() < line.size())
      names_mpich_ = names_mpich_ || squashed(line.substr(code.size())).find("mpich") != std::string::npos;
    if (const auto sign = sign_within(code); !sign.empty()) {
      line_ = number;
      reject(fmt::format(kCommentBehind, in_quotes(sign)));
      return;
    }
    split_words(code, words_);
    if (words_.size() > 1 && is_number_of_line(words_.front().text) && !words_[1].begins_entry) {
      words_.erase(words_.begin());
      words_.front().begins_entry = true;
    }
    read_words(number);
  }

  void read_cells(Cells cells, int number) {
    if (too_many()) return;
    words_.clear();
    for (const std::string_view cell : cells) words_.push_back({cell, words_.empty()});
    read_words(number);
  }

  Read<Listing> finish() {
    if (too_many()) return refuse(line_, kMillionHosts);
    if (!bad_lines_.empty()) return bad();
    // One line "name, address" may be a line of two hosts; several such lines are a table.
    if (name_behind_comma_ != 0 && named_lines_ == 1) return refuse(name_behind_comma_, kHostLine, kMixed);
    TRY(refuse_unclear_words());
    TRY(refuse_split_machines());
    TRY(understand_numbers());
    return listing();
  }

 private:
  [[nodiscard]] bool too_many() const { return std::max(words_.size(), entries_.size()) >= kMostHosts; }

  /// Keeps the reason of the first bad line; the error gives the numbers of the others. Always false: the
  /// line is at its end.
  bool reject(std::string reason) {
    if (bad_lines_.empty()) reason_ = std::move(reason);
    if (bad_lines_.empty() || bad_lines_.back() != line_) bad_lines_.push_back(line_);
    return false;
  }

  std::unexpected<Refusal> bad() const {
    const int line = bad_lines_.front();
    if (bad_lines_.size() == 1) return refuse(line, kHostLine, reason_);
    const std::string others = lines_text({bad_lines_.begin() + 1, bad_lines_.end()});
    return refuse(line, kHostLine, fmt::format(kMoreSuch, reason_, others));
  }

  void read_words(int number) {
    if (words_.empty()) return;
    line_ = number;
    // The surest reading first: addresses alone, then a line of hosts(5), then hosts with options.
    if (read_addresses() || read_hosts_entry()) return;
    ++lines_;
    const std::size_t first = entries_.size();
    for (const Word& word : words_) {
      if (!(word.begins_entry ? read_host(word.text) : read_option(word.text))) return;
    }
    if (entries_.size() > first + 1) check_row(first);
  }

  /// Several hosts in a line, from entry `first` on, could be the cells of a table.
  void check_row(std::size_t first) {
    bool numeric = false, named = false;
    for (std::size_t i = first; i < entries_.size(); ++i) {
      const Entry& entry = entries_[i];
      if (!unclear_row_ && is_unclear(entry)) unclear_row_ = entry;
      if (is_plain(entry)) (is_numeric(entry.spec) ? numeric : named) = true;
    }
    if (numeric && named) reject(std::string(kMixed));
  }

  /// True if all words are addresses or stand for "none".
  bool read_addresses() {
    const std::size_t first = entries_.size();
    for (const auto& [word, begins_entry] : words_) {
      if (is_blank_cell(word)) continue;
      auto spec = parse_host_spec(word);
      if (!spec || !is_numeric(*spec) || names_this_machine(spec->host)) {
        // The line holds other things than addresses, so the addresses of it are taken back.
        entries_.resize(first);
        return spec && is_numeric(*spec) && words_.size() == 1 && !reject_word(word);
      }
      entries_.push_back({std::move(*spec), "", 0, line_});
    }
    const std::size_t count = entries_.size() - first;
    if (count == 0 && format_.header_line == 0) return !reject_word(words_.front().text);
    if (count == 0) empty_lines_.push_back(line_);
    several_a_line_ = several_a_line_ || count > 1;
    for (std::size_t i = first + 1; i < entries_.size(); ++i) {
      // "10.0.0.1 54.1.2.3" may be one machine with two addresses, or two machines.
      if (entries_[i].spec.kind != entries_[first].spec.kind) reject(std::string(kMixedKinds));
    }
    return true;
  }

  /// `address name [alias...]` of hosts(5), or `name address`.
  bool read_hosts_entry() {
    if (words_.size() < 2) return false;
    const std::string_view name = words_.front().text;
    const auto first = parse_host_spec(name);
    const auto last = parse_host_spec(words_.back().text);
    if (words_.size() == 2 && first && last && !is_numeric(*first) && is_numeric(*last))
      return first->number == 0 && add_named(*last, name);
    const bool names = std::all_of(words_.begin() + 1, words_.end(),
                                   [](const Word& word) { return is_host_name(word.text); });
    if (!names) return false;
    if (is_own_entry(words_)) {
      own_lines_.push_back(line_);
      return true;
    }
    return first && is_numeric(*first) && add_named(*first, words_[1].text);
  }

  /// Always true. A machine may have the name of a column or a file, but a state is none.
  bool add_named(const HostSpec& spec, std::string_view name) {
    for (const Word& word : words_) {
      if (is_word_of_other_column(word.text)) return !reject_word(word.text);
    }
    if (names_this_machine(spec.host)) return !reject_word(spec.host);
    ++named_lines_;
    if (std::any_of(words_.begin() + 1, words_.end(), [](const Word& word) { return word.begins_entry; })) {
      // "a.example.org, 10.0.0.1": the name may be a separate host.
      if (name.contains('.')) reject(std::string(kMixed));
      name_behind_comma_ = line_;
    }
    entries_.push_back({spec, std::string(name), 0, line_});
    return true;
  }

  bool reject_word(std::string_view word) {
    const auto host = host_of(word, format_.bare);
    return reject(host ? fmt::format(kNotUnderstood, in_quotes(word)) : host.error());
  }

  bool read_host(std::string_view word) {
    auto spec = host_of(word, format_.bare);
    if (!spec) return reject_word(word);
    entries_.push_back({std::move(*spec), "", 0, line_});
    return true;
  }

  bool read_option(std::string_view word) {
    const std::size_t equals = word.find('=');
    if (equals == std::string_view::npos)
      return parse_number(word) ? reject(fmt::format(kNumberAfterHost, in_quotes(word)))
                                : reject(fmt::format(kAfterHost, in_quotes(word)));
    const std::string_view key = trim(word.substr(0, equals));
    const auto value = parse_number(trim(word.substr(equals + 1)));
    if (key != "slots" && key != "max_slots" && key != "max-slots")
      return reject(fmt::format(kUnknownOption, in_quotes(word)));
    if (!value || *value < 1 || *value > 65535) return reject(fmt::format(kNoSlots, in_quotes(word)));
    if (key == "slots" && entries_.back().slots != 0)
      return reject(fmt::format(kSlotsTwice, in_quotes(word)));
    // Open MPI's max_slots is understood, but ec2mpi has no use for it.
    if (key == "slots") entries_.back().slots = static_cast<int>(*value);
    has_slots_ = true;
    return true;
  }

  /// The error if a bare word need not be a host, and the same name with a domain does not show that it is
  /// one: it shares its line with others, as the cells of a table do, or other entries are no bare words.
  Read<void> refuse_unclear_words() const {
    if (unclear_row_ && lines_ > 1) {
      return refuse(unclear_row_->line, kHostLine,
                    fmt::format(kHostOrCell, in_quotes(unclear_row_->spec.host)));
    }
    if (std::ranges::none_of(entries_, is_unclear)) return {};
    std::unordered_set<std::string_view> hosts_with_domain;
    bool others = false;
    for (const Entry& entry : entries_) {
      if (is_bare(entry)) continue;
      others = true;
      const std::string_view host = entry.spec.host;
      if (!is_numeric(entry.spec)) hosts_with_domain.insert(host.substr(0, host.find('.')));
    }
    const auto unclear = std::ranges::find_if(entries_, [&](const Entry& entry) {
      return is_unclear(entry) && !hosts_with_domain.contains(entry.spec.host);
    });
    if (!others || unclear == entries_.end()) return {};
    return refuse(unclear->line, kHostOrHeading, unclear->spec.host);
  }

  /// The error if one name stands for addresses of different kinds: those of one machine, as in hosts(5),
  /// which would be two nodes.
  Read<void> refuse_split_machines() const {
    std::unordered_map<std::string_view, HostSpec::Kind> kinds;
    for (const Entry& entry : entries_) {
      if (entry.name.empty()) continue;
      if (kinds.emplace(entry.name, entry.spec.kind).first->second != entry.spec.kind)
        return refuse(entry.line, kSplitMachine, in_quotes(entry.name));
    }
    return {};
  }

  /// `host:N` are slots if a comment says that this is MPICH's file. It is a port where the list looks like
  /// ssh's (a user, brackets, `slots=`), or N is 22 or more than any machine has cores; else it could be
  /// both.
  Read<void> understand_numbers() {
    if (names_mpich_) {
      for (Entry& entry : entries_) {
        const int number = std::exchange(entry.spec.number, 0);
        if (entry.slots == 0) entry.slots = number;
      }
      return {};
    }
    const Entry* unclear = nullptr;
    for (const Entry& entry : entries_) {
      // One such entry decides for the whole list: a file is written in one style.
      if (has_slots_ || !entry.spec.user.empty() || entry.spec.bracketed) return {};
      const int number = entry.spec.number;
      if (unclear == nullptr && number != 0 && number != 22 && number <= kMostSlots) unclear = &entry;
    }
    if (unclear == nullptr) return {};
    return refuse(unclear->line, kSlotsOrPort, unclear->spec.number, unclear->spec.host);
  }

  Listing listing() {
    Listing out;
    out.as_given = true;
    // A repeated host adds a slot in a hostfile; a list with names or several hosts a line is none.
    out.slots_add_up = format_.hostfile && !several_a_line_ &&
                       std::ranges::all_of(entries_, [](const Entry& e) { return e.name.empty(); });
    out.nodes.reserve(entries_.size());
    for (Entry& entry : entries_) {
      Node& node = out.nodes.emplace_back();
      put_host(node, entry.spec);
      node.name = std::move(entry.name);
      node.line = entry.line;
      node.slots = entry.slots;
      node.port = static_cast<std::uint16_t>(entry.spec.number);
    }
    if (!own_lines_.empty()) out.notes.push_back(fmt::format(kOwnEntries, lines_text(own_lines_)));
    if (!empty_lines_.empty()) out.notes.push_back(fmt::format(kWithoutAddress, lines_text(empty_lines_)));
    return out;
  }
  HostListFormat format_;
  int line_ = 0;
  Words words_;                ///< of the line
  std::deque<Entry> entries_;  ///< a deque, as a million of them are not to be moved when room runs out
  std::size_t lines_ = 0;      ///< that hold hosts and are no rows of addresses
  std::optional<Entry> unclear_row_;  ///< a bare word that is not alone on its line
  std::vector<int> bad_lines_, own_lines_, empty_lines_;
  std::string reason_;
  int named_lines_ = 0;        ///< that hold a name and an address
  int name_behind_comma_ = 0;  ///< the last line in which a comma stands between them
  bool has_slots_ = false;
  bool names_mpich_ = false;
  bool several_a_line_ = false;
};

}  // namespace

Read<Listing> read_host_list(std::string_view text, HostListFormat format) {
  HostListReader reader(format);
  for_each_line(text, [&](std::string_view line, int number) { reader.read_line(line, number); });
  return reader.finish();
}

/// Values of JSON are no hostfile: a bare word is no host there, and a repetition adds no slot.
Read<Listing> read_host_rows(const Table& table) {
  HostListReader reader({.bare = BareWords::refused, .hostfile = false});
  for (std::size_t i = 0; i < table.rows.size(); ++i) reader.read_cells(table.row(i), table.rows[i].line);
  return reader.finish();
}

}  // namespace ec2mpi
