#pragma once
/// Archives as streams. The codecs of libraries pull their input with blocking calls, which an event loop
/// must not make; this one is fed. Written: GNU format (long names in @LongLink members, big numbers in base
/// 256; a pax header for fractions of a second and for holes). Read: that without holes, POSIX ustar and pax.
/// Sources: POSIX.1-2017 pax(1) "ustar Interchange Format" and "pax Header Block"; GNU tar manual, "Basic Tar
/// Format" and "Storing Sparse Files" (PAX format, version 1.0).

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ec2mpi/base/error.hpp"
#include "ec2mpi/base/extents.hpp"

namespace ec2mpi {

inline constexpr std::size_t kTarBlock = 512;

enum class TarType {
  file,
  directory,
  symlink,
  hard_link,
  other,  ///< device, fifo, sparse file, ...: nothing that we write
};

struct TarEntry {
  std::string name;  ///< any bytes but NUL; relative or not, as it stands in the archive
  TarType type = TarType::file;
  std::string link = {};   ///< the target of a link
  std::uint64_t size = 0;  ///< of the data that follows; 0 for all but files (and entries that are `other`)
  unsigned mode = 0644;    ///< permission bits, with setuid, setgid and sticky
  std::int64_t mtime = 0;  ///< seconds since 1970, rounded down
  std::uint32_t nanoseconds = 0;  ///< of the mtime; a pax header holds them, older tars skip that

  bool operator==(const TarEntry&) const = default;
};

/// The blocks that stand before an entry's data. Only file, directory and symlink can be written.
[[nodiscard]] std::string encode_tar_header(const TarEntry& entry);

/// The same for a file with holes, of which only the `data` follows, part behind part. GNU tar and bsdtar
/// make the holes; others (busybox) would take the map of them for the file.
[[nodiscard]] std::string encode_sparse_tar_header(const TarEntry& entry, const std::vector<Extent>& data);

/// How many zero bytes must follow `size` bytes of data.
[[nodiscard]] std::size_t tar_padding(std::uint64_t size);

/// What ends an archive.
[[nodiscard]] std::string tar_end();

/// Gets the entries of an archive while it is read. An Error ends the reading.
class TarVisitor {
 public:
  virtual ~TarVisitor() = default;
  [[nodiscard]] virtual Result<void> on_entry(const TarEntry& entry) = 0;
  /// The next part of the last entry's data.
  [[nodiscard]] virtual Result<void> on_data(std::string_view bytes) = 0;
  /// All data of the last entry was there.
  [[nodiscard]] virtual Result<void> on_entry_end() = 0;
};

/// Reads an archive that comes in parts of any size. Needs little memory for any input.
class TarDecoder {
 public:
  static constexpr std::size_t kLongestName = 64 * 1024;

  explicit TarDecoder(TarVisitor& visitor) : visitor_(visitor) {}

  /// Errors: protocol for bytes that are no archive; else the visitor's. After an error the decoder is of no
  /// more use.
  [[nodiscard]] Result<void> feed(std::string_view bytes);

  /// To be called after the last bytes. Errors: protocol if the archive has no end.
  [[nodiscard]] Result<void> finish() const;

  /// The end of the archive was read; bytes behind it are ignored.
  [[nodiscard]] bool ended() const { return state_ == State::ended; }

 private:
  enum class State { header, data, padding, ended };
  /// Members that only describe the next one.
  enum class Extra { none, long_name, long_link, pax, global_pax };

  /// The fields that a pax header overrides.
  struct Overrides {
    std::optional<std::string> name = {};
    std::optional<std::string> link = {};
    std::optional<std::uint64_t> size = {};
    std::optional<std::int64_t> mtime = {};
    std::uint32_t nanoseconds = 0;
    bool sparse = false;
  };

  Result<void> take_header();
  Result<void> begin(char type, std::uint64_t size);
  Result<void> begin_extra(Extra kind, std::uint64_t size);
  Result<void> take_data(std::string_view part);
  Result<void> end_member();
  Result<void> end_extra();
  Result<void> read_pax(std::string_view records, Overrides& overrides);
  static Result<void> apply_pax(std::string_view key, std::string_view value, Overrides& overrides);
  [[nodiscard]] TarEntry make_entry(char type, std::uint64_t size) const;

  TarVisitor& visitor_;
  State state_ = State::header;
  std::string block_;        ///< the part of a header that has arrived
  bool zero_block_ = false;  ///< the last block was all zeros
  Extra extra_ = Extra::none;
  std::string extra_data_;
  Overrides next_;
  Overrides global_;
  std::uint64_t left_ = 0;  ///< bytes of data, or of padding
  std::uint64_t size_ = 0;  ///< of the member's data
};

}  // namespace ec2mpi
