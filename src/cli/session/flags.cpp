#include "ec2mpi/cli/session/flags.hpp"

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace ec2mpi::cli {

Option Option::type_name(std::string_view name) const {
  return Option(option_->type_name(std::string(name)));
}

Option Option::group(std::string_view heading) const {
  return Option(option_->group(std::string(heading)));
}

Option Option::envname(std::string_view variable) const {
  return Option(option_->envname(std::string(variable)));
}

Option Option::required() const {
  return Option(option_->required());
}

Option Option::expected(int least, int most) const {
  return Option(option_->expected(least, most));
}

Option Option::allow_extra_args(bool allow) const {
  return Option(option_->allow_extra_args(allow));
}

Option Option::check(ReadValue read) const {
  return Option(option_->check(CLI::Validator(std::move(read), "")));
}

Option Option::transform(ReadValue read) const {
  return Option(option_->transform(CLI::Validator(std::move(read), "")));
}

Option Option::excludes(Option other) const {
  return Option(option_->excludes(other.option_));
}

Option Option::needs(Option other) const {
  return Option(option_->needs(other.option_));
}

template <class Value>
Option add_option(CLI::App& command, std::string_view names, Value& value, std::string_view text) {
  return Option(command.add_option(std::string(names), value, std::string(text)));
}

template Option add_option(CLI::App&, std::string_view, std::string&, std::string_view);
template Option add_option(CLI::App&, std::string_view, std::optional<std::string>&, std::string_view);
template Option add_option(CLI::App&, std::string_view, std::vector<std::string>&, std::string_view);
template Option add_option(CLI::App&, std::string_view, std::vector<std::pair<std::string, std::string>>&,
                           std::string_view);
template Option add_option(CLI::App&, std::string_view, int&, std::string_view);
template Option add_option(CLI::App&, std::string_view, std::optional<int>&, std::string_view);
template Option add_option(CLI::App&, std::string_view, std::optional<std::uint16_t>&, std::string_view);
template Option add_option(CLI::App&, std::string_view, std::size_t&, std::string_view);
template Option add_option(CLI::App&, std::string_view, std::optional<std::size_t>&, std::string_view);
template Option add_option(CLI::App&, std::string_view, double&, std::string_view);
template Option add_option(CLI::App&, std::string_view, std::optional<double>&, std::string_view);

Option add_number(CLI::App& command, std::string_view names, std::function<void(int)> take,
                  std::string_view text) {
  return Option(command.add_option_function<int>(std::string(names), std::move(take), std::string(text)));
}

Option option_of(CLI::App& command, std::string_view name) {
  return Option(command.get_option(std::string(name)));
}

Option add_flag(CLI::App& command, std::string_view names, bool& value, std::string_view text) {
  return Option(command.add_flag(std::string(names), value, std::string(text)));
}

Option add_flag(CLI::App& command, std::string_view names, int& count, std::string_view text) {
  return Option(command.add_flag(std::string(names), count, std::string(text)));
}

}  // namespace ec2mpi::cli
