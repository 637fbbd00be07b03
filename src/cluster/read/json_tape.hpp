#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "ec2mpi/base/error.hpp"

namespace ec2mpi {

/// JSON values one after the other, as they stand in the text: a container is followed by what it holds.
/// Flat, so that hostile nesting costs no stack and a value no allocation.
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

  /// Calls `visit(index)` for each value directly inside container `i`.
  template <class Visit>
  void for_each_in(std::size_t i, Visit visit) const {
    for (std::size_t child = i + 1; child < values_[i].end; child = values_[child].end) visit(child);
  }

 private:
  friend class TapeWriter;
  [[nodiscard]] std::string_view view(std::size_t begin, std::size_t size) const {
    return std::string_view(texts_).substr(begin, size);
  }

  std::vector<Value> values_;
  std::string texts_;
};

/// Reads one or several JSON texts that follow each other (`jq -c`, JSON lines). Errors: the parser's
/// message, with the line; nesting deeper than 64.
[[nodiscard]] Result<JsonTape> read_json(std::string_view text, std::string_view source);

}  // namespace ec2mpi
