#include "src/ops/push/survey.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <algorithm>

#include "ec2mpi/base/file_time.hpp"
#include "ec2mpi/base/text.hpp"

namespace ec2mpi::ops {

namespace {

constexpr std::size_t kShown = 60;  ///< bytes, because the node may have sent anything

std::unexpected<Error> nonsense(std::string_view field) {
  return fail(ErrorKind::protocol,
              "the node's list of its files makes no sense: " + printable(field.substr(0, kShown)));
}

/// Takes a word and the blank behind it off the front.
std::string_view next_word(std::string_view& text) {
  const auto end = text.find(' ');
  const auto word = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return word;
}

std::string without_dot(std::string_view path) {
  return std::string(path.starts_with("./") ? path.substr(2) : path);
}

/// "f 12 644 1600000000.5 ./path"; a link has two letters, the second for what it leads to.
bool read_record(std::string_view record, HeldEntries& area, std::string_view link) {
  const auto kind = next_word(record);
  const auto size = parse_number(next_word(record));
  const auto mode = parse_mode(next_word(record), 8);
  const auto time = parse_file_time(next_word(record), Fraction::after_second);
  if (kind.empty() || kind.size() > 2 || !size || !mode || !time) return false;
  // "N", "L" and "?" stand for a link that leads to nothing.
  const bool special = std::string_view("bcpsDo").find(kind.back()) != std::string_view::npos;
  area.insert_or_assign(without_dot(record), HeldEntry{.type = type_of_letter(kind.substr(0, 1)),
                                                       .size = *size,
                                                       .mode = *mode & 07777U,
                                                       .mtime = time->seconds,
                                                       .nanoseconds = time->nanoseconds,
                                                       .link = std::string(link),
                                                       .special = special});
  return true;
}

/// "81a4 12 1600000000 ./path", of `stat -c '%f %s %Y %n'`; the targets of links are not in it.
void read_line(std::string_view line, HeldEntries& area) {
  const auto mode = parse_mode(next_word(line), 16);
  const auto size = parse_number(next_word(line));
  const auto time = parse_file_time(next_word(line), Fraction::after_second);
  if (!mode || !size || !time) return;  // the rest of a name with an end of line
  const auto* const letter = S_ISREG(*mode) ? "f" : S_ISDIR(*mode) ? "d" : S_ISLNK(*mode) ? "l" : "";
  area.insert_or_assign(without_dot(line), HeldEntry{.type = type_of_letter(letter),
                                                     .size = *size,
                                                     .mode = *mode & 07777U,
                                                     .mtime = time->seconds,
                                                     .nanoseconds = time->nanoseconds,
                                                     .special = *letter == '\0'});
}

void read_sums(std::string_view text, SumsByPath& sums) {
  for (auto& [path, sum] : parse_sums(text)) sums.insert_or_assign(without_dot(path), sum);
}

}  // namespace

/// The fields end with NUL and come in pairs, as `survey` in push_survey.sh prints them: a word that names
/// the value, or the record of a file, whose second field is where it leads as a link. "end" stands alone.
Result<bool> SurveyReader::take(std::string_view field) {
  const auto word = std::exchange(word_, {});
  if (word.empty()) {
    if (field.empty()) return nonsense(field);
    word_ = field;
    return field == "end";
  }
  if (!take_value(word, field)) return nonsense(word + ' ' + std::string(field.substr(0, kShown)));
  return false;
}

/// Takes one word of the answer of push_survey.sh with its value; false if no honest script prints it. The
/// records behind "area" belong to that area, so they are refused in front of the first one.
bool SurveyReader::take_value(std::string_view word, std::string_view field) {
  if (word == "into") {
    survey_.into = field == "1";
    return field == "0" || field == "1";
  }
  if (word == "address") {
    // It will stand in the ssh command of other nodes, so nothing but an address is accepted.
    survey_.address = field;
    return field.find_first_not_of("0123456789abcdef.:") == std::string_view::npos;
  }
  if (word == "name") {
    // A name with a slash would lead out of the folder that was listed.
    survey_.name = field;
    return field.find('/') == std::string_view::npos;
  }
  if (word == "tools") {
    const auto tools = split(field, ' ');
    const auto has = [&tools](std::string_view tool) { return std::ranges::count(tools, tool) > 0; };
    survey_.sha256 = has("sha256");
    survey_.unpackers = {.gzip = has("gzip"), .holes = has("holes")};
  } else if (word == "stage") {
    survey_.stage = field;
  } else if (word == "mark") {
    survey_.mark = field;
  } else if (word == "made") {
    survey_.made = field;
  } else if (word == "room") {
    // With 0, the node stores no archive and feeds no other node.
    survey_.room = parse_number(field).value_or(0);
  } else if (word == "holds") {
    survey_.holds = field;
  } else if (word == "dear") {
    survey_.dear.emplace_back(field);
  } else if (word == "mount") {
    survey_.mounts.emplace_back(field);
  } else if (word == "sums") {
    read_sums(field, survey_.sums);
  } else if (word == "area") {
    // The area without a name is the target; each other one is the stage of an earlier push.
    stage_ = field;
    area_ = field.empty() ? &survey_.target : &survey_.left[stage_];
  } else if (area_ == nullptr || (word == "proof" && stage_.empty())) {
    return false;
  } else if (word == "proof") {
    read_sums(field, survey_.proofs[stage_]);
  } else if (word == "lines") {
    for (const auto line : split(field, '\n')) read_line(line, *area_);
  } else {
    return read_record(word, *area_, field);
  }
  return true;
}

}  // namespace ec2mpi::ops
