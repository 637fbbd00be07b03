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

std::optional<std::uint64_t> number_in_base(std::string_view text, unsigned base) {
  // In base 16 or less, 15 digits fit into 64 bits.
  if (text.empty() || text.size() > 15) return std::nullopt;
  std::uint64_t value = 0;
  for (const char letter : text) {
    const auto digit = std::string_view("0123456789abcdef").find(letter);
    // Also for npos: the character is no digit.
    if (digit >= base) return std::nullopt;
    value = value * base + digit;
  }
  return value;
}

/// "1600000000.5", "-3"
bool read_time(std::string_view text, HeldEntry& entry) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  const auto dot = text.find('.');
  const auto whole = parse_number(text.substr(0, dot));
  if (!whole || *whole > (std::uint64_t{1} << 60)) return false;
  entry.mtime = negative ? -static_cast<std::int64_t>(*whole) : static_cast<std::int64_t>(*whole);
  if (dot == std::string_view::npos) return true;
  // find prints ten digits behind the dot.
  std::string digits(text.substr(dot + 1, 9));
  digits.append(9 - digits.size(), '0');
  const auto fraction = parse_number(digits);
  if (fraction) entry.nanoseconds = static_cast<std::uint32_t>(*fraction);
  return fraction.has_value();
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

/// "f 12 644 1600000000.5 ./path"
bool read_record(std::string_view record, HeldEntries& area, std::string_view link) {
  HeldEntry entry;
  const auto kind = next_word(record);
  entry.type = kind == "f"   ? TarType::file
               : kind == "d" ? TarType::directory
               : kind == "l" ? TarType::symlink
                             : TarType::other;
  const auto size = parse_number(next_word(record));
  const auto mode = number_in_base(next_word(record), 8);
  if (kind.size() != 1 || !size || !mode || !read_time(next_word(record), entry)) return false;
  entry.size = *size;
  entry.mode = static_cast<unsigned>(*mode) & 07777U;
  entry.link = link;
  area.insert_or_assign(without_dot(record), std::move(entry));
  return true;
}

/// "81a4 12 1600000000 ./path", of `stat -c '%f %s %Y %n'`; the targets of links are not in it.
void read_line(std::string_view line, HeldEntries& area) {
  HeldEntry entry;
  const auto mode = number_in_base(next_word(line), 16);
  const auto size = parse_number(next_word(line));
  if (!mode || !size || !read_time(next_word(line), entry)) return;  // the rest of a name with an end of line
  const auto kind = static_cast<mode_t>(*mode);
  entry.type = S_ISREG(kind)   ? TarType::file
               : S_ISDIR(kind) ? TarType::directory
               : S_ISLNK(kind) ? TarType::symlink
                               : TarType::other;
  entry.mode = static_cast<unsigned>(*mode) & 07777U;
  entry.size = *size;
  area.insert_or_assign(without_dot(line), std::move(entry));
}

/// "HEX  ./path"; behind a backslash in front, "\n" and "\\" in the path mean the same as in C.
void read_sum(std::string_view line, std::unordered_map<std::string, std::string>& sums) {
  const bool escaped = line.starts_with('\\');
  if (escaped) line.remove_prefix(1);
  // In front of the path, sha256sum prints 64 digits and two other characters.
  if (line.size() < 67) return;
  const auto path = line.substr(66);
  std::string name;
  for (std::size_t i = 0; i < path.size(); ++i) {
    const bool code = escaped && path[i] == '\\' && i + 1 < path.size();
    if (code) ++i;
    name += code && path[i] == 'n' ? '\n' : code && path[i] == 'r' ? '\r' : path[i];
  }
  sums.insert_or_assign(without_dot(name), std::string(line.substr(0, 64)));
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
      for (const auto line : split(field, '\n')) read_sum(line, survey_.sums);
      return false;
    case Next::proof:
      if (area_ == nullptr || area_ == &survey_.target) return nonsense(field);
      for (const auto line : split(field, '\n')) read_sum(line, survey_.proofs[stage_]);
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
  if (field == "area") {
    next_ = Next::area;
  } else if (field == "lines") {
    next_ = Next::lines;
  } else if (field == "sums") {
    next_ = Next::sums;
  } else if (field == "proof") {
    next_ = Next::proof;
  } else if (field == "holds") {
    next_ = Next::holds;
  } else if (field == "dear") {
    next_ = Next::dear;
  } else if (field == "mount") {
    next_ = Next::mount;
  } else if (field == "name") {
    next_ = Next::name;
  } else if (field == "room") {
    next_ = Next::room;
  } else if (field == "mark") {
    next_ = Next::mark;
  } else if (field == "made") {
    next_ = Next::made;
  } else {
    record_ = field;
    next_ = Next::link;
  }
  return false;
}

}  // namespace ec2mpi::ops
