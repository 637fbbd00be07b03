#include "ec2mpi/base/tar.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

namespace ec2mpi {
namespace {

namespace fs = std::filesystem;

struct Member {
  TarEntry entry;
  std::string data;
  bool whole = false;
};

class Collector : public TarVisitor {
 public:
  Result<void> on_entry(const TarEntry& entry) override {
    members.push_back({entry, {}, false});
    return {};
  }
  Result<void> on_data(std::string_view bytes) override {
    members.back().data += bytes;
    return {};
  }
  Result<void> on_entry_end() override {
    members.back().whole = true;
    return {};
  }
  std::vector<Member> members;
};

std::string encode(const TarEntry& entry, std::string_view data = {}) {
  auto bytes = encode_tar_header(entry);
  bytes += data;
  bytes.append(tar_padding(data.size()), '\0');
  return bytes;
}

Result<std::vector<Member>> decode(std::string_view archive, std::size_t piece = std::string::npos) {
  Collector collector;
  TarDecoder decoder(collector);
  while (!archive.empty()) {
    const auto part = archive.substr(0, piece);
    if (auto fed = decoder.feed(part); !fed) return std::unexpected(fed.error());
    archive.remove_prefix(part.size());
  }
  if (auto whole = decoder.finish(); !whole) return std::unexpected(whole.error());
  return collector.members;
}

void expect_refused(const std::string& archive, const std::string& because) {
  const auto result = decode(archive);
  ASSERT_FALSE(result) << because;
  EXPECT_EQ(result.error().kind, ErrorKind::protocol);
  EXPECT_NE(result.error().message.find(because), std::string::npos) << result.error().message;
}

std::string some_archive() {
  return encode({.name = "dir/", .type = TarType::directory, .mode = 0750, .mtime = 7}) +
         encode({.name = "dir/a", .size = 3, .mode = 0644, .mtime = 1234567890}, "abc") +
         encode({.name = "dir/" + std::string(300, 'n'), .size = 513, .mode = 0600, .mtime = 1},
                std::string(513, 'x')) +
         encode({.name = "dir/link", .type = TarType::symlink, .link = std::string(200, 'l'), .mode = 0777}) +
         tar_end();
}

/// A header block with a changed field, and the checksum that belongs to it.
std::string patched(std::string block, std::size_t at, std::string_view bytes) {
  block.replace(at, bytes.size(), bytes);
  block.replace(148, 8, "        ");
  unsigned sum = 0;
  for (const char c : block.substr(0, 512)) sum += static_cast<unsigned char>(c);
  char text[8];
  std::snprintf(text, sizeof text, "%06o", sum & 0777777U);
  block.replace(148, 7, std::string_view(text, 7));
  return block;
}

std::string pax(const std::string& records, char type = 'x') {
  auto header = encode_tar_header({.name = "pax", .size = records.size()});
  auto bytes = patched(header, 156, std::string_view(&type, 1)) + records;
  bytes.append(tar_padding(records.size()), '\0');
  return bytes;
}

std::string record(const std::string& key, const std::string& value) {
  const auto rest = " " + key + "=" + value + "\n";
  auto length = rest.size() + 1;
  while (std::to_string(length).size() + rest.size() != length) ++length;
  return std::to_string(length) + rest;
}

class InFolder : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "ec2mpi-tar-XXXXXX").string();
    folder = ::mkdtemp(pattern.data());
  }
  void TearDown() override {
    std::error_code ignored;
    fs::remove_all(folder, ignored);
  }
  int shell(const std::string& command) const {
    return std::system(("cd '" + folder.string() + "' && " + command).c_str());
  }
  std::string content(const std::string& name) const {
    std::ifstream file(folder / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(folder / name, std::ios::binary) << text;
  }
  fs::path folder;
};

TEST(Tar, WhatIsEncodedIsDecoded) {
  std::mt19937 random(1);
  for (int round = 0; round < 300; ++round) {
    TarEntry entry{.name = std::string(1 + random() % 400, 'a')};
    for (auto& c : entry.name) c = static_cast<char>(1 + random() % 255);
    if (entry.name.ends_with('/')) entry.name.back() = 'x';
    entry.mode = random() % 010000;
    entry.mtime = static_cast<std::int64_t>(random()) * 1000 - 1000000000000;
    std::string data;
    if (random() % 3 == 0) {
      entry.type = TarType::symlink;
      entry.link = std::string(1 + random() % 300, 't');
    } else {
      data = std::string(random() % 2000, 'd');
      entry.size = data.size();
    }
    const auto members = decode(encode(entry, data) + tar_end(), 1 + random() % 700);
    ASSERT_TRUE(members) << members.error().message;
    ASSERT_EQ(members->size(), 1U);
    EXPECT_EQ(members->front().entry, entry);
    EXPECT_EQ(members->front().data, data);
    EXPECT_TRUE(members->front().whole);
  }
}

TEST(Tar, AnySplitGivesTheSame) {
  const auto archive = some_archive();
  const auto expected = decode(archive);
  ASSERT_TRUE(expected);
  for (std::size_t at = 1; at < archive.size(); ++at) {
    Collector collector;
    TarDecoder decoder(collector);
    ASSERT_TRUE(decoder.feed(std::string_view(archive).substr(0, at)));
    ASSERT_TRUE(decoder.feed(std::string_view(archive).substr(at)));
    ASSERT_TRUE(decoder.finish());
    ASSERT_EQ(collector.members.size(), expected->size());
    for (std::size_t i = 0; i < expected->size(); ++i) {
      ASSERT_EQ(collector.members[i].entry, (*expected)[i].entry) << at;
      ASSERT_EQ(collector.members[i].data, (*expected)[i].data) << at;
    }
  }
}

TEST(Tar, EveryCutIsNoticed) {
  const auto archive = some_archive();
  for (std::size_t size = 0; size < archive.size(); ++size) {
    EXPECT_FALSE(decode(std::string_view(archive).substr(0, size))) << size;
  }
}

TEST(Tar, WhatFollowsTheEndIsIgnored) {
  const auto members = decode(some_archive() + std::string(8192, '\0') + "rubbish");
  ASSERT_TRUE(members);
  EXPECT_EQ(members->size(), 4U);
}

TEST(Tar, SizesPastEightGigabytes) {
  const TarEntry entry{.name = "huge", .size = std::uint64_t{1} << 40, .mtime = -5};
  Collector collector;
  TarDecoder decoder(collector);
  ASSERT_TRUE(decoder.feed(encode_tar_header(entry)));
  ASSERT_EQ(collector.members.size(), 1U);
  EXPECT_EQ(collector.members[0].entry, entry);
}

TEST(Tar, FractionsOfSecondsAreKeptAlsoBefore1970) {
  for (const auto& [seconds, nanoseconds] : std::initializer_list<std::pair<std::int64_t, std::uint32_t>>{
           {-1, 999'999'999}, {-315619200, 500'000'000}, {-2, 1}, {0, 1}, {7, 20}}) {
    const TarEntry entry{.name = "a", .mtime = seconds, .nanoseconds = nanoseconds};
    const auto members = decode(encode(entry) + tar_end());
    ASSERT_TRUE(members) << members.error().message;
    EXPECT_EQ((*members)[0].entry, entry);
  }
}

TEST(Tar, PaxOverridesTheHeader) {
  const auto records =
      record("path", "long/näme") + record("mtime", "99.75") + record("size", "5") + record("comment", "x");
  const auto members = decode(pax(records) + encode({.name = "short", .size = 0}) + "12345" +
                              std::string(507, '\0') + encode({.name = "next"}) + tar_end());
  ASSERT_TRUE(members) << members.error().message;
  ASSERT_EQ(members->size(), 2U);
  EXPECT_EQ((*members)[0].entry.name, "long/näme");
  EXPECT_EQ((*members)[0].entry.mtime, 99);
  EXPECT_EQ((*members)[0].data, "12345");
  EXPECT_EQ((*members)[1].entry.name, "next");
}

TEST(Tar, NegativePaxTimesRoundDown) {
  const auto members = decode(pax(record("mtime", "-1.5")) + encode({.name = "a"}) + tar_end());
  ASSERT_TRUE(members);
  EXPECT_EQ((*members)[0].entry.mtime, -2);
  EXPECT_EQ((*members)[0].entry.nanoseconds, 500'000'000U);
}

TEST(Tar, GlobalPaxHoldsForAllThatFollow) {
  const auto members =
      decode(pax(record("mtime", "42"), 'g') + encode({.name = "a"}) + pax(record("mtime", "43")) +
             encode({.name = "b"}) + encode({.name = "c"}) + tar_end());
  ASSERT_TRUE(members);
  EXPECT_EQ((*members)[0].entry.mtime, 42);
  EXPECT_EQ((*members)[1].entry.mtime, 43);
  EXPECT_EQ((*members)[2].entry.mtime, 42);
}

TEST(Tar, SparseFilesAreNotTakenForPlainOnes) {
  const auto members = decode(pax(record("GNU.sparse.major", "1")) + encode({.name = "a"}) + tar_end());
  ASSERT_TRUE(members);
  EXPECT_EQ((*members)[0].entry.type, TarType::other);
}

TEST(Tar, HostileHeadersAreRefused) {
  const auto header = encode_tar_header({.name = "file", .size = 3});
  auto wrong_sum = header;
  wrong_sum[0] = 'F';
  expect_refused(wrong_sum, "checksum");
  expect_refused(patched(header, 124, "12x45678901"), "size");
  expect_refused(patched(header, 124, std::string("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12)),
                 "size");
  expect_refused(patched(header, 124, std::string("\x80\x00\x00\x00\x7f\xff\xff\xff\xff\xff\xff\xff", 12)),
                 "size");
  expect_refused(patched(header, 124, std::string("\x80\x01\x00\x00\x7f\xff\xff\xff\xff\xff\xff\xff", 12)),
                 "size");
  expect_refused(patched(header, 100, "zzzzzzz"), "number");
  expect_refused(patched(header, 0, std::string(4, '\0')), "no name");
  expect_refused(patched(header, 156, "L") + std::string(600, 'x'), "end");
  const auto long_name = encode_tar_header({.name = "n", .size = TarDecoder::kLongestName + 2});
  expect_refused(patched(long_name, 156, "L"), "longer");
  const auto long_pax = encode_tar_header({.name = "n", .size = std::uint64_t{1} << 30});
  expect_refused(patched(long_pax, 156, "x"), "longer");
  expect_refused(std::string(512, 'x'), "checksum");
}

TEST(Tar, BadPaxRecordsAreRefused) {
  for (const std::string records : {"5 a=\n\n", "99 a=b\n", "x a=b\n", "6 abc\n", "7 a=bc", "3 \n", " a=b\n",
                                    "18446744073709551616 a=b\n"}) {
    expect_refused(pax(records) + encode({.name = "a"}) + tar_end(), "pax header");
  }
  expect_refused(pax(record("size", "-1")) + encode({.name = "a"}), "size");
  expect_refused(pax(record("size", "99999999999999999999")) + encode({.name = "a"}), "size");
  expect_refused(pax(record("mtime", "soon")) + encode({.name = "a"}), "time");
  expect_refused(pax(record("path", std::string("a\0b", 3))) + encode({.name = "a"}), "name");
  expect_refused(pax(record("path", "")) + encode({.name = "a"}), "no name");
}

TEST(Tar, ANameWithoutItsFileIsNoEnd) {
  expect_refused(pax(record("path", "x")) + tar_end(), "announces");
}

TEST(Tar, TheVisitorsErrorEndsTheReading) {
  class Refuser : public Collector {
    Result<void> on_data(std::string_view) override { return fail(ErrorKind::local_io, "full"); }
  } refuser;
  TarDecoder decoder(refuser);
  const auto fed = decoder.feed(some_archive());
  ASSERT_FALSE(fed);
  EXPECT_EQ(fed.error().message, "full");
}

TEST_F(InFolder, TheSystemsTarReadsOurs) {
  const std::string odd = "dir/new\nline ' \" \xff -x";
  const std::string long_name = "dir/" + std::string(255, 'n');
  write("ours.tar",
        encode({.name = "dir/", .type = TarType::directory, .mode = 0750, .mtime = 1000000000}) +
            encode({.name = odd, .size = 5, .mode = 0640, .mtime = 1234567890}, "hello") +
            encode({.name = long_name, .size = 512, .mode = 0600, .mtime = 1}, std::string(512, 'z')) +
            encode({.name = "dir/l", .type = TarType::symlink, .link = std::string(150, 't'), .mode = 0777}) +
            tar_end());
  ASSERT_EQ(shell("tar -xpf ours.tar 2>err && [ ! -s err ]"), 0);
  EXPECT_EQ(content(odd), "hello");
  EXPECT_EQ(content(long_name), std::string(512, 'z'));
  EXPECT_EQ(fs::read_symlink(folder / "dir/l"), std::string(150, 't'));
  EXPECT_EQ(
      shell("[ \"$(stat -c '%a %Y' dir/new*)\" = '640 1234567890' ] && [ \"$(stat -c %a dir)\" = 750 ]"), 0);
}

class SystemTarFormats : public InFolder, public ::testing::WithParamInterface<const char*> {};

TEST_P(SystemTarFormats, OursReadsThem) {
  const std::string deep = std::string(90, 'd') + "/" + std::string(90, 'e');
  fs::create_directories(folder / "in" / deep);
  write("in/a", "alpha");
  write("in/" + deep + "/f", std::string(5000, 'q'));
  fs::create_symlink("a", folder / "in/link");
  ASSERT_EQ(shell("touch -d @1111111111 in/a; chmod 604 in/a"), 0);
  ASSERT_EQ(shell(std::string("tar --format=") + GetParam() + " -cf theirs.tar in"), 0);
  const auto members = decode(content("theirs.tar"), 1000);
  ASSERT_TRUE(members) << members.error().message;
  std::size_t seen = 0;
  for (const auto& member : *members) {
    if (member.entry.name == "in/a") {
      ++seen;
      EXPECT_EQ(member.entry.mtime, 1111111111);
      EXPECT_EQ(member.entry.mode, 0604U);
      EXPECT_EQ(member.data, "alpha");
    } else if (member.entry.name == "in/" + deep + "/f") {
      ++seen;
      EXPECT_EQ(member.data, std::string(5000, 'q'));
    } else if (member.entry.name == "in/link") {
      ++seen;
      EXPECT_EQ(member.entry.type, TarType::symlink);
      EXPECT_EQ(member.entry.link, "a");
    }
  }
  EXPECT_EQ(seen, 3U);
}
INSTANTIATE_TEST_SUITE_P(Formats, SystemTarFormats, ::testing::Values("gnu", "ustar", "pax", "oldgnu"));

}  // namespace
}  // namespace ec2mpi
