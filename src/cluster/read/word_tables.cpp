#include "src/cluster/read/word_tables.hpp"

#include <algorithm>
#include <string>
#include <unordered_map>
#include <utility>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cluster/read/state_words.hpp"
#include "ec2mpi/cluster/values/ec2_words.hpp"

namespace ec2mpi {
namespace {

/// A row of a word table: words with blanks between them, and what they mean.
template <class Meaning>
struct WordRow {
  Meaning meaning;
  std::string_view words;
};

constexpr WordRow<Field> kColumnNames[] = {
#include "src/cluster/read/column_names.inc"
};

constexpr bool kRuns = true;
constexpr bool kDoesNotRun = false;
using Use = StateWord::Use;

constexpr WordRow<StateWord> kStateWords[] = {
#include "src/cluster/read/state_words.inc"
};

constexpr WordRow<std::string_view> kNotHosts[] = {
#include "src/cluster/read/not_hosts.inc"
};

constexpr WordRow<NamePart> kNameParts[] = {
#include "src/cluster/read/output_words.inc"
};

/// The meaning of a word in a table; where it stands in several rows, the first one counts.
template <const auto& kRows>
auto meaning_in(std::string_view word) {
  using Meaning = decltype(std::begin(kRows)->meaning);
  static const auto kMeanings = [] {
    std::unordered_map<std::string_view, Meaning> out;
    for (const auto& row : kRows) {
      for (const std::string_view each : words(row.words)) out.emplace(each, row.meaning);
    }
    return out;
  }();
  const auto found = kMeanings.find(word);
  return found == kMeanings.end() ? std::nullopt : std::optional<Meaning>(found->second);
}

}  // namespace

Field field_of_key(std::string_view squashed_label) {
  const auto field = meaning_in<kColumnNames>(squashed_label);
  if (field || !squashed_label.starts_with("is")) return field.value_or(Field::unknown);
  // "isDeleted", "is_ready"
  const auto flag = meaning_in<kColumnNames>(squashed_label.substr(2));
  return flag == Field::state || flag == Field::not_running ? *flag : Field::unknown;
}

Field field_of_label(std::string_view label) {
  // A longer cell is no label; to squash it would only take time.
  constexpr std::size_t kLongest = 100;
  return label.size() > kLongest ? Field::unknown : field_of_key(squashed(label));
}

Field field_of_column(std::string_view label) {
  const Field field = field_of_label(label);
  if (field != Field::unknown) return field;
  // "State (live)": what stands in brackets behind a name explains it.
  if (const std::size_t bracket = label.find('('); bracket != std::string_view::npos)
    return field_of_column(label.substr(0, bracket));
  const std::string key = squashed(label);
  // "InstanceState", "vm_status", "State.Code": the end of a name says what the column holds. EC2 calls the
  // number of a state Code where it stands alone.
  constexpr std::string_view kEndings[] = {"state", "status", "statecode", "statuscode"};
  if (key == "code" || std::ranges::any_of(kEndings, [&](auto ending) { return key.ends_with(ending); }))
    return Field::state;
  // A column may be called by a state, as `running` or `stopped`; its cells then say yes or no.
  const auto state = state_word(label);
  if (!state || state->use != StateWord::Use::anywhere) return field;
  return state->running ? Field::state : Field::not_running;
}

bool is_address_field(Field field) {
  return field >= Field::public_v4;
}

bool may_hold_states(Field field) {
  return field == Field::unknown || field == Field::remark;
}

bool is_second_choice(Field field) {
  return field == Field::elastic_ip || field == Field::host;
}

std::optional<StateWord> state_word(std::string_view text) {
  constexpr std::size_t kLongest = 60;
  // No state has these signs, so that most cells (addresses, dates, types) need no look-up.
  constexpr std::string_view kInNoState = "0123456789./:@";
  if (text == "running") return StateWord{kRuns};
  if (text.empty() || text.size() > kLongest || text.find_first_of(kInNoState) != std::string_view::npos)
    return std::nullopt;
  return meaning_in<kStateWords>(squashed(text));
}

/// The codes of EC2's InstanceState, which a reply may give in the place of the names. The API says that only
/// the low byte counts.
std::string_view name_of_state_code(std::string_view text) {
  constexpr std::pair<unsigned, std::string_view> kCodes[] = {{0, "pending"},        {16, "running"},
                                                              {32, "shutting-down"}, {48, "terminated"},
                                                              {64, "stopping"},      {80, "stopped"}};
  const auto number = parse_number(text);
  for (const auto& [code, name] : kCodes) {
    if (number && *number <= 0xFFFFU && (*number & 0xFFU) == code) return name;
  }
  return text;
}

std::string_view meaning_of_word(std::string_view word) {
  return meaning_in<kNotHosts>(word).value_or("");
}

NamePart part_of_name(std::string_view word) {
  return meaning_in<kNameParts>(word.substr(0, word.find_last_not_of("0123456789") + 1))
      .value_or(NamePart::none);
}

NamePart role_of_name(std::string_view name) {
  // A longer text is no name; its words would only take time.
  constexpr std::size_t kLongest = 100;
  const auto words = words_of_name(name.substr(0, kLongest));
  for (const NamePart role : {NamePart::helper, NamePart::head, NamePart::worker}) {
    if (std::ranges::find(words, role, part_of_name) != words.end()) return role;
  }
  return NamePart::none;
}

}  // namespace ec2mpi
