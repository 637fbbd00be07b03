#pragma once

#include <cstddef>
#include <string_view>
#include <unordered_map>

#include "ec2mpi/base/text.hpp"

namespace ec2mpi {

/// A row of a word table: words with blanks between them, and what they mean.
template <class Meaning>
struct WordRow {
  Meaning meaning;
  std::string_view words;
};

/// Where a word stands in several rows, the first one counts.
template <class Meaning, std::size_t N>
std::unordered_map<std::string_view, Meaning> word_map(const WordRow<Meaning> (&rows)[N]) {
  std::unordered_map<std::string_view, Meaning> out;
  for (const WordRow<Meaning>& row : rows) {
    for (const std::string_view word : words(row.words)) out.emplace(word, row.meaning);
  }
  return out;
}

}  // namespace ec2mpi
