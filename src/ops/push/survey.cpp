#include "src/ops/push/survey.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <algorithm>

#include "ec2mpi/base/text.hpp"

namespace ec2mpi::ops {

namespace {

/// Shows 60 bytes at most, because the node may have sent anything.
std::unexpected<Error> nonsense(std::string_view field) {
  return fail(ErrorKind::protocol,
              "the node's list of its files makes no sense: " + printable(field.substr(0, 60)));
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
  const auto time = parse_time(next_word(record));
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
  const auto time = parse_time(next_word(line));
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

/// The fields end with NUL and come as `survey` in push_survey.sh prints them: first five fixed
/// ones, then a word that announces each following field.
Result<bool> SurveyReader::take(std::string_view field) {
  const auto now = std::exchange(next_, Next::word);
  switch (now) {
    case Next::into:
      if (field != "0" && field != "1") return nonsense(field);
      survey_.into = field == "1";
      next_ = Next::address;
      return false;
    case Next::address:
      // It will stand in the ssh command of other nodes, so nothing but an address is accepted.
      if (field.find_first_not_of("0123456789abcdef.:") != std::string_view::npos) return nonsense(field);
      survey_.address = field;
      next_ = Next::stage;
      return false;
    case Next::stage:
      survey_.stage = field;
      next_ = Next::method;
      return false;
    case Next::method:
      survey_.sha256 = field == "sha256";
      next_ = Next::unpackers;
      return false;
    case Next::unpackers:
      for (const auto word : split(field, ' ')) {
        survey_.unpackers.gzip = survey_.unpackers.gzip || word == "gzip";
        survey_.unpackers.holes = survey_.unpackers.holes || word == "holes";
      }
      return false;
    case Next::word:
      return take_word(field);
    case Next::area:
      // The area without a name is the target; each other one is the stage of an earlier push.
      stage_ = field;
      area_ = field.empty() ? &survey_.target : &survey_.left[stage_];
      return false;
    case Next::link:
      if (area_ == nullptr || !read_record(record_, *area_, field)) return nonsense(record_);
      return false;
    case Next::lines:
      if (area_ == nullptr) return nonsense(field);
      for (const auto line : split(field, '\n')) read_line(line, *area_);
      return false;
    case Next::sums:
      read_sums(field, survey_.sums);
      return false;
    case Next::proof:
      if (area_ == nullptr || area_ == &survey_.target) return nonsense(field);
      read_sums(field, survey_.proofs[stage_]);
      return false;
    case Next::holds:
      survey_.holds = field;
      return false;
    case Next::dear:
      survey_.dear.emplace_back(field);
      return false;
    case Next::mount:
      survey_.mounts.emplace_back(field);
      return false;
    case Next::name:
      // A name with a slash would lead out of the folder that was listed.
      if (field.find('/') != std::string_view::npos) return nonsense(field);
      survey_.name = field;
      return false;
    case Next::room:
      // With 0, the node stores no archive and feeds no other node.
      survey_.room = parse_number(field).value_or(0);
      return false;
    case Next::mark:
      survey_.mark = field;
      return false;
    case Next::made:
      survey_.made = field;
      return false;
  }
  return nonsense(field);
}

Result<bool> SurveyReader::take_word(std::string_view field) {
  if (field == "end") return true;
  static const std::unordered_map<std::string_view, Next> kWords{
      {"area", Next::area},   {"lines", Next::lines}, {"sums", Next::sums},   {"proof", Next::proof},
      {"holds", Next::holds}, {"dear", Next::dear},   {"mount", Next::mount}, {"name", Next::name},
      {"room", Next::room},   {"mark", Next::mark},   {"made", Next::made}};
  const auto known = kWords.find(field);
  next_ = known == kWords.end() ? Next::link : known->second;
  if (next_ == Next::link) record_ = field;
  return false;
}

}  // namespace ec2mpi::ops
