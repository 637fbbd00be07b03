#include "ec2mpi/cli/terminal/console.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <algorithm>
#include <cstdlib>
#include <utility>

#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cli/terminal/diverted_results.hpp"
#include "ec2mpi/cli/terminal/standard_output.hpp"
#include "ec2mpi/cli/terminal/visible_controls.hpp"

namespace ec2mpi::cli {

namespace {

std::string_view variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view() : value;
}

ColourFacts colour_facts(const OutputStream& stream) {
  return {.is_terminal = stream.is_terminal(), .kind = variable("TERM"), .no_color = variable("NO_COLOR")};
}

std::string paint(bool wanted, Colour colour, std::string_view text) {
  // SGR codes (ECMA-48), in the order of Colour.
  static constexpr const char* kCodes[] = {"", "31", "32", "33", "34", "35", "36", "2"};
  if (!wanted || colour == Colour::none) return std::string(text);
  return fmt::format("\x1b[{}m{}\x1b[0m", kCodes[static_cast<std::size_t>(colour)], text);
}

/// Erases from the first shown line to the end of the screen.
std::string erase(std::string_view shown) {
  const auto above = std::count(shown.begin(), shown.end(), '\n');
  return above == 0 ? "\r\x1b[K" : fmt::format("\r\x1b[{}A\x1b[J", above);
}

/// At most `width` columns, cut between characters, so that the line can be erased again. Counts code points.
std::string cut_to(std::string_view line, int width) {
  int columns = 0;
  std::size_t end = 0;
  while (end < line.size()) {
    const bool starts_character = (static_cast<unsigned char>(line[end]) & 0xc0) != 0x80;
    if (starts_character && columns++ == width) break;
    ++end;
  }
  return std::string(line.substr(0, end));
}

}  // namespace

bool wants_colour(ColourChoice choice, const ColourFacts& facts) {
  if (choice != ColourChoice::automatic) return choice == ColourChoice::always;
  // no-color.org: the variable counts if it is not empty.
  return facts.is_terminal && !facts.kind.empty() && facts.kind != "dumb" && facts.no_color.empty();
}

Console::Console(const asio::any_io_executor& executor, ColourChoice colour,
                 const std::function<void(int, int)>& on_broken)
    : executor_(executor),
      out_(executor, STDOUT_FILENO, [on_broken](int error) { on_broken(STDOUT_FILENO, error); }),
      err_(executor, STDERR_FILENO, [on_broken](int error) { on_broken(STDERR_FILENO, error); }),
      colour_out_(wants_colour(colour, colour_facts(out_))),
      colour_err_(wants_colour(colour, colour_facts(err_))) {}

OutputStream& Console::status_stream() {
  return out_.is_terminal() ? out_
                            : err_;  // one stream for lines and status, or they would overtake each other
}

void Console::put(OutputStream& stream, std::string_view text) {
  note_output(&stream == &out_ ? STDOUT_FILENO : STDERR_FILENO, text);
  if (status_.empty() || !stream.is_terminal()) {
    (stream.is_terminal() ? status_stream() : stream).write(text);
    return;
  }
  // The status stays below all lines: it is erased, and drawn again behind the line.
  status_stream().write(fmt::format("{}{}{}", erase(status_), text, status_));
}

void Console::result(std::string_view line) {
  put(results_are_diverted() ? err_ : out_, std::string(line) + "\n");
}
void Console::talk(std::string_view line) {
  put(err_, std::string(line) + "\n");
}
void Console::result_bytes(std::string_view bytes) {
  put(results_are_diverted() ? err_ : out_, bytes);
}
void Console::talk_bytes(std::string_view bytes) {
  put(err_, bytes);
}

void Console::talk_printed(std::string_view bytes) {
  VisibleControls visible;
  put(err_, shows_status() ? visible.feed(bytes) + visible.finish() : std::string(bytes));
}

void Console::result_table(std::string_view lines) {
  if (!result_is_terminal()) return result_bytes(lines);
  std::string cut;
  for (const auto line : split(trim(lines), '\n')) cut += cut_to(line, columns()) + "\n";
  result_bytes(cut);
}

void Console::status(const std::string& text) {
  // Such a terminal cannot erase what was drawn.
  if (variable("TERM") == "dumb") return;
  // A slow terminal misses some states, but never the end of the status.
  if (!shows_status() || (status_stream().is_behind() && !text.empty())) return;
  std::string now;
  // One column less, since many terminals wrap in the last one.
  for (const auto line : split(text, '\n')) now += (now.empty() ? "" : "\n") + cut_to(line, columns() - 1);
  if (now == status_) return;
  const auto before = std::exchange(status_, std::move(now));
  status_stream().write(erase(before) + status_);
}

int Console::columns() const {
  // Standard output may be a pipe while the status is on the terminal.
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

int Console::rows() const {
  // The screen is drawn on standard output.
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0) return size.ws_row;
  return 24;
}

void Console::begin_screen() {
  // xterm: the alternate screen, and no cursor.
  out_.write("\x1b[?1049h\x1b[?25l");
}
void Console::end_screen() {
  out_.write(kEndScreen);
}

void Console::draw_screen(const std::vector<std::pair<Colour, std::string>>& lines) {
  // A slow terminal gets fewer pictures.
  if (out_.is_behind()) return;
  // Over the old screen instead of a cleared one, so that nothing flickers.
  std::string text = "\x1b[H";
  const auto fitting = std::min(lines.size(), static_cast<std::size_t>(rows()));
  for (std::size_t i = 0; i < fitting; ++i) {
    const auto& [colour, line] = lines[i];
    text += (i == 0 ? "" : "\n") + paint_result(colour, cut_to(line, columns())) + "\x1b[K";
  }
  out_.write(text + "\x1b[J");
}

std::string Console::paint_result(Colour colour, std::string_view text) const {
  return paint(colour_out_, colour, text);
}
std::string Console::paint_talk(Colour colour, std::string_view text) const {
  return paint(colour_err_, colour, text);
}

asio::awaitable<void> Console::room(Limit limit) {
  co_await out_.room(limit);
  co_await err_.room(limit);
}

void Console::close() {
  out_.close();
  err_.close();
}

asio::awaitable<void> Console::flush(Limit limit) {
  co_await out_.flush(limit);
  co_await err_.flush(limit);
}

}  // namespace ec2mpi::cli
