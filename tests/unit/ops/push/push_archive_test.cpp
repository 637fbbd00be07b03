// How the script of a push takes the archive, from here or from another node.

#include <fmt/format.h>

#include "tests/support/push_script.hpp"

namespace ec2mpi::ops {
namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;

class PushArchiveScript : public PushScript {};

/// What fills a gap would make files that look whole, and the next push would take them as they are.
TEST_F(PushArchiveScript, BehindAPartThatCameShortNothingElseIsTaken) {
  const std::string content(600'000, 'a');
  const auto archive = member("0", content);
  const auto first = archive.substr(0, 100'000);
  const auto rest = std::string(600'000, 'b');  // of another file
  write("input", do_text("begin ''\nlanes 3\nstart") + "data 100000\n" + first + "part 100000 3\n" +
                     "data 600000\n" + rest);
  EXPECT_EQ(run("until pipe=$(ls -d target/.ec2mpi-push.*/.own/lane.3 2>/dev/null); do sleep 0.1; done; "
                "head -c 50000 /dev/zero >\"$pipe\""),
            3);
  const auto held = read(stage() / "0");
  EXPECT_LT(held.size(), content.size());
  EXPECT_EQ(held.find('b'), std::string::npos);
}

TEST_F(PushArchiveScript, AStoredArchiveIsInPlaceAtTheEnd) {
  const auto archive = whole(member("0", std::string(100'000, 'a')));
  write("input", do_text("begin ''\nstart serve") + data_text(archive) + end_text(archive));
  EXPECT_EQ(run(":"), 0) << errors();
  EXPECT_EQ(read(folder_ / "target/x"), std::string(100'000, 'a'));
  EXPECT_EQ(stage(), folder_ / "target/x") << "nothing else is left";
}

/// A tar that leaves a member out, or cuts it, and says nothing of it.
TEST_F(PushArchiveScript, NothingIsPutInPlaceIfTarHasDroppedSomething) {
  const auto archive = whole(folder_member("0/") + member("0/kept", "content") + member("0/b.o", "object") +
                             folder_member("0/d/"));
  for (const auto* start : {"start", "start serve"}) {
    for (const auto& [trick, says] : std::vector<std::pair<std::string, std::string>>{
             {"/usr/bin/tar --exclude='*.o' \"$@\"", "ec2mpi: 0/b.o: did not come out"},
             {"/usr/bin/tar \"$@\"; : >\"$5/0/kept\"", "ec2mpi: 0/kept: did not come out"},
             {"/usr/bin/tar --exclude=d \"$@\"", "ec2mpi: 0/d: did not come out"},
             {"cat >/dev/null", "ec2mpi: the archive: did not come out"}}) {
      fs::remove_all(folder_ / "target");
      fs::remove_all(folder_ / "bin");
      write("input", do_text(std::string("begin ''\n") + start) + data_text(archive) + end_text(archive));
      const auto version = "[ \"$1\" != --version ] || exec /usr/bin/tar --version\n";
      EXPECT_EQ(run(":", fake("tar", version + trick + "; exit 0")), 1) << start << trick;
      EXPECT_NE(errors().find(says), std::string::npos) << start << trick << errors();
      EXPECT_FALSE(fs::exists(folder_ / "target/x"));
      EXPECT_EQ(stage(), fs::path()) << "nothing is left";
    }
  }
}

/// A shell that lacks descriptors cannot open a pipe for the process at its other end.
TEST_F(PushArchiveScript, AProcessThatCannotStartEndsThePush) {
  const auto archive = whole(member("0", std::string(300'000, 'a')));
  for (const auto* start : {"start", "start gzip", "start serve"}) {
    for (const auto* trick : {"ulimit -n 9", "ulimit -n 10", "ulimit -n 11", "ulimit -n 12", "ulimit -n 13",
                              "measure() { false; }", "unpack() { false; }"}) {
      fs::remove_all(folder_ / "target");
      const auto begin = fmt::format("begin ''\n{}\n{}", trick, start);
      write("input", do_text(begin) + data_text(archive) + end_text(archive));
      const int code = run(":");
      EXPECT_NE(code, 124) << start << ' ' << trick;
      EXPECT_EQ(code == 0, read(folder_ / "target/x") == std::string(300'000, 'a')) << start << ' ' << trick;
      EXPECT_TRUE(code != 1 || !errors().empty()) << start << ' ' << trick;
    }
  }
}

TEST_F(PushArchiveScript, WhatATarSaysThatEndsWellIsNoReason) {
  const auto archive = whole(member("0", "content"));
  for (const auto* start : {"start", "start serve"}) {
    fs::remove_all(folder_ / "target");
    fs::remove_all(folder_ / "bin");
    write("input", do_text(std::string("begin ''\n") + start) + data_text(archive) + end_text(archive));
    EXPECT_EQ(
        run(":", fake("tar",
                      "echo chatter; echo 'tar: Total bytes read: 20480' >&2; exec /usr/bin/tar -v \"$@\"")),
        0)
        << errors();
    EXPECT_EQ(read(folder_ / "target/x"), "content");
  }
}

TEST_F(PushArchiveScript, NothingOfWhatIsStoredIsPutInPlaceIfItIsNotWhatWasSent) {
  const auto archive = whole(member("0", "good"));
  const auto other = whole(member("0", "evil"));
  write("input", do_text("begin ''\nstart serve") + data_text(other) + end_text(archive));
  EXPECT_EQ(run(":"), 4);
  EXPECT_FALSE(fs::exists(folder_ / "target/x"));
  EXPECT_EQ(stage(), fs::path()) << "the next push must not continue with such files";
}

/// The next push continues there.
TEST_F(PushArchiveScript, TheArrivedPartOfAStoredArchiveIsKept) {
  const auto archive =
      folder_member("0/") + member("0/whole", "all of it") + member("0/half", std::string(100'000, 'a'));
  write("input", do_text("begin ''\nstart serve") + data_text(std::string_view(archive).substr(0, 50'000)) +
                     do_text("until [ -s \"$stage/0/whole\" ]; do sleep 0.1; done"));
  EXPECT_EQ(run(":"), 3);
  EXPECT_EQ(read(stage() / "0/whole"), "all of it");
  EXPECT_FALSE(fs::exists(stage() / ".own"));
  EXPECT_FALSE(fs::exists(folder_ / "target/x"));
}

TEST_F(PushArchiveScript, TextThatDoesNotArriveWholeIsNotRun) {
  auto text = do_text("echo 1 >\"$base/ran\"\necho 2 >\"$base/ran\"");
  text.pop_back();
  write("input", text);
  EXPECT_EQ(run(":"), 3);
  EXPECT_FALSE(fs::exists(folder_ / "target/ran"));
}

/// The archive comes from another node; a program in the place of ssh runs its command.
class PushFetch : public PushScript, public testing::WithParamInterface<const char*> {
 protected:
  [[nodiscard]] std::string ssh() const {
    return fake("ssh", "[ \"$1\" != -G ] || exit 0\nfor word; do :; done\neval \"$word\"");
  }
  static std::string fetch_text(int number, const std::string& command) {
    return do_text("fetch " + std::to_string(number) + " node5 22 me " + quote_words({command}));
  }
  /// Waits in the script until its output has this word.
  static std::string wait_text(const std::string& word) {
    return do_text("until tr '\\0' '\\n' <output | grep -q " + quote_words({"^" + word + " "}) +
                   "; do sleep 0.1; done");
  }
};

TEST_P(PushFetch, ContinuesAtTheOffsetOfTheBytesThatAreThere) {
  const std::string content(3'000'000, 'a');
  const auto archive = whole(member("0", content));
  write("archive", archive);
  write("input", do_text(std::string("begin ''\nstart ") + GetParam()) +
                     data_text(archive.substr(0, 100'000)) +
                     fetch_text(1, "head -c 200000 archive | tail -c +") + wait_text("at") +
                     fetch_text(2, "tail archive -c +") + end_text(archive));
  EXPECT_EQ(run(":", ssh()), 0) << errors();
  EXPECT_NE(output().find("1 200000 "), std::string::npos);
  EXPECT_EQ(read(folder_ / "target/x"), content);
  EXPECT_EQ(stage(), folder_ / "target/x") << "nothing else is left";
}

TEST_P(PushFetch, AFeederThatIsDroppedLeavesTheOffset) {
  const auto archive = whole(member("0", std::string(3'000'000, 'a')));
  write("archive", archive);
  write("input", do_text(std::string("begin ''\nstart ") + GetParam()) +
                     fetch_text(1, "head -c 200000 archive; : >sent; exec sleep 60; : ") +
                     do_text("until [ -e sent ]; do sleep 0.1; done\ndrop_feeder 1") + wait_text("at") +
                     fetch_text(2, "tail archive -c +") + end_text(archive));
  EXPECT_EQ(run(":", ssh()), 0) << errors();
  EXPECT_NE(output().find("1 200000 "), std::string::npos);
  EXPECT_EQ(read(folder_ / "target/x").size(), 3'000'000U);
}

TEST_P(PushFetch, AFeederThatCannotBeReachedIsReportedWithTheReason) {
  write("input", do_text(std::string("begin ''\nstart ") + GetParam()) +
                     fetch_text(1, "echo 'Host key verification failed.' >&2; exit 255; ") + wait_text("at"));
  EXPECT_EQ(run(":", ssh()), 3);
  EXPECT_NE(output().find("at 1 0 Host key verification failed."), std::string::npos);
}

/// An archive that is stored, and one that is not.
INSTANTIATE_TEST_SUITE_P(StoredAndNot, PushFetch, testing::Values("serve", ""), [](const auto& param) {
  return std::string(param.param).empty() ? "leaf" : "feeder";
});

TEST_F(PushArchiveScript, ANodeThatFeedsOthersKeepsTheArchiveUntilTheEndOfItsInput) {
  const auto archive = whole(member("0", std::string(3'000'000, 'a')));
  write("input", do_text("begin ''\nstart serve") + data_text(archive) + end_text(archive) +
                     do_text("cp \"$own/archive\" kept"));
  EXPECT_EQ(run(":"), 0) << errors();
  EXPECT_EQ(read(folder_ / "kept"), archive);
  EXPECT_EQ(stage(), folder_ / "target/x") << "nothing else is left";
}

TEST_F(PushArchiveScript, AStageThatSomebodyElseHasMadeMeanwhileIsNotUsed) {
  write("input", do_text("mkdir \"$stage\"; echo theirs >\"$stage/theirs\"") + do_text("begin ''\nstart"));
  EXPECT_EQ(run(":"), 1);
  EXPECT_TRUE(fs::exists(stage() / "theirs"));
  EXPECT_FALSE(fs::exists(stage() / ".own"));
  EXPECT_NE(errors().find("ec2mpi: cannot write into"), std::string::npos);
}

}  // namespace
}  // namespace ec2mpi::ops
