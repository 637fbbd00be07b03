#pragma once
/// How a command defines its flags and words. CLI11 reads them; a file that includes CLI11 itself takes twice
/// as long to compile.

#include <functional>
#include <string>
#include <string_view>
#include <type_traits>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace ec2mpi::cli {

/// Says what is wrong with the text of a value, or nothing; may write another text in its place.
using ReadValue = std::function<std::string(std::string&)>;

/// A flag or a word of a command, which these functions describe further. They mean what they mean in CLI11.
class Option {
 public:
  explicit Option(CLI::Option* option) : option_(option) {}

  Option type_name(std::string_view name) const;
  Option group(std::string_view heading) const;
  Option envname(std::string_view variable) const;
  Option required() const;
  Option expected(int least, int most) const;
  Option allow_extra_args(bool allow) const;
  Option check(ReadValue read) const;      ///< the value stays as it was typed
  Option transform(ReadValue read) const;  ///< the value is what `read` makes of the text
  Option excludes(Option other) const;
  Option needs(Option other) const;

 private:
  CLI::Option* option_;
};

/// A word if the names have no dash. Values are strings, numbers, lists of strings, and std::optional of
/// them; flags.cpp has those types.
template <class Value>
Option add_option(CLI::App& command, std::string_view names, Value& value, std::string_view text);

Option add_number(CLI::App& command, std::string_view names, std::function<void(int)> take,
                  std::string_view text);

/// An enumeration, of the numbers that one_of() makes of words.
template <class Value>
requires std::is_enum_v<Value> Option add_option(CLI::App& command, std::string_view names, Value& value,
                                                 std::string_view text) {
  return add_number(
      command, names, [&value](int number) { value = static_cast<Value>(number); }, text);
}

/// One that was added before.
Option option_of(CLI::App& command, std::string_view name);

Option add_flag(CLI::App& command, std::string_view names, bool& value, std::string_view text);
/// How often it was typed.
Option add_flag(CLI::App& command, std::string_view names, int& count, std::string_view text);

}  // namespace ec2mpi::cli
