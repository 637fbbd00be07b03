#pragma once
/// One line that is typed and corrected on a terminal, with earlier lines to choose from. Pure: bytes of keys
/// go in, and text for the terminal comes out.

#include <string>
#include <string_view>
#include <vector>

namespace ec2mpi::cli {

class LineEditor {
 public:
  enum class Event {
    none,  ///< all keys are used up
    line,  ///< Return: text() is complete
    end    ///< Ctrl-D on an empty line
  };

  /// `history`: the oldest line first.
  explicit LineEditor(std::vector<std::string> history = {}) : history_(std::move(history)) {}

  /// Keys that were pressed. next() works through them.
  void feed(std::string_view keys) { keys_ += keys; }
  [[nodiscard]] Event next();

  [[nodiscard]] const std::string& text() const { return text_; }
  /// Begins a new line; the one that was typed becomes the newest of the history, unless it is that already.
  void begin_line(bool remember);
  /// Forgets the typed text, and keys that are still waiting.
  void clear();

  /// What draws the line: it stands in the terminal's last row, and is as wide as the terminal at most.
  [[nodiscard]] std::string drawing(std::string_view prompt, int columns) const;

 private:
  /// The first key of keys_: a character or a whole escape sequence. Empty while its end is missing.
  [[nodiscard]] std::string take_key();
  void press(std::string_view key);
  void press_control(char letter);
  void insert(std::string_view character);
  void erase(std::size_t from, std::size_t to);
  void choose(std::size_t place);
  [[nodiscard]] std::size_t left_of(std::size_t place) const;
  [[nodiscard]] std::size_t right_of(std::size_t place) const;
  [[nodiscard]] std::size_t word_left_of(std::size_t place) const;

  std::vector<std::string> history_;
  std::size_t chosen_ = history_.size();  ///< a place in the history; its size means the new line
  std::string unfinished_;                ///< the new line, while another one is chosen
  std::string keys_;
  std::string text_;
  std::size_t cursor_ = 0;  ///< a byte of text_
};

}  // namespace ec2mpi::cli
