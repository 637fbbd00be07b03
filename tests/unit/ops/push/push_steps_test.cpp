// How the script of a push puts files in place, and removes others.

#include "tests/support/push_script.hpp"

namespace ec2mpi::ops {
namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;

class PushStepsScript : public PushScript {};

TEST_F(PushStepsScript, NamesOfAnyKindArriveAsTheyAre) {
  const auto archive = whole(member("0", "content"));
  const std::string name = "x\n# whole\n\xff \\ 'y' \"\n";
  write("input", do_text("begin ''\nstart") + data_text(archive) +
                     end_text(archive, "put 0 " + quote_word(name) + " || return 1"));
  EXPECT_EQ(run(":"), 0) << errors();
  EXPECT_EQ(read(folder_ / "target" / name), "content");
}

/// Four programs for each of 3,000 files took a minute. Without perl, and where a folder is in the way, they
/// are put in place one by one.
TEST_F(PushStepsScript, ManyFilesAreRenamedByOneProgram) {
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

TEST_F(PushStepsScript, AFolderInPlaceOfOneOfManyFilesIsNamed) {
  const auto archive = whole(member("0", "first") + member("1", "second"));
  write("input", do_text("begin ''\nstart") + data_text(archive) +
                     end_text(archive, "put_files 0 x 1 y\nput 0 x || return 1\nput 1 y || return 1"));
  EXPECT_EQ(run(":", "mkdir target/y; "), 1);
  EXPECT_NE(errors().find("target/y is there already and is a folder"), std::string::npos) << errors();
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
TEST_F(PushStepsScript, TheLoginsKeysAndJobsAreNeverRemoved) {
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

TEST_F(PushStepsScript, AFileThatALinkInTheSshFolderLeadsToIsNeverRemoved) {
  write("input", steps_text("erase ./data/keys || return 1\nerase ./data || return 1"));
  EXPECT_EQ(run(":",
                "mkdir -p target/home/.ssh target/data && echo key >target/data/keys && "
                "ln -s ../../data/keys target/home/.ssh/authorized_keys && export HOME=$PWD/target/home; "),
            0)
      << errors();
  EXPECT_EQ(read(folder_ / "target/data/keys"), "key\n");
}

/// sshd refuses the keys of a login whose .ssh others may write.
TEST_F(PushStepsScript, TheHomeAndItsSshFolderKeepTheirModesAndNothingInThemBecomesWritableForOthers) {
  const auto folders = encode_tar_header({.name = "./.ssh/", .type = TarType::directory, .mode = 0777}) +
                       encode_tar_header({.name = "./other/", .type = TarType::directory, .mode = 0777}) +
                       encode_tar_header({.name = "./", .type = TarType::directory, .mode = 0777}) +
                       tar_end();
  const auto archive = whole(folder_member("0/") + folder_member("0/.ssh/") + member("0/.ssh/new", "") +
                             folder_member("0/other/") + member("folders0", folders));
  write("input", do_text("begin ''\nstart") + data_text(archive) +
                     end_text(archive,
                              "chmod 666 \"$stage/0/.ssh/new\"\nput 0 home || return 1\n"
                              "set_attributes 666 2020-09-13T12:26:40Z home/.ssh/old || return 1\n"
                              "folders 0 home || return 1"));
  const auto mode = [this](const char* path) { return fs::status(folder_ / path).permissions(); };
  const std::string made = "mkdir -m 750 target/home && export HOME=$PWD/target/home; ";
  EXPECT_EQ(run(":", made + "mkdir -m 700 target/home/.ssh && touch target/home/.ssh/old && "
                            "chmod 640 target/home/.ssh/old; "),
            0)
      << errors();
  EXPECT_EQ(mode("target/home"), fs::perms(0750));
  EXPECT_EQ(mode("target/home/.ssh"), fs::perms(0700));
  EXPECT_EQ(mode("target/home/.ssh/new"), fs::perms(0644));
  EXPECT_EQ(mode("target/home/.ssh/old"), fs::perms(0644));
  EXPECT_EQ(mode("target/home/other"), fs::perms(0777));

  fs::remove_all(folder_ / "target");
  write("input", do_text("begin ''\nstart") + data_text(archive) +
                     end_text(archive, "put 0 home || return 1\nfolders 0 home || return 1\nreturn 1"));
  EXPECT_EQ(run(":", made), 1);
  EXPECT_EQ(mode("target/home/.ssh"), fs::perms(0755)) << "a new one, and though a step failed";
}

TEST_F(PushStepsScript, ItTellsHowManyFilesAStepThatFailedHasLeftAndWhatWasRemoved) {
  const auto archive = whole(folder_member("0/") + member("0/a", "new") + member("0/b", "new") +
                             folder_member("0/in/") + member("0/in/c", "new") + member("1", "new"));
  write("input", do_text("begin ''\nstart") + data_text(archive) +
                     end_text(archive,
                              "erase ./gone || return 1\nput 1 one || return 1\n"
                              "rm \"$stage/0/a\"\nput 0 x || return 1"));
  EXPECT_EQ(run(":", "mkdir target/gone target/home && touch target/x && export HOME=$PWD/target/home; "), 1);
  EXPECT_NE(errors().find("target/x is there already and is not a folder"), std::string::npos) << errors();
  EXPECT_NE(output().find("erased 1\0left 2\0"s), std::string::npos) << output();
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

TEST_F(PushStepsScript, ATargetThatIsALinkIsWrittenThrough) {
  const auto archive = whole(member("0", "new"));
  write("input", do_text("begin ''\nstart") + data_text(archive) + end_text(archive));
  into_ = "0";
  name_ = "/door";
  EXPECT_EQ(run(":", "echo old >target/file && ln -s file target/door; "), 0) << errors();
  EXPECT_EQ(read(folder_ / "target/file"), "new");
  EXPECT_TRUE(fs::is_symlink(folder_ / "target/door"));
  EXPECT_NE(output().find(std::string("name\0file\0end", 13)), std::string::npos);
}

TEST_F(PushStepsScript, NewFoldersInASetgidFolderBecomeSetgidToo) {
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

}  // namespace
}  // namespace ec2mpi::ops
