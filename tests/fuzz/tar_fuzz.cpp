// The archive reader: no input may break it, the way the input is cut must not matter, and what it reads can
// be written and read again.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "ec2mpi/base/tar.hpp"

namespace {

using namespace ec2mpi;

void require(bool holds) {
  if (!holds) std::abort();
}

struct Log : TarVisitor {
  Result<void> on_entry(const TarEntry& entry) override {
    require(!inside && !entry.name.empty() && entry.name.size() <= TarDecoder::kLongestName + 1000);
    require(entry.type != TarType::directory || entry.size == 0);
    inside = true;
    left = entry.size;
    entries.push_back(entry);
    return {};
  }
  Result<void> on_data(std::string_view bytes) override {
    require(inside && bytes.size() <= left);
    left -= bytes.size();
    data += bytes;
    return {};
  }
  Result<void> on_entry_end() override {
    require(inside && left == 0);
    inside = false;
    return {};
  }

  bool inside = false;
  std::uint64_t left = 0;
  std::vector<TarEntry> entries;
  std::string data;
};

void read_again(const TarEntry& entry) {
  if (entry.type == TarType::hard_link || entry.type == TarType::other) return;
  if (entry.type == TarType::file && entry.name.ends_with('/')) return;
  Log log;
  TarDecoder decoder(log);
  require(decoder.feed(encode_tar_header(entry)).has_value());
  require(log.entries.size() == 1 && log.entries[0] == entry);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(bytes), size);
  Log whole;
  TarDecoder at_once(whole);
  const bool good = at_once.feed(input).has_value();

  Log parts;
  TarDecoder cut(parts);
  bool also_good = true;
  for (std::size_t at = 0; at < size && also_good; at += 77)
    also_good = cut.feed(input.substr(at, 77)).has_value();
  require(good == also_good && whole.entries == parts.entries && at_once.ended() == cut.ended());
  if (good) require(whole.data == parts.data);
  for (const auto& entry : whole.entries) read_again(entry);
  return 0;
}
