// What the script of a push reports of a node before anything is sent.

#include <sys/inotify.h>
#include <unistd.h>
#include <array>

#include "ec2mpi/base/file.hpp"
#include "tests/support/push_script.hpp"

namespace ec2mpi::ops {
namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;

class PushSurveyScript : public PushScript {};

TEST_F(PushSurveyScript, TheSurveyHasTheChecksumsOfAnOldStage) {
  write("input", "");
  const std::string stage = "target/.ec2mpi-push.$(cat /proc/sys/kernel/hostname).key.99999999";
  EXPECT_EQ(run(":", "mkdir -p " + stage + "/0 && printf content >" + stage + "/0/f && "), 3);
  EXPECT_NE(output().find("proof\0"s + sha256("content") + "  ./0/f\n"), std::string::npos) << output();
}

TEST_F(PushSurveyScript, TheSurveyTellsWhichLinksLeadToADevicePipeOrSocket) {
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

/// With "delete" the survey says so, by true paths.
TEST_F(PushSurveyScript, AFolderThatHoldsTheHomeIsReported) {
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

/// Its files would be taken for what an earlier push of ours has left.
TEST_F(PushSurveyScript, AStageOfAnotherUserIsNotUsed) {
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

}  // namespace
}  // namespace ec2mpi::ops
