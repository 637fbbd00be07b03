// The node's script, run by a real sh with input that the test chooses.

#include "src/ops/push/talk.hpp"

#include <gtest/gtest.h>
#include <sys/inotify.h>
#include <unistd.h>
#include <array>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "ec2mpi/base/file.hpp"
#include "ec2mpi/base/sha256.hpp"
#include "ec2mpi/base/tar.hpp"
#include "ec2mpi/base/text.hpp"
#include "tests/support/scratch_folder.hpp"

namespace ec2mpi::ops {
namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;

std::string member(const std::string& name, std::string_view content) {
  auto text = encode_tar_header({.name = name, .size = content.size(), .mode = 0600});
  text += content;
  text.append(tar_padding(content.size()), '\0');
  return text;
}

std::string folder_member(const std::string& name) {
  return encode_tar_header({.name = name, .type = TarType::directory, .mode = 0700});
}

/// Lists what an archive holds, as PushStream does.
class Lister : public TarVisitor {
 public:
  Result<void> on_entry(const TarEntry& entry) override {
    names.append(entry.name.ends_with('/') ? entry.name.substr(0, entry.name.size() - 1) : entry.name);
    names.push_back('\0');
    sizes += entry.type == TarType::directory ? "4\n" : "8 " + std::to_string(entry.size) + "\n";
    return {};
  }
  Result<void> on_data(std::string_view) override { return {}; }
  Result<void> on_entry_end() override { return {}; }

  std::string names;
  std::string sizes;
};

/// With the list of the members, and the end.
std::string whole(const std::string& members) {
  Lister lister;
  TarDecoder decoder(lister);
  EXPECT_TRUE(decoder.feed(members));
  return members + member("listed", lister.names) + member("sizes", lister.sizes) + tar_end();
}

std::string data_text(std::string_view bytes) {
  return "data " + std::to_string(bytes.size()) + "\n" + std::string(bytes);
}

/// What ends the push of one source called x.
std::string end_text(const std::string& archive, const std::string& steps = "put 0 x || return 1") {
  return do_text("know_size " + std::to_string(archive.size()) + "\ncommit " + sha256(archive) +
                 "\nsteps() {\n" + steps + "\n}\napply");
}

class PushScript : public testing::Test {
 protected:
  void write(const char* name, const std::string& text) const {
    std::ofstream(folder_ / name, std::ios::binary) << text;
  }
  /// Runs the script over what was written as "input", behind `before`, and `beside` next to it; the exit
  /// status. `before` may end with "&&"; `true` keeps what the shell then puts into the background to
  /// `beside`.
  int run(const std::string& beside, const std::string& before = "", const std::string& asked = "0",
          const std::string& path = "./x") const {
    write("script", push_script());
    const auto text = "cd " + quote_word(folder_.path().string()) + " && mkdir target && { " + before +
                      "true; { " + beside +
                      "; } & setsid -w sh -c \"$(cat script)\" ec2mpi-push \"$PWD/target" + name_ + "\" " +
                      into_ + " key " + quote_words({asked, path}) +
                      " "
                      "<input >output 2>errors; }";
    const int status = std::system(("timeout 60 " + inside_ + " sh -c " + quote_word(text)).c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  /// Puts a program of this name before all others; to be used as `before`.
  [[nodiscard]] std::string fake(const std::string& name, const std::string& text) const {
    fs::create_directory(folder_ / "bin");
    write(("bin/" + name).c_str(),
          "#!/bin/sh\ncd " + quote_word(folder_.path().string()) + "\n" + text + '\n');
    return "chmod 755 bin/" + name + " && PATH=$PWD/bin:$PATH; ";
  }
  [[nodiscard]] std::string read(const fs::path& path) const {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  [[nodiscard]] std::string output() const { return read(folder_ / "output"); }
  [[nodiscard]] std::string errors() const { return read(folder_ / "errors"); }
  [[nodiscard]] fs::path stage() const {
    for (const auto& entry : fs::directory_iterator(folder_ / "target")) return entry.path();
    return {};
  }

  test::ScratchFolder folder_;
  std::string inside_;  ///< a command that runs the script
  std::string into_ = "1";
  std::string name_;  ///< behind the target
};

/// What fills a gap would make files that look whole, and the next push would take them as they are.
TEST_F(PushScript, BehindAPartThatCameShortNothingElseIsTaken) {
  const std::string content(600'000, 'a');
  const auto archive = member("0", content);
  const auto first = archive.substr(0, 100'000);
  const auto rest = std::string(600'000, 'b');  // of another file
  write("input", do_text("begin ''\nlanes 3\nstart") + "data 100000\n" + first + do_text("lane 3") +
                     "part 100000 3\n" + "data 600000\n" + rest);
  EXPECT_EQ(run("until pipe=$(ls -d target/.ec2mpi-push.*/.own/lane.3 2>/dev/null); do sleep 0.1; done; "
                "head -c 50000 /dev/zero >\"$pipe\""),
            3);
  const auto held = read(stage() / "0");
  EXPECT_LT(held.size(), content.size());
  EXPECT_EQ(held.find('b'), std::string::npos);
}

TEST_F(PushScript, AStoredArchiveIsInPlaceAtTheEnd) {
  const auto archive = whole(member("0", std::string(100'000, 'a')));
  write("input", do_text("begin ''\nstart serve") + data_text(archive) + end_text(archive));
  EXPECT_EQ(run(":"), 0) << errors();
  EXPECT_EQ(read(folder_ / "target/x"), std::string(100'000, 'a'));
  EXPECT_EQ(stage(), folder_ / "target/x") << "nothing else is left";
}

/// A tar that leaves a member out, or cuts it, and says nothing of it.
TEST_F(PushScript, NothingIsPutInPlaceIfTarHasDroppedSomething) {
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

TEST_F(PushScript, WhatATarSaysThatEndsWellIsNoReason) {
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

TEST_F(PushScript, NothingOfWhatIsStoredIsPutInPlaceIfItIsNotWhatWasSent) {
  const auto archive = whole(member("0", "good"));
  const auto other = whole(member("0", "evil"));
  write("input", do_text("begin ''\nstart serve") + data_text(other) + end_text(archive));
  EXPECT_EQ(run(":"), 4);
  EXPECT_FALSE(fs::exists(folder_ / "target/x"));
  EXPECT_EQ(stage(), fs::path()) << "the next push must not continue with such files";
}

TEST_F(PushScript, TheSurveyHasTheChecksumsOfAnOldStage) {
  write("input", "");
  const std::string stage = "target/.ec2mpi-push.$(cat /proc/sys/kernel/hostname).key.99999999";
  EXPECT_EQ(run(":", "mkdir -p " + stage + "/0 && printf content >" + stage + "/0/f && "), 3);
  EXPECT_NE(output().find("proof\0"s + sha256("content") + "  ./0/f\n"), std::string::npos) << output();
}

TEST_F(PushScript, TheSurveyTellsWhichLinksLeadToADevicePipeOrSocket) {
  const auto before =
      "mkdir target/d; mkfifo target/pipe; echo >target/file; ln -s pipe target/x; ln -s ../pipe target/d/p; "
      "ln -s ../file target/d/f; ";
  const auto poor_find = fake(
      "find", "case \" $* \" in *' -printf '*) exit 1 ;; esac; cd - >/dev/null; exec /usr/bin/find \"$@\"");
  for (const auto& with : {std::string(), poor_find}) {
    write("input", "");
    run(":", before + with);
    EXPECT_NE(output().find("lo 0 777 0 ./x\0pipe\0"s), std::string::npos) << output();
    fs::remove_all(folder_ / "target");
    run(":", before + with, "0", "./d");
    const auto said = output();
    EXPECT_NE(said.find(with.empty() ? "./d/p\0../pipe\0"s : "lo 0 777 0 ./d/p\0../pipe\0"s),
              std::string::npos)
        << said;
    EXPECT_EQ(said.find("lp ") != std::string::npos, with.empty()) << said;
    EXPECT_EQ(said.find("lo 0 777 0 ./d/f"), std::string::npos) << said;
    fs::remove_all(folder_ / "target");
  }
}

/// The next push continues there.
TEST_F(PushScript, TheArrivedPartOfAStoredArchiveIsKept) {
  const auto archive =
      folder_member("0/") + member("0/whole", "all of it") + member("0/half", std::string(100'000, 'a'));
  write("input", do_text("begin ''\nstart serve") + data_text(std::string_view(archive).substr(0, 50'000)) +
                     do_text("until [ -s \"$stage/0/whole\" ]; do sleep 0.1; done"));
  EXPECT_EQ(run(":"), 3);
  EXPECT_EQ(read(stage() / "0/whole"), "all of it");
  EXPECT_FALSE(fs::exists(stage() / ".own"));
  EXPECT_FALSE(fs::exists(folder_ / "target/x"));
}

TEST_F(PushScript, NamesOfAnyKindArriveAsTheyAre) {
  const auto archive = whole(member("0", "content"));
  const std::string name = "x\n# whole\n\xff \\ 'y' \"\n";
  write("input", do_text("begin ''\nstart") + data_text(archive) +
                     end_text(archive, "put 0 " + quote_word(name) + " || return 1"));
  EXPECT_EQ(run(":"), 0) << errors();
  EXPECT_EQ(read(folder_ / "target" / name), "content");
}

/// Four programs for each of 3,000 files took a minute. Without perl, and where a folder is in the way, they
/// are put in place one by one.
TEST_F(PushScript, ManyFilesAreRenamedByOneProgram) {
  const auto archive = whole(member("0", "first") + member("1", "second") + folder_member("2/"));
  const std::string odd = "-n\n\xff 'y'";
  const auto steps = "put_files 0 x 1 " + quote_word(odd) + "\nput 0 x || return 1\nput 1 " +
                     quote_word(odd) + " || return 1\nput 2 folder || return 1";
  for (const auto& [before, moves] : std::vector<std::pair<std::string, std::string>>{
           {"", "folder "}, {fake("perl", "exit 127"), "x " + odd + " folder "}}) {
    fs::remove_all(folder_ / "target");
    write("moved", "");
    write("input", do_text("begin ''\nstart") + data_text(archive) + end_text(archive, steps));
    const auto count = fake("mv",
                            "for word; do last=$word; done\ncase $last in */target/) "
                            "printf '%s ' \"${2##*/}\" >>moved ;; esac\nexec /usr/bin/mv \"$@\"");
    EXPECT_EQ(run(":", before + count), 0) << errors();
    EXPECT_EQ(read(folder_ / "moved"), moves);
    EXPECT_EQ(read(folder_ / "target/x"), "first");
    EXPECT_EQ(read(folder_ / "target" / odd), "second");
    EXPECT_TRUE(fs::is_directory(folder_ / "target/folder"));
  }
}

TEST_F(PushScript, AFolderInPlaceOfOneOfManyFilesIsNamed) {
  const auto archive = whole(member("0", "first") + member("1", "second"));
  write("input", do_text("begin ''\nstart") + data_text(archive) +
                     end_text(archive, "put_files 0 x 1 y\nput 0 x || return 1\nput 1 y || return 1"));
  EXPECT_EQ(run(":", "mkdir target/y; "), 1);
  EXPECT_NE(errors().find("target/y is there already and is a folder"), std::string::npos) << errors();
}

TEST_F(PushScript, TextThatDoesNotArriveWholeIsNotRun) {
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

TEST_F(PushScript, ANodeThatFeedsOthersKeepsTheArchiveUntilTheEndOfItsInput) {
  const auto archive = whole(member("0", std::string(3'000'000, 'a')));
  write("input", do_text("begin ''\nstart serve") + data_text(archive) + end_text(archive) +
                     do_text("cp \"$own/archive\" kept"));
  EXPECT_EQ(run(":"), 0) << errors();
  EXPECT_EQ(read(folder_ / "kept"), archive);
  EXPECT_EQ(stage(), folder_ / "target/x") << "nothing else is left";
}

/// With and without perl, which is not everywhere, a folder is merged into one that is there in the same way.
class PushMerge : public PushScript, public testing::WithParamInterface<const char*> {};

TEST_P(PushMerge, FilesReplaceFilesAndTheRestStays) {
  const std::string odd = "0/a/.\n";
  const auto archive =
      whole(folder_member("0/") + member("0/new", "new") + member("0/.hidden", "new") +
            folder_member("0/a/") + member("0/a/old", "new") + member(odd, "new") + folder_member("0/a/b/") +
            member("0/a/b/..c", "new") + folder_member("0/fresh/") + member("0/fresh/file", "new") +
            folder_member("0/linked/") + member("0/linked/in", "new") + folder_member("0/empty/"));
  write("input", do_text("begin ''\nstart") + data_text(archive) + end_text(archive));
  const std::string before = std::string(GetParam()) +
                             "mkdir -p target/x/a/b elsewhere && echo old >target/x/a/old && "
                             "echo old >target/x/a/kept && ln -s ../../elsewhere target/x/linked && "
                             "ln -s nowhere target/x/new; ";
  EXPECT_EQ(run(":", before), 0) << errors();
  const auto x = folder_ / "target/x";
  for (const auto* name : {"new", ".hidden", "a/old", "a/.\n", "a/b/..c", "fresh/file", "linked/in"})
    EXPECT_EQ(read(x / name), "new") << name;
  EXPECT_FALSE(fs::is_symlink(x / "new"));
  EXPECT_TRUE(fs::is_directory(x / "empty"));
  EXPECT_EQ(read(x / "a/kept"), "old\n");
  EXPECT_EQ(read(folder_ / "elsewhere/in"), "new");
  EXPECT_EQ(stage(), x) << "nothing else is left";
}

TEST_P(PushMerge, AFileDoesNotReplaceAFolder) {
  const auto archive = whole(folder_member("0/") + member("0/a", "new") + member("0/b", "new"));
  write("input", do_text("begin ''\nstart") + data_text(archive) + end_text(archive));
  EXPECT_EQ(run(":", std::string(GetParam()) + "mkdir -p target/x/a; "), 1);
  EXPECT_NE(errors().find("cannot overwrite directory"), std::string::npos) << errors();
  EXPECT_TRUE(fs::is_directory(folder_ / "target/x/a"));
}

TEST_P(PushMerge, AFolderDoesNotReplaceAFile) {
  const auto archive = whole(folder_member("0/") + folder_member("0/a/") + member("0/a/b", "new"));
  write("input", do_text("begin ''\nstart") + data_text(archive) + end_text(archive));
  EXPECT_EQ(run(":", std::string(GetParam()) + "mkdir -p target/x; echo old >target/x/a; "), 1);
  EXPECT_EQ(read(folder_ / "target/x/a"), "old\n");
}

INSTANTIATE_TEST_SUITE_P(
    WithAndWithoutPerl, PushMerge,
    testing::Values("perl -e 1 || exit 9; ",
                    "mkdir bin && printf '#!/bin/sh\\nexit 127\\n' >bin/perl && chmod 755 bin/perl && "
                    "PATH=$PWD/bin:$PATH; "));

/// Whatever is told to be removed, by whatever path.
TEST_F(PushScript, TheLoginsKeysAndJobsAreNeverRemoved) {
  write("input",
        do_text("begin ''\nstart") + data_text(whole("")) +
            end_text(whole(""),
                     "erase ./home || return 1\nerase ./home/.ssh || return 1\n"
                     "erase ./door/.ssh/authorized_keys || return 1\nerase ./door/.ec2mpi || return 1\n"
                     "erase ./keys || return 1\nerase ./door/other || return 1\nerase ./door || return 1"));
  const std::string before =
      "mkdir -p target/home/.ec2mpi target/home/other target/keys && echo key >target/keys/authorized_keys "
      "&& "
      "ln -s ../keys target/home/.ssh && ln -s home target/door && export HOME=$PWD/target/home; ";
  EXPECT_EQ(run(":", before), 0) << errors();
  EXPECT_EQ(read(folder_ / "target/home/.ssh/authorized_keys"), "key\n");
  EXPECT_TRUE(fs::exists(folder_ / "target/home/.ec2mpi"));
  EXPECT_FALSE(fs::exists(folder_ / "target/home/other"));
  EXPECT_FALSE(fs::is_symlink(folder_ / "target/door"));
}

/// Runs the steps on an empty archive.
std::string steps_text(const std::string& steps) {
  const auto archive = whole("");
  return do_text("begin ''\nstart") + data_text(archive) + end_text(archive, steps);
}

TEST_F(PushScript, AFileThatALinkInTheSshFolderLeadsToIsNeverRemoved) {
  write("input", steps_text("erase ./data/keys || return 1\nerase ./data || return 1"));
  EXPECT_EQ(run(":",
                "mkdir -p target/home/.ssh target/data && echo key >target/data/keys && "
                "ln -s ../../data/keys target/home/.ssh/authorized_keys && export HOME=$PWD/target/home; "),
            0)
      << errors();
  EXPECT_EQ(read(folder_ / "target/data/keys"), "key\n");
}

/// In a place where folders can be mounted a second time.
class PushMounts : public PushScript {
 protected:
  void SetUp() override {
    if (std::system("unshare -Urm true 2>/dev/null") != 0) GTEST_SKIP() << "no namespaces for users here";
    inside_ = "unshare -Urm";
  }
};

TEST_F(PushMounts, ASecondMountOfTheHomeIsAsSafeAsTheHome) {
  const std::string mounted =
      "mkdir -p target/alias home/.ssh home/other && echo key >home/.ssh/authorized_keys && "
      "mount --bind home target/alias && export HOME=$PWD/home; ";
  write("input", steps_text("erase ./alias/.ssh/authorized_keys || return 1\nerase ./alias/.ssh || return 1\n"
                            "erase ./alias/other || return 1\nerase ./alias || return 1"));
  EXPECT_EQ(run(":", mounted), 0) << errors();
  EXPECT_EQ(read(folder_ / "home/.ssh/authorized_keys"), "key\n");
  EXPECT_FALSE(fs::exists(folder_ / "home/other"));

  fs::remove_all(folder_ / "target");
  write("input", "");
  EXPECT_EQ(run(":", mounted, "delete", "./alias"), 3);
  EXPECT_NE(output().find(std::string("holds") + '\0'), std::string::npos);
}

/// There mv copies, and may be ended in the middle.
TEST_F(PushMounts, AFolderInAnotherFileSystemNeverHasHalfAFile) {
  const auto archive =
      whole(folder_member("0/") + folder_member("0/m/") + member("0/m/f", std::string(300'000, 'a')) +
            folder_member("0/m/fresh/") + member("0/m/fresh/g", "new"));
  const auto mount = [](const char* size) {
    return "mkdir -p target/x/m && mount -t tmpfs -o size=" + std::string(size) +
           " none target/x/m && echo old >target/x/m/f && ";
  };
  const std::string look = "ls -A \"$base/x/m\" >seen; wc -c <\"$base/x/m/f\" >>seen";
  write("input", do_text("begin ''\nstart") + data_text(archive) +
                     end_text(archive, "put 0 x || { " + look + "; return 1; }"));
  EXPECT_EQ(run(":", mount("100k")), 1);
  EXPECT_NE(errors().find("No space left"), std::string::npos) << errors();
  EXPECT_EQ(read(folder_ / "seen"), "f\n4\n");
  fs::remove_all(folder_ / "target");
  write("input",
        do_text("begin ''\nstart") + data_text(archive) + end_text(archive, "put 0 x || return 1\n" + look));
  EXPECT_EQ(run(":", mount("1m")), 0) << errors();
  EXPECT_EQ(read(folder_ / "seen"), "f\nfresh\n300000\n");
}

TEST_F(PushMounts, AFolderWithAMountPointInItIsNotRemoved) {
  write("input", steps_text("erase_all ./old ./p/old/in/file ./gone\n: >\"$base/next\"\nreport_refused"));
  EXPECT_EQ(run(":",
                "mkdir -p target/old/in target/p/old/in target/gone data && echo kept >data/file && "
                "mount --bind data target/old/in && mount --bind data target/p/old/in; ",
                "delete", "."),
            1);
  EXPECT_EQ(read(folder_ / "data/file"), "kept\n");
  EXPECT_NE(errors().find("/target/old/in is mounted there"), std::string::npos) << errors();
  EXPECT_NE(errors().find("(and 1 more were not removed)"), std::string::npos) << errors();
  EXPECT_FALSE(fs::exists(folder_ / "target/gone")) << "what is refused does not stop the rest";
  EXPECT_TRUE(fs::exists(folder_ / "target/next")) << "nor the steps behind it";
  EXPECT_NE(output().find(std::string("mount\0old/in\0mount\0p/old/in\0", 28)), std::string::npos);
}

TEST_F(PushScript, ATargetThatIsALinkIsWrittenThrough) {
  const auto archive = whole(member("0", "new"));
  write("input", do_text("begin ''\nstart") + data_text(archive) + end_text(archive));
  into_ = "0";
  name_ = "/door";
  EXPECT_EQ(run(":", "echo old >target/file && ln -s file target/door; "), 0) << errors();
  EXPECT_EQ(read(folder_ / "target/file"), "new");
  EXPECT_TRUE(fs::is_symlink(folder_ / "target/door"));
  EXPECT_NE(output().find(std::string("name\0file\0end", 13)), std::string::npos);
}

TEST_F(PushScript, NewFoldersInASetgidFolderBecomeSetgidToo) {
  const std::string odd = "a \xc3\xa4\t\\\"b";
  const auto folders =
      encode_tar_header({.name = "./in/", .type = TarType::directory, .mode = 0755}) +
      encode_tar_header({.name = "./" + odd + "/", .type = TarType::directory, .mode = 0755}) +
      encode_tar_header({.name = "./", .type = TarType::directory, .mode = 0755}) + tar_end();
  const auto archive = whole(folder_member("0/") + folder_member("0/in/") + folder_member("0/" + odd + "/") +
                             member("folders0", folders));
  write("input", do_text("begin ''\nstart") + data_text(archive) +
                     end_text(archive, "put 0 x || return 1\nfolders 0 x || return 1"));
  EXPECT_EQ(run(":", "chmod 2775 target; "), 0) << errors();
  for (const auto& path : {std::string("target/x"), std::string("target/x/in"), "target/x/" + odd}) {
    EXPECT_EQ(fs::status(folder_.path() / path).permissions(), fs::perms(02755)) << path;
  }
}

/// With "delete" the survey says so, by true paths.
TEST_F(PushScript, AFolderThatHoldsTheHomeIsReported) {
  write("input", "");
  const std::string home = "mkdir -p target/home/.ssh target/other && export HOME=$PWD/target/home; ";
  const auto told = [&](const std::string& path, const std::string& more = "") {
    fs::remove_all(folder_ / "target");
    EXPECT_EQ(run(":", home + more, "delete", path), 3);
    return output().find(std::string("holds") + '\0') != std::string::npos;
  };
  EXPECT_TRUE(told("."));
  EXPECT_TRUE(told("./home"));
  EXPECT_TRUE(told("./home/.ssh"));
  EXPECT_TRUE(told("./link", "ln -s home target/link; "));
  EXPECT_TRUE(told("./keys", "rmdir target/home/.ssh; mkdir target/keys; ln -s ../keys target/home/.ssh; "));
  EXPECT_FALSE(told("./other"));
  EXPECT_FALSE(told("./new"));
}

/// The script leaves no mark on a disk of one machine; this one is on a server. The target has its mark above
/// it.
class PushMark : public PushScript {
 protected:
  [[nodiscard]] std::string on_server(const std::string& before = "") const {
    // The fake program has to look from the folder where it was called.
    return before +
           fake("stat",
                "[ \"$1\" != -f ] || { echo nfs; exit 0; }; cd \"$OLDPWD\"; exec /usr/bin/stat \"$@\"");
  }
  /// Runs the script anew; what it is told prints the mark in this folder.
  void look(const std::string& name, const std::string& before, const std::string& into = "0",
            const std::string& where = "$base") {
    fs::remove_all(folder_ / "target");
    fs::remove(folder_.path() / link_);
    name_ = name;
    into_ = into;
    write("input", do_text("readlink " + where + "/" + link_ + " >&2"));
    EXPECT_EQ(run(":", on_server(before), asked_), 3);
  }
  [[nodiscard]] bool told(const std::string& text) const {
    return output().find(std::string("mark") + '\0' + text) != std::string::npos;
  }
  [[nodiscard]] bool is_into() const {
    return output().starts_with(std::string(kSurveyBegin) + "into\0001\0"s);
  }
  const std::string asked_ = "room mark=abc.123";
  const std::string link_ = ".ec2mpi-push.mark.abc";
};

TEST_F(PushMark, TheFirstNodeLeavesItAndTakesItAwayAtItsEnd) {
  look("/in", "mkdir target/in; ", "1", "\"$PWD/target\"");
  EXPECT_TRUE(told("123.1.")) << output();
  EXPECT_TRUE(errors().starts_with("123.1.")) << errors();
  look("/new", "", "0");
  EXPECT_TRUE(told("123.0.")) << output();
  EXPECT_TRUE(errors().starts_with("123.0.")) << errors();
  EXPECT_EQ(stage(), fs::path()) << "nothing is left";
}

TEST_F(PushMark, ALaterNodeReadsItAndLeavesItThere) {
  for (const auto* where : {"target/", "target/in/", ""}) {
    look("/in", "mkdir target/in; ln -s 777.1.other.1 " + (where + link_) + "; ", "1");
    EXPECT_TRUE(told(std::string("777.1.other.1") + '\0')) << where << output();
    EXPECT_EQ(fs::read_symlink(folder_ / where / link_), "777.1.other.1");
  }
}

TEST_F(PushMark, ATargetThatIsNotThereYetHasItInTheFolderAbove) {
  look("/new/deep", "", "1", "\"$PWD/target\"");
  EXPECT_TRUE(errors().starts_with("123.1.")) << errors();
  EXPECT_EQ(stage(), fs::path()) << "no folder was made for it";
  look("/new/deep", "mkdir -p target/new/deep; ln -s 777.1.other.1 target/" + link_ + "; ", "1");
  EXPECT_TRUE(told("777.1.other.1")) << "another node has made the folder since";
}

TEST_F(PushMark, ATargetHasItInItselfIfTheFolderAboveTakesNone) {
  const auto refused = fake("ln", "case $3 in */target/.ec2mpi*) exit 1 ;; esac; exec /usr/bin/ln \"$@\"");
  look("/in", "mkdir target/in; " + refused, "1", "\"$PWD/target/in\"");
  EXPECT_TRUE(told("123.1.")) << output();
  EXPECT_TRUE(errors().starts_with("123.1.")) << errors();
  EXPECT_TRUE(fs::is_empty(folder_ / "target/in"));
}

TEST_F(PushMark, AFolderThatAnotherNodeHasMadeUnderTheNewNameDoesNotTakeTheSources) {
  const auto with = [this](const std::string& mark) {
    return "mkdir -p target/a/new; ln -s 777." + mark + ".other.1 target/" + link_ + "; ";
  };
  look("/a/new", "mkdir -p target/a/new; ");
  EXPECT_TRUE(is_into()) << "it was there before";
  look("/a/new", with("1"));
  EXPECT_TRUE(is_into()) << "for the other node, too";
  look("/a/new", with("0"));
  EXPECT_FALSE(is_into());
  look("/a/new", with("0"), "1");
  EXPECT_TRUE(is_into()) << "it must be a folder";
  fs::remove_all(folder_ / "target");
  into_ = "0";
  EXPECT_EQ(run(":", on_server("mkdir -p target/a/new; "), "named"), 3);
  EXPECT_FALSE(is_into());
}

TEST_F(PushMark, TheHomeHasItInItself) {
  for (const auto* name : {"/.", "/in/..", "/"}) {
    look(name, "mkdir target/in; ", "0", "\"$PWD/target\"");
    EXPECT_TRUE(errors().starts_with("123.1.")) << name << errors();
    look(name, "mkdir target/in; ln -s 777.1.other.1 target/" + link_ + "; ");
    EXPECT_TRUE(told("777.1.other.1")) << name;
    EXPECT_TRUE(is_into()) << name;
  }
}

TEST_F(PushMark, ALaterNodeKnowsTheFolderThatWasMadeUnderTheNewNameByItsId) {
  const auto archive = whole(folder_member("0/") + member("0/f", "content"));
  write("input", do_text("begin ''\nstart") + data_text(archive) + end_text(archive));
  into_ = "0";
  name_ = "/x";
  EXPECT_EQ(run(":", on_server(), asked_), 0) << errors();
  const auto all = output();
  const auto at = all.find("made ");
  ASSERT_NE(at, std::string::npos);
  const std::string id = all.c_str() + at + 5;
  EXPECT_NE(id.find('.'), std::string::npos) << id;
  fs::rename(folder_ / "target", folder_ / "first");
  write("input", "");
  const auto begins_with = [&](const std::string& made, char into) {
    EXPECT_EQ(run(":", on_server("rmdir target; mv first target; "), asked_ + made), 3);
    fs::rename(folder_ / "target", folder_ / "first");
    return output().starts_with(std::string(kSurveyBegin) + "into\0"s + into + '\0');
  };
  EXPECT_TRUE(begins_with(" made=1.2, made=" + id + ",", '0'));
  EXPECT_NE(output().find(std::string("made") + '\0' + id + '\0'), std::string::npos);
  EXPECT_TRUE(begins_with(" made=1.2, made=1" + id + ",", '1'));
  EXPECT_EQ(output().find(std::string("made") + '\0'), std::string::npos);
}

TEST_F(PushMark, ADiskOfOneMachineGetsNone) {
  for (const auto* type : {"ext2/ext3", "xfs", "btrfs"}) {
    fs::remove_all(folder_ / "target");
    name_ = "/in";
    write("input", "");
    EXPECT_EQ(run(":", fake("stat", "echo " + std::string(type)), asked_), 3);
    EXPECT_FALSE(told("")) << type;
  }
}

TEST_F(PushMark, ThoseOfDeadPushesOfThisHostAreRemovedByTheNextPush) {
  const auto archive = whole(member("0", "content"));
  write("input", do_text("begin ''\nstart") + data_text(archive) + end_text(archive));
  EXPECT_EQ(run(":",
                "ln -s 1.$(uname -n).4194305 target/.ec2mpi-push.mark.dead; "
                "ln -s 1.other.4194305 target/.ec2mpi-push.mark.other; "
                "ln -s 1.other.4194305 target/.ec2mpi-push.mark.old; "
                "touch -h -d '2 days ago' target/.ec2mpi-push.mark.old; "),
            0)
      << errors();
  EXPECT_FALSE(fs::is_symlink(folder_ / "target/.ec2mpi-push.mark.dead"));
  EXPECT_TRUE(fs::is_symlink(folder_ / "target/.ec2mpi-push.mark.other"));
  EXPECT_FALSE(fs::is_symlink(folder_ / "target/.ec2mpi-push.mark.old"));
}

TEST_F(PushMark, WhereNoneCanBeMadeThePushGoesOnWithout) {
  const auto archive = whole(member("0", "content"));
  write("input", do_text("begin ''\nstart") + data_text(archive) + end_text(archive));
  EXPECT_EQ(run(":", on_server() + fake("ln", "exit 1"), asked_), 0) << errors();
  EXPECT_FALSE(told(""));
  EXPECT_EQ(stage(), folder_ / "target/x");
}

/// NFS asks the server what is in a folder when the folder is opened.
TEST_F(PushMark, ASecondLookOpensTheFolderAboveATargetThatIsNotThere) {
  fs::create_directory(folder_ / "above");
  name_ = "/../above/new";
  write("input", "");
  const UniqueFd watch(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  ASSERT_GE(::inotify_add_watch(watch.get(), (folder_ / "above").c_str(), IN_OPEN), 0);
  const auto opened = [&] {
    std::array<char, 4096> events{};
    return ::read(watch.get(), events.data(), events.size()) > 0;
  };
  EXPECT_EQ(run(":"), 3);
  EXPECT_FALSE(opened());
  fs::remove_all(folder_ / "target");
  EXPECT_EQ(run(":", "", "again"), 3);
  EXPECT_TRUE(opened());
}

TEST_F(PushScript, AStageThatSomebodyElseHasMadeMeanwhileIsNotUsed) {
  write("input", do_text("mkdir \"$stage\"; echo theirs >\"$stage/theirs\"") + do_text("begin ''\nstart"));
  EXPECT_EQ(run(":"), 1);
  EXPECT_TRUE(fs::exists(stage() / "theirs"));
  EXPECT_FALSE(fs::exists(stage() / ".own"));
  EXPECT_NE(errors().find("ec2mpi: cannot write into"), std::string::npos);
}

/// Its files would be taken for what an earlier push of ours has left.
TEST_F(PushScript, AStageOfAnotherUserIsNotUsed) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a folder away";
  const std::string make = "mkdir target/.ec2mpi-push.$(uname -n).key.1; ";
  write("input", "");
  EXPECT_EQ(run(":", make), 3);
  const auto told = std::string(".key.1") + '\0';
  EXPECT_NE(output().find(told), std::string::npos);
  fs::remove_all(folder_ / "target");
  EXPECT_EQ(run(":", make + "chown 12345 target/.ec2mpi-push.*; "), 3);
  EXPECT_EQ(output().find(told), std::string::npos);
}

}  // namespace
}  // namespace ec2mpi::ops
