#include "ec2mpi/base/json_tape.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

namespace ec2mpi {
namespace {

constexpr std::size_t kMostDepth = 64;  // describe-instances nests 8 deep

/// Where the parser is in the text; it reads through iterators that move this along.
struct Position {
  const char* next = nullptr;
  const char* end = nullptr;
  int line = 1;
};

/// Two iterators are equal if both are at the end or neither is, as for
/// std::istream_iterator; the parser asks for nothing else.
class TextIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = void;
  using reference = const char&;

  TextIterator() = default;
  explicit TextIterator(Position& position) : position_(&position) {}

  reference operator*() const { return *position_->next; }
  TextIterator& operator++() {
    if (*position_->next == '\n') ++position_->line;
    ++position_->next;
    return *this;
  }
  friend bool operator==(const TextIterator& a, const TextIterator& b) { return a.at_end() == b.at_end(); }

 private:
  [[nodiscard]] bool at_end() const { return position_ == nullptr || position_->next == position_->end; }

  Position* position_ = nullptr;
};

}  // namespace

/// Receives the parser's events.
class TapeWriter {
  using Kind = JsonTape::Kind;

 public:
  explicit TapeWriter(const Position& position) : position_(position) {}

  bool null() { return scalar(Kind::null, ""); }
  bool boolean(bool value) { return scalar(Kind::scalar, value ? "true" : "false"); }
  bool number_integer(std::int64_t value) { return scalar(Kind::scalar, fmt::to_string(value)); }
  bool number_unsigned(std::uint64_t value) { return scalar(Kind::scalar, fmt::to_string(value)); }
  // The digits as they stand in the text: a double would change them.
  bool number_float(double, const std::string& digits) { return scalar(Kind::scalar, digits); }
  // Escapes of JSON can make any character, so strings are cleaned only here, behind the parser.
  bool string(std::string& value) { return scalar(Kind::string, clean_text(value)); }
  template <class Bytes>
  bool binary(Bytes&) {
    return false;  // only in CBOR and the like
  }
  bool start_object(std::size_t) { return open(Kind::object); }
  bool start_array(std::size_t) { return open(Kind::array); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }
  bool key(std::string& value) {
    key_ = clean_text(value);
    return true;
  }
  template <class Exception>
  bool parse_error(std::size_t, const std::string&, const Exception& error) {
    problem_ = error.what();
    return false;
  }

  [[nodiscard]] const std::string& problem() const { return problem_; }
  [[nodiscard]] JsonTape take() { return std::move(tape_); }

 private:
  /// All texts lie in one string, because a list of 100,000 nodes has millions of them.
  void store(std::string_view text, std::size_t& begin, std::size_t& size) {
    begin = tape_.texts_.size();
    size = text.size();
    tape_.texts_ += text;
  }

  void add(Kind kind) {
    JsonTape::Value value;
    value.kind = kind;
    value.line = position_.line;
    // For a scalar; close() sets the end of a container.
    value.end = tape_.values_.size() + 1;
    store(key_, value.key, value.key_size);
    key_.clear();
    tape_.values_.push_back(value);
  }

  bool scalar(Kind kind, std::string_view text) {
    add(kind);
    store(text, tape_.values_.back().text, tape_.values_.back().text_size);
    return true;
  }

  bool open(Kind kind) {
    // The readers of the tape are recursive, so a hostile list must not choose the depth.
    if (open_.size() == kMostDepth) problem_ = "it is nested too deeply";
    if (open_.size() == kMostDepth) return false;
    open_.push_back(tape_.values_.size());
    add(kind);
    return true;
  }

  /// From here on, the container's end is known, and a reader can skip it.
  bool close() {
    tape_.values_[open_.back()].end = tape_.values_.size();
    open_.pop_back();
    return true;
  }

  const Position& position_;
  JsonTape tape_;
  std::vector<std::size_t> open_;
  std::string key_;
  std::string problem_;
};

namespace {

/// The library's message without its prefix "[json.exception.parse_error.101] parse error at line 1, column
/// 2: ".
std::string_view without_prefix(std::string_view problem) {
  const std::size_t colon = problem.find(": ", std::min(problem.find("column "), problem.size()));
  return colon == std::string_view::npos ? problem : problem.substr(colon + 2);
}

}  // namespace

std::expected<JsonTape, TextFault> read_json(std::string_view text) {
  Position position{text.data(), text.data() + text.size(), 1};
  TapeWriter writer(position);
  while (true) {
    while (position.next != position.end && std::string_view(" \t\n").contains(*position.next)) {
      if (*position.next++ == '\n') ++position.line;
    }
    if (position.next == position.end) return writer.take();
    // Not strict, for `jq -c` writes one value behind the other.
    if (nlohmann::json::sax_parse(TextIterator(position), TextIterator(), &writer,
                                  nlohmann::json::input_format_t::json, /*strict=*/false))
      continue;
    // A sign that does not belong at the end, as in `["a",]`, is no missing end.
    const bool cut_off = position.next == position.end && !writer.problem().contains(" - unexpected '");
    return std::unexpected(
        TextFault{position.line, cut_off ? "" : std::string(without_prefix(writer.problem()))});
  }
}

}  // namespace ec2mpi
