#include "ec2mpi/cli/terminal/line_editor.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <utility>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/base/utf8.hpp"

namespace ec2mpi::cli {

namespace {

constexpr char kEscape = '\x1b';
constexpr std::size_t kLongestSequence = 16;  // of an escape sequence; a longer one is not from a keyboard

std::size_t bytes_of_character(char first) {
  const auto byte = static_cast<unsigned char>(first);
  // Bytes that begin no character (0x80 to 0xbf) count, too, as one.
  if (byte < 0xC0) return 1;
  if (byte < 0xE0) return 2;
  return byte < 0xF0 ? 3 : 4;
}

/// Bytes of the escape sequence at the beginning of `keys`; 0 while its end is missing. ESC [ parameters
/// letter, ESC O letter, or ESC and a key.
std::size_t sequence_length(std::string_view keys) {
  if (keys.size() < 2) return 0;
  if (keys[1] == 'O') return keys.size() < 3 ? 0 : 3;
  if (keys[1] != '[') return 2;
  for (std::size_t i = 2; i < keys.size(); ++i)
    if (keys[i] >= '@' && keys[i] <= '~') return i + 1;
  return keys.size() > kLongestSequence ? keys.size() : 0;
}

/// The control key that does the same as a key which sends an escape sequence.
char control_of(std::string_view sequence) {
  // Cursor keys, Home, End and Delete as xterm, VT220 and rxvt send them.
  static constexpr std::pair<std::string_view, char> kKeys[] = {
      {"\x1b[A", 'P'},  {"\x1b[B", 'N'},  {"\x1b[C", 'F'},  {"\x1b[D", 'B'},  {"\x1b[H", 'A'},
      {"\x1b[F", 'E'},  {"\x1bOA", 'P'},  {"\x1bOB", 'N'},  {"\x1bOC", 'F'},  {"\x1bOD", 'B'},
      {"\x1bOH", 'A'},  {"\x1bOF", 'E'},  {"\x1b[1~", 'A'}, {"\x1b[4~", 'E'}, {"\x1b[7~", 'A'},
      {"\x1b[8~", 'E'}, {"\x1b[3~", 'D'},
  };
  const auto* const found = std::ranges::find(kKeys, sequence, &std::pair<std::string_view, char>::first);
  return found == std::end(kKeys) ? '\0' : found->second;
}

}  // namespace

/// One key: a character of UTF-8, a control character or an escape sequence. Empty until it is whole.
std::string LineEditor::take_key() {
  if (keys_.empty()) return {};
  const auto length = keys_[0] == kEscape ? sequence_length(keys_) : bytes_of_character(keys_[0]);
  // The rest of the key has not arrived yet.
  if (length == 0 || length > keys_.size()) return {};
  auto key = keys_.substr(0, length);
  keys_.erase(0, length);
  return key;
}

LineEditor::Event LineEditor::next() {
  for (auto key = take_key(); !key.empty(); key = take_key()) {
    if (key == "\r" || key == "\n") return Event::line;
    // As in the shells: at an empty line, Ctrl-D is the end of the input; elsewhere it deletes.
    if (key == "\x04" && text_.empty()) return Event::end;
    press(key);
  }
  return Event::none;
}

void LineEditor::press(std::string_view key) {
  const auto first = static_cast<unsigned char>(key[0]);
  if (key[0] == kEscape)
    press_control(control_of(key));
  else if (first == 0x7f)
    // Most terminals send this for the backspace key.
    press_control('H');
  else if (first < 0x20)
    // Ctrl-A is 1, that is 'A' - '@'.
    press_control(static_cast<char>(first + '@'));
  else
    insert(key);
}

/// As in the shells, in their Emacs mode.
void LineEditor::press_control(char letter) {
  switch (letter) {
    case 'A':
      cursor_ = 0;
      break;
    case 'E':
      cursor_ = text_.size();
      break;
    case 'B':
      cursor_ = left_of(cursor_);
      break;
    case 'F':
      cursor_ = right_of(cursor_);
      break;
    case 'H':
      erase(left_of(cursor_), cursor_);
      break;
    case 'D':
      erase(cursor_, right_of(cursor_));
      break;
    case 'U':
      erase(0, cursor_);
      break;
    case 'K':
      erase(cursor_, text_.size());
      break;
    case 'W':
      erase(word_left_of(cursor_), cursor_);
      break;
    case 'P':
      choose(chosen_ == 0 ? 0 : chosen_ - 1);
      break;
    case 'N':
      choose(std::min(chosen_ + 1, history_.size()));
      break;
    default:
      break;
  }
}

void LineEditor::insert(std::string_view character) {
  text_.insert(cursor_, character);
  cursor_ += character.size();
}

void LineEditor::erase(std::size_t from, std::size_t to) {
  text_.erase(from, to - from);
  cursor_ = from;
}

/// A place in the history; the one behind its end is the line that is being typed.
void LineEditor::choose(std::size_t place) {
  if (place == chosen_) return;
  // The line that is being typed waits while older ones are shown.
  if (chosen_ == history_.size()) unfinished_ = text_;
  chosen_ = place;
  text_ = place == history_.size() ? unfinished_ : history_[place];
  cursor_ = text_.size();
}

/// By whole characters: the bytes of one must not be separated.
std::size_t LineEditor::left_of(std::size_t place) const {
  if (place == 0) return 0;
  do --place;
  while (place > 0 && !begins_character(text_[place]));
  return place;
}

std::size_t LineEditor::right_of(std::size_t place) const {
  if (place == text_.size()) return place;
  do ++place;
  while (place < text_.size() && !begins_character(text_[place]));
  return place;
}

// As Ctrl-W of the shells: only blanks separate words.
std::size_t LineEditor::word_left_of(std::size_t place) const {
  while (place > 0 && text_[place - 1] == ' ') --place;
  while (place > 0 && text_[place - 1] != ' ') --place;
  return place;
}

void LineEditor::begin_line(bool remember) {
  const bool repeated = !history_.empty() && history_.back() == text_;
  if (remember && !repeated) history_.push_back(text_);
  chosen_ = history_.size();
  text_.clear();
  unfinished_.clear();
  cursor_ = 0;
}

void LineEditor::clear() {
  keys_.clear();
  begin_line(false);
}

std::string LineEditor::drawing(std::string_view prompt, int columns) const {
  const auto width = static_cast<std::size_t>(std::max(columns, 20)) - 1;
  const auto room = width - std::min(width / 2, characters_in(prompt));
  // A line that is too long shows the part that ends at the cursor.
  std::size_t begin = 0;
  while (characters_in(std::string_view(text_).substr(begin, cursor_ - begin)) > room)
    begin = right_of(begin);
  std::size_t end = cursor_;
  while (end < text_.size() && characters_in(std::string_view(text_).substr(begin, end - begin)) < room)
    end = right_of(end);
  const auto behind = characters_in(std::string_view(text_).substr(cursor_, end - cursor_));
  return fmt::format("\r{}{}\x1b[K{}", prompt, printable(std::string_view(text_).substr(begin, end - begin)),
                     behind == 0 ? "" : fmt::format("\x1b[{}D", behind));
}

}  // namespace ec2mpi::cli
