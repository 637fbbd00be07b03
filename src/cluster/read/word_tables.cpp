#include "src/cluster/read/word_tables.hpp"

#include <string>
#include <unordered_map>

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

/// Where a word stands in several rows, the first one counts.
template <class Meaning, std::size_t N>
std::unordered_map<std::string_view, Meaning> word_map(const WordRow<Meaning> (&rows)[N]) {
  std::unordered_map<std::string_view, Meaning> out;
  for (const WordRow<Meaning>& row : rows) {
    for (const std::string_view word : words(row.words)) out.emplace(word, row.meaning);
  }
  return out;
}

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

}  // namespace

Field field_of_key(std::string_view squashed_label) {
  static const auto kFields = word_map(kColumnNames);
  const auto found = kFields.find(squashed_label);
  return found == kFields.end() ? Field::unknown : found->second;
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
  // "InstanceState", "vm_status": the last word of a name says what the column holds.
  if (key.ends_with("state") || key.ends_with("status")) return Field::state;
  // A column may be called by a state, as `running` or `stopped`; its cells then say yes or no.
  const auto state = state_word(label);
  if (!state || state->use != StateWord::Use::anywhere) return field;
  return state->running ? Field::state : Field::not_running;
}

bool is_address_field(Field field) {
  return field >= Field::public_v4;
}

/// Columns whose names do not say whether they hold states: the cells decide.
bool may_hold_states(Field field) {
  return field == Field::unknown || field == Field::remark;
}

/// Read after the other cells of a row: an address of these counts only where no other is given.
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
  static const auto kStates = word_map(kStateWords);
  const auto found = kStates.find(squashed(text));
  return found == kStates.end() ? std::nullopt : std::optional(found->second);
}

/// The codes of EC2's InstanceState, which a query may give in the place of the names.
std::string_view name_of_state_code(std::string_view text) {
  constexpr std::string_view kCodes[][2] = {{"0", "pending"},     {"16", "running"},  {"32", "shutting-down"},
                                            {"48", "terminated"}, {"64", "stopping"}, {"80", "stopped"}};
  for (const auto& [code, name] : kCodes) {
    if (text == code) return name;
  }
  return text;
}

std::string_view meaning_of_word(std::string_view word) {
  static const auto kMeanings = word_map(kNotHosts);
  const auto found = kMeanings.find(word);
  return found == kMeanings.end() ? std::string_view() : found->second;
}

NamePart part_of_name(std::string_view word) {
  static const auto kParts = word_map(kNameParts);
  const auto found = kParts.find(word.substr(0, word.find_last_not_of("0123456789") + 1));
  return found == kParts.end() ? NamePart::none : found->second;
}

}  // namespace ec2mpi
