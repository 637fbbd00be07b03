#include "src/cluster/read/column_names.hpp"

#include <string>

#include "ec2mpi/cluster/read/state_words.hpp"
#include "ec2mpi/cluster/values/ec2_words.hpp"
#include "src/cluster/read/word_map.hpp"

namespace ec2mpi {
namespace {

constexpr WordRow<Field> kColumnNames[] = {
#include "src/cluster/read/column_names.inc"
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

}  // namespace ec2mpi
