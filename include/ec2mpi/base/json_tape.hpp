#pragma once

#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ec2mpi/base/plain_text.hpp"

namespace ec2mpi {

/// JSON values one after the other, as they stand in the text: a container is followed by its content. Flat,
/// so that hostile nesting costs no stack and a value no allocation.
class JsonTape {
 public:
  enum class Kind { null, scalar, string, array, object };

  struct Value {
    Kind kind = Kind::null;
    int line = 0;
    std::size_t end = 0;                ///< index after the last value inside this one
    std::size_t key = 0, key_size = 0;  ///< in texts_; the member's name if it stands in an object
    std::size_t text = 0,
                text_size = 0;  ///< in texts_; a string without control characters, or a number's digits
  };

  [[nodiscard]] const Value& at(std::size_t i) const { return values_[i]; }
  [[nodiscard]] std::size_t size() const { return values_.size(); }
  [[nodiscard]] std::string_view key(std::size_t i) const {
    return view(values_[i].key, values_[i].key_size);
  }
  [[nodiscard]] std::string_view text(std::size_t i) const {
    return view(values_[i].text, values_[i].text_size);
  }

  [[nodiscard]] bool is_object(std::size_t i) const { return values_[i].kind == Kind::object; }
  [[nodiscard]] bool is_array(std::size_t i) const { return values_[i].kind == Kind::array; }
  [[nodiscard]] bool is_string(std::size_t i) const { return values_[i].kind == Kind::string; }
  [[nodiscard]] bool is_container(std::size_t i) const { return is_object(i) || is_array(i); }

  /// Values that stand side by side, to walk over.
  struct Siblings {
    const JsonTape* tape;
    std::size_t at, last;

    [[nodiscard]] Siblings begin() const { return *this; }
    [[nodiscard]] Siblings end() const { return {tape, last, last}; }
    std::size_t operator*() const { return at; }
    void operator++() { at = tape->values_[at].end; }
    bool operator==(const Siblings&) const = default;
  };
  /// The values directly inside a value; none inside one that is no container.
  [[nodiscard]] Siblings inside(std::size_t i) const { return {this, i + 1, values_[i].end}; }
  /// The outermost values.
  [[nodiscard]] Siblings roots() const { return {this, 0, values_.size()}; }
  /// The member of that name, if `i` is an object that has it.
  [[nodiscard]] std::optional<std::size_t> member(std::size_t i, std::string_view name) const {
    for (const std::size_t child : inside(i)) {
      if (key(child) == name) return child;
    }
    return std::nullopt;
  }

 private:
  friend class TapeWriter;
  [[nodiscard]] std::string_view view(std::size_t begin, std::size_t size) const {
    return std::string_view(texts_).substr(begin, size);
  }

  std::vector<Value> values_;
  std::string texts_;
};

/// Reads one or several JSON texts that follow each other (`jq -c`, JSON lines). Strings and keys are cleaned
/// as clean_text() does it. The problem of an error is that of the parser, in its words; it is empty if the
/// text ends within a value. Nesting deeper than 64 is an error.
[[nodiscard]] std::expected<JsonTape, TextFault> read_json(std::string_view text);

}  // namespace ec2mpi
