#pragma once
/// The only writer to the terminal. Results go to standard output, messages to standard error.

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ec2mpi/cli/terminal/output_stream.hpp"

namespace ec2mpi::cli {

enum class ColourChoice { automatic, always, never };
/// A stream, and the environment variables about colour.
struct ColourFacts {
  bool is_terminal = false;
  std::string_view kind = {};      ///< $TERM
  std::string_view no_color = {};  ///< $NO_COLOR; empty is as if it were not set (https://no-color.org)
};
[[nodiscard]] bool wants_colour(ColourChoice choice, const ColourFacts& facts);

enum class Colour { none, red, green, yellow, blue, magenta, cyan, dim };

class Console {
 public:
  /// `on_broken` gets the descriptor and the errno of a write that fails, once for each stream.
  Console(const asio::any_io_executor& executor, ColourChoice colour,
          const std::function<void(int, int)>& on_broken);

  /// Whole lines; the end of line is added.
  void result(std::string_view line);
  void talk(std::string_view line);
  /// Lines that may be long, such as those of ps: cut to the width of the terminal, whole elsewhere.
  void result_table(std::string_view lines);
  /// The bytes of a remote program, unchanged.
  void result_bytes(std::string_view bytes);
  void talk_bytes(std::string_view bytes);
  /// All that a remote program printed: a terminal gets its control characters as text.
  void talk_printed(std::string_view bytes);

  /// One line (or several) at the bottom of the terminal that is replaced each time; "" removes it. Nothing
  /// in a pipe.
  void status(const std::string& text);
  [[nodiscard]] bool shows_status() const { return err_.is_terminal(); }

  /// The terminal's other screen, on which only draw_screen() draws, until end_screen().
  void begin_screen();
  void draw_screen(const std::vector<std::pair<Colour, std::string>>& lines);
  void end_screen();
  /// What end_screen() writes, for a program that ends without its event loop.
  static constexpr std::string_view kEndScreen = "\x1b[?25h\x1b[?1049l";

  [[nodiscard]] bool result_is_terminal() const { return out_.is_terminal(); }
  [[nodiscard]] int columns() const;
  [[nodiscard]] int rows() const;

  /// The text in colour where that is wanted on the stream; else the text.
  [[nodiscard]] std::string paint_result(Colour colour, std::string_view text) const;
  [[nodiscard]] std::string paint_talk(Colour colour, std::string_view text) const;

  /// Returns once there is room for more on both streams, or the limit ends.
  [[nodiscard]] asio::awaitable<void> room(Limit limit);
  /// Waits until all is written, at most a few seconds after `stop` is requested.
  [[nodiscard]] asio::awaitable<void> flush(Limit limit);
  [[nodiscard]] const asio::any_io_executor& executor() const { return executor_; }
  /// Closes the streams. Bytes that are not written yet are lost, and nothing can be written afterwards.
  void close();

 private:
  void put(OutputStream& stream, std::string_view text);
  OutputStream& status_stream();

  asio::any_io_executor executor_;
  OutputStream out_;
  OutputStream err_;
  bool colour_out_;
  bool colour_err_;
  std::string status_;
};

}  // namespace ec2mpi::cli
