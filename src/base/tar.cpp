#include "ec2mpi/base/tar.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <limits>

#include "ec2mpi/base/file_time.hpp"
#include "ec2mpi/base/text.hpp"

namespace ec2mpi {

namespace {

/// Where a field stands in a header block.
struct Field {
  std::size_t start;
  std::size_t size;
};

// The ustar header block (POSIX.1-2017 pax(1), "ustar Interchange Format").
constexpr Field kName{0, 100};
constexpr Field kMode{100, 8};
constexpr Field kUid{108, 8};
constexpr Field kGid{116, 8};
constexpr Field kSize{124, 12};
constexpr Field kMtime{136, 12};
constexpr Field kChecksum{148, 8};
constexpr Field kType{156, 1};
constexpr Field kLink{157, 100};
constexpr Field kMagic{257, 8};
constexpr Field kPrefix{345, 155};

// Behind "ustar", GNU has two blanks and a NUL, POSIX has a NUL and "00".
constexpr std::string_view kGnuMagic("ustar  \0", 8);
constexpr std::string_view kPosixMagic("ustar\0", 6);
constexpr std::string_view kPosixMagicAndVersion("ustar\00000", 8);
// A pax header stays in memory until it is complete; a hostile node must not fill the memory.
constexpr std::size_t kMostPax = 1 << 20;
// So that rounding up to whole blocks cannot overflow.
constexpr auto kMostSize = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) - kTarBlock;

void put(std::string& block, Field field, std::string_view text) {
  text = text.substr(0, field.size);
  std::copy(text.begin(), text.end(), block.begin() + static_cast<std::ptrdiff_t>(field.start));
}

/// Octal digits and a NUL, or base 256 where they don't suffice.
void put_number(std::string& block, Field field, std::int64_t value) {
  // The last byte of a field is its NUL.
  const auto bits = 3 * (field.size - 1);
  if (value >= 0 && (bits >= 63 || value < (std::int64_t{1} << bits))) {
    put(block, field, fmt::format("{:0{}o}", value, field.size - 1));
    return;
  }
  // Two's complement, highest byte first; the mark 0x80 (0xff for negative numbers) comes first.
  for (std::size_t i = 0; i < field.size; ++i) {
    const auto place = field.size - 1 - i;
    const auto byte = i < 8 ? value >> (8 * i) : (value < 0 ? -1 : 0);
    block[field.start + place] = static_cast<char>(byte & 0xff);
  }
  block[field.start] = static_cast<char>(value < 0 ? 0xff : 0x80);
}

/// The header's sum with blanks in the sum's own field. Some old tars added signed bytes.
unsigned checksum(std::string_view block, bool as_signed) {
  unsigned sum = 0;
  for (std::size_t i = 0; i < block.size(); ++i) {
    const bool inside = i >= kChecksum.start && i < kChecksum.start + kChecksum.size;
    const char c = inside ? ' ' : block[i];
    sum += as_signed ? static_cast<unsigned>(static_cast<signed char>(c)) : static_cast<unsigned char>(c);
  }
  return sum;
}

/// The fields of one block. A name or link that is too long for its field is cut.
struct Header {
  std::string_view name;
  std::string_view link = {};
  char type = '0';
  std::uint64_t size = 0;  ///< bytes of content
  unsigned mode = 0644;
  std::int64_t mtime = 0;
  std::string_view magic = kGnuMagic;
};

std::string plain_header(const Header& header) {
  std::string block(kTarBlock, '\0');
  put(block, kName, header.name);
  put_number(block, kMode, header.mode & 07777);
  // The numbers of this machine's users mean nothing on a node.
  put_number(block, kUid, 0);
  put_number(block, kGid, 0);
  put_number(block, kSize, static_cast<std::int64_t>(header.size));
  put_number(block, kMtime, header.mtime);
  block[kType.start] = header.type;
  put(block, kLink, header.link);
  put(block, kMagic, header.magic);
  // Six digits, a NUL, a blank: the form that all tars write.
  put(block, kChecksum, fmt::format("{:06o}", checksum(block, false)));
  block[kChecksum.start + 7] = ' ';
  return block;
}

/// A member that holds a name too long for the next header.
std::string long_text(char type, std::string_view text) {
  const auto size = text.size() + 1;  // GNU tar wants its NUL
  auto blocks = plain_header({.name = "././@LongLink", .type = type, .size = size});
  blocks.append(text);
  blocks.append(1 + tar_padding(size), '\0');
  return blocks;
}

/// A record is "LENGTH KEY=VALUE\n", where LENGTH counts its own digits too.
std::string pax_record(std::string_view key, std::string_view value) {
  // The three: a blank, an equals sign and an LF.
  const auto rest = key.size() + value.size() + 3;
  auto length = rest;
  // The length counts its own digits, so one more digit may make it longer again.
  while (length != rest + fmt::formatted_size("{}", length))
    length = rest + fmt::formatted_size("{}", length);
  return fmt::format("{} {}={}\n", length, key, value);
}

/// The mtime with the fraction of the second; nothing where whole seconds say it all.
std::string pax_mtime(const TarEntry& entry) {
  if (entry.nanoseconds == 0) return {};
  // A time before 1970 counts back from there, also its fraction.
  if (entry.mtime < 0)
    return pax_record("mtime",
                      fmt::format("-{}.{:09}", -(entry.mtime + 1), 1'000'000'000 - entry.nanoseconds));
  return pax_record("mtime", fmt::format("{}.{:09}", entry.mtime, entry.nanoseconds));
}

/// A member whose records describe the next one.
std::string pax_header(std::string_view records) {
  if (records.empty()) return {};
  auto blocks = plain_header({.name = "./@PaxHeader", .type = 'x', .size = records.size()});
  blocks += records;
  blocks.append(tar_padding(records.size()), '\0');
  return blocks;
}

/// A line for how many parts there are, then two for each: offset and size. A hole at the end is told by an
/// empty part there.
std::string sparse_map(std::uint64_t size, std::vector<Extent> data) {
  if (data.empty() || data.back().offset + data.back().size < size) data.push_back({size, 0});
  auto map = fmt::format("{}\n", data.size());
  for (const auto& extent : data) map += fmt::format("{}\n{}\n", extent.offset, extent.size);
  map.append(tar_padding(map.size()), '\0');
  return map;
}

/// The encoder writes nothing but these three types.
char type_letter(TarType type) {
  return type == TarType::directory ? '5' : type == TarType::symlink ? '2' : '0';
}

std::string_view bytes_of(std::string_view block, Field field) {
  return block.substr(field.start, field.size);
}

/// The text up to its NUL; a field that is full has none.
std::string_view text_of(std::string_view block, Field field) {
  const auto bytes = bytes_of(block, field);
  return bytes.substr(0, bytes.find('\0'));
}

/// GNU's form of large numbers; nothing if the value needs more than 63 bits.
std::optional<std::int64_t> base_256(std::string_view bytes) {
  const bool negative = (static_cast<unsigned char>(bytes.front()) & 0x40U) != 0;
  std::int64_t value = negative ? -1 : 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    auto byte = static_cast<unsigned char>(bytes[i]);
    if (i == 0) byte = static_cast<unsigned char>(negative ? byte | 0x80U : byte & 0x7fU);
    if (value > (std::numeric_limits<std::int64_t>::max() >> 8) ||
        value < (std::numeric_limits<std::int64_t>::min() >> 8)) {
      return std::nullopt;
    }
    value = value * 256 + byte;
  }
  return value;
}

/// Octal between blanks, or base 256. An empty field is 0.
std::optional<std::int64_t> number_of(std::string_view block, Field field) {
  auto bytes = bytes_of(block, field);
  if ((static_cast<unsigned char>(bytes.front()) & 0x80U) != 0) return base_256(bytes);
  const auto start = bytes.find_first_not_of(' ');
  bytes.remove_prefix(start == std::string_view::npos ? bytes.size() : start);
  std::int64_t value = 0;
  while (!bytes.empty() && bytes.front() >= '0' && bytes.front() <= '7') {
    value = value * 8 + (bytes.front() - '0');  // 12 digits at most
    bytes.remove_prefix(1);
  }
  if (bytes.find_first_not_of(std::string_view(" \0", 2)) != std::string_view::npos) return std::nullopt;
  return value;
}

std::unexpected<Error> bad(std::string_view what) {
  return fail(ErrorKind::protocol, fmt::format("what the node sent is no good archive: {}", what));
}

TarType type_of(char letter, std::string_view name) {
  switch (letter) {
    case '0':
    case '\0':
    case '7':
      return name.ends_with('/') ? TarType::directory : TarType::file;  // as archives before POSIX have it
    case '1':
      return TarType::hard_link;
    case '2':
      return TarType::symlink;
    case '5':
      return TarType::directory;
    default:
      return TarType::other;
  }
}

/// Links, directories and devices have no data, whatever their size says.
bool has_data(char letter) {
  return std::string_view("123456").find(letter) == std::string_view::npos;
}

/// Accepts both sums, since old tars added signed bytes.
bool good_header(std::string_view block) {
  const auto told = number_of(block, kChecksum);
  return told && (*told == checksum(block, false) || static_cast<unsigned>(*told) == checksum(block, true));
}

std::string full_name(std::string_view block) {
  const auto name = text_of(block, kName);
  // GNU has times and maps in the place of the prefix.
  const bool posix = bytes_of(block, kMagic).starts_with(kPosixMagic);
  const auto prefix = posix ? text_of(block, kPrefix) : std::string_view();
  return prefix.empty() ? std::string(name) : fmt::format("{}/{}", prefix, name);
}

}  // namespace

std::string encode_tar_header(const TarEntry& entry) {
  std::string blocks;
  if (entry.link.size() > kLink.size) blocks += long_text('K', entry.link);
  if (entry.name.size() > kName.size) blocks += long_text('L', entry.name);
  blocks += pax_header(pax_mtime(entry));
  blocks += plain_header({.name = entry.name,
                          .link = entry.link,
                          .type = type_letter(entry.type),
                          .size = entry.type == TarType::file ? entry.size : 0,
                          .mode = entry.mode,
                          .mtime = entry.mtime});
  return blocks;
}

std::string encode_sparse_tar_header(const TarEntry& entry, const std::vector<Extent>& data) {
  const auto map = sparse_map(entry.size, data);
  auto blocks = pax_header(pax_mtime(entry) + pax_record("GNU.sparse.major", "1") +
                           pax_record("GNU.sparse.minor", "0") + pax_record("GNU.sparse.name", entry.name) +
                           pax_record("GNU.sparse.realsize", fmt::format("{}", entry.size)));
  // In a GNU header, GNU tar would look for its own, older kind of map.
  // A tar that does not know these records makes a file of this name.
  blocks += plain_header({.name = "./GNUSparseFile/file",
                          .size = map.size() + bytes_in(data),
                          .mode = entry.mode,
                          .mtime = entry.mtime,
                          .magic = kPosixMagicAndVersion});
  return blocks + map;
}

std::size_t tar_padding(std::uint64_t size) {
  return static_cast<std::size_t>((kTarBlock - size % kTarBlock) % kTarBlock);
}

std::string tar_end() {
  return std::string(2 * kTarBlock, '\0');
}

Result<void> TarDecoder::feed(std::string_view bytes) {
  while (!bytes.empty() && state_ != State::ended) {
    std::size_t used = 0;
    Result<void> done;
    if (state_ == State::header) {
      used = std::min(bytes.size(), kTarBlock - block_.size());
      block_.append(bytes.substr(0, used));
      if (block_.size() == kTarBlock) done = take_header();
    } else {
      used = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), left_));
      left_ -= used;
      done = take_data(bytes.substr(0, used));
    }
    if (!done) return done;
    bytes.remove_prefix(used);
  }
  return {};
}

Result<void> TarDecoder::finish() const {
  if (state_ != State::ended) return bad("it ends in the middle");
  return {};
}

Result<void> TarDecoder::take_header() {
  const bool zeros = block_.find_first_not_of('\0') == std::string::npos;
  if (zeros) {
    // A name without its file: the archive was cut.
    if (extra_ != Extra::none || next_.name || next_.link)
      return bad("it ends where a name announces a file");
    // Two zero blocks in a row end the archive; a single one is skipped.
    if (zero_block_) state_ = State::ended;
    zero_block_ = true;
    block_.clear();
    return {};
  }
  zero_block_ = false;
  if (!good_header(block_)) return bad("a header has a wrong checksum");
  const char type = block_[kType.start];
  const auto size = number_of(block_, kSize);
  if (!size || *size < 0 || static_cast<std::uint64_t>(*size) > kMostSize)
    return bad("a size makes no sense");
  auto begun = begin(type, static_cast<std::uint64_t>(*size));
  block_.clear();
  return begun;
}

Result<void> TarDecoder::begin(char type, std::uint64_t size) {
  switch (type) {
    case 'L':
      return begin_extra(Extra::long_name, size);
    case 'K':
      return begin_extra(Extra::long_link, size);
    case 'x':
      return begin_extra(Extra::pax, size);
    case 'g':
      return begin_extra(Extra::global_pax, size);
    default:
      break;
  }
  if (!number_of(block_, kMode) || !number_of(block_, kMtime)) return bad("a number makes no sense");
  // The octal size of a ustar header ends at 8 GB, so a pax record has the last word.
  const auto told = next_.size ? next_.size : global_.size;
  const auto entry = make_entry(type, has_data(type) ? told.value_or(size) : 0);
  // Local records hold for one member only; the global ones stay.
  next_ = {};
  extra_ = Extra::none;
  if (entry.name.empty()) return bad("a file has no name");
  size_ = left_ = entry.type == TarType::directory ? 0 : entry.size;
  state_ = State::data;
  if (auto seen = visitor_.on_entry(entry); !seen) return seen;
  return left_ == 0 ? end_member() : Result<void>{};
}

TarEntry TarDecoder::make_entry(char type, std::uint64_t size) const {
  TarEntry entry;
  const auto& name = next_.name ? next_.name : global_.name;
  const auto& link = next_.link ? next_.link : global_.link;
  const auto& mtime = next_.mtime ? next_.mtime : global_.mtime;
  entry.name = name ? *name : full_name(block_);
  // The data of such a member is a map and parts: written as it is, it would be a wrong file.
  entry.type = next_.sparse || global_.sparse ? TarType::other : type_of(type, entry.name);
  if (entry.type == TarType::symlink || entry.type == TarType::hard_link) {
    entry.link = link ? *link : std::string(text_of(block_, kLink));
  }
  entry.size = entry.type == TarType::directory ? 0 : size;
  entry.mode = static_cast<unsigned>(*number_of(block_, kMode)) & 07777U;
  entry.mtime = mtime ? *mtime : *number_of(block_, kMtime);
  entry.nanoseconds = next_.mtime ? next_.nanoseconds : global_.nanoseconds;
  return entry;
}

Result<void> TarDecoder::begin_extra(Extra kind, std::uint64_t size) {
  const bool is_pax = kind == Extra::pax || kind == Extra::global_pax;
  // One more for the NUL that GNU tar writes behind a name.
  if (size > (is_pax ? kMostPax : kLongestName + 1)) return bad("a name or header is longer than can be");
  extra_ = kind;
  extra_data_.clear();
  size_ = left_ = size;
  state_ = State::data;
  return left_ == 0 ? end_member() : Result<void>{};
}

Result<void> TarDecoder::take_data(std::string_view part) {
  if (state_ == State::data) {
    if (extra_ != Extra::none)
      extra_data_ += part;
    else if (auto seen = visitor_.on_data(part); !seen)
      return seen;
    return left_ == 0 ? end_member() : Result<void>{};
  }
  if (left_ == 0) state_ = State::header;
  return {};
}

Result<void> TarDecoder::end_member() {
  left_ = tar_padding(size_);
  state_ = left_ == 0 ? State::header : State::padding;
  return extra_ == Extra::none ? visitor_.on_entry_end() : end_extra();
}

Result<void> TarDecoder::end_extra() {
  const auto kind = std::exchange(extra_, Extra::none);
  if (kind == Extra::pax) return read_pax(extra_data_, next_);
  if (kind == Extra::global_pax) return read_pax(extra_data_, global_);
  const auto text = extra_data_.substr(0, extra_data_.find('\0'));
  if (text.size() > kLongestName) return bad("a name is longer than can be");
  (kind == Extra::long_name ? next_.name : next_.link) = text;
  return {};
}

/// Records are "LENGTH KEY=VALUE\n", LENGTH counting all of it.
Result<void> TarDecoder::read_pax(std::string_view records, Overrides& overrides) {
  while (!records.empty()) {
    const auto blank = records.find(' ');
    const auto length = parse_number(records.substr(0, blank));
    // The shortest record behind its length: a blank, an equals sign and an LF.
    if (blank == std::string_view::npos || !length || *length > records.size() || *length < blank + 3 ||
        records[*length - 1] != '\n') {
      return bad("a pax header makes no sense");
    }
    const auto record = records.substr(blank + 1, *length - blank - 2);
    const auto equals = record.find('=');
    if (equals == std::string_view::npos) return bad("a pax header makes no sense");
    if (auto done = apply_pax(record.substr(0, equals), record.substr(equals + 1), overrides); !done)
      return done;
    records.remove_prefix(*length);
  }
  return {};
}

Result<void> TarDecoder::apply_pax(std::string_view key, std::string_view value, Overrides& overrides) {
  if (key == "path" || key == "linkpath") {
    // System calls end a name at a NUL: the file would have another name than the one checked.
    if (value.size() > kLongestName || value.find('\0') != std::string_view::npos)
      return bad("a name is no name");
    (key == "path" ? overrides.name : overrides.link) = std::string(value);
  } else if (key == "size") {
    const auto size = parse_number(value);
    if (!size || *size > kMostSize) return bad("a size makes no sense");
    overrides.size = *size;
  } else if (key == "mtime") {
    const auto time = parse_file_time(value, Fraction::of_number);
    if (!time) return bad("a time makes no sense");
    overrides.mtime = time->seconds;
    overrides.nanoseconds = time->nanoseconds.value_or(0);
  } else if (key.starts_with("GNU.sparse.")) {
    overrides.sparse = true;
  }
  // Other keys (owners, access times, comments) change nothing that is used here.
  return {};
}

}  // namespace ec2mpi
