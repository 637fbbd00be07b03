#include "ec2mpi/cli/session/bracket_words.hpp"

#include <CLI/CLI.hpp>

namespace ec2mpi::cli {

namespace {

constexpr char kShield = '\x1e';

}  // namespace

std::vector<std::string> shield_brackets(std::vector<std::string> words) {
  for (auto& word : words)
    if (word.starts_with(kShield) || (word.starts_with('[') && word.ends_with(']')))
      word.insert(word.begin(), kShield);
  return words;
}

std::string without_shield(std::string word) {
  if (word.starts_with(kShield)) word.erase(0, 1);
  return word;
}

void read_brackets_whole(CLI::App& app) {
  const auto take_off = [](std::string& word) {
    word = without_shield(std::move(word));
    return std::string();
  };
  for (auto* option : app.get_options([](const CLI::Option*) { return true; })) {
    option->transform(CLI::Validator(take_off, ""));
    if (option->nonpositional()) option->allow_extra_args(false);
  }
  for (auto* command : app.get_subcommands([](CLI::App*) { return true; })) read_brackets_whole(*command);
}

}  // namespace ec2mpi::cli
