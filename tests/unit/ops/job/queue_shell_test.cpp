/// The queue as a real shell runs it, in its own home, with supervisors that only sleep.
#include "ec2mpi/ops/job/queue_shell.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <set>
#include <thread>

#include "ec2mpi/base/file.hpp"
#include "tests/support/scratch_folder.hpp"

namespace ec2mpi::ops {
namespace {

namespace fs = std::filesystem;

/// Writes what the real one does, and the times at which it ran.
constexpr const char* kSupervisor = R"sh(
cd "$1" || exit 1
[ "$2" != clean ] || echo cleaned >cleaned
read -r boot </proc/sys/kernel/random/boot_id
read -r stat </proc/$$/stat
set -- ${stat##*) }
echo "$$ ${20} $boot" >pid.new && mv -f pid.new pid || exit 1
date +%s%N >>begun
[ -e cleaned ] || sleep "$(cat duration)"
date +%s%N >ended
echo 0 >exit.new && mv -f exit.new exit
sh ../../schedule
)sh";

class Queue : public testing::TestWithParam<const char*> {
 protected:
  Queue() {
    fs::create_directories(jobs());
    write(home_ / ".ec2mpi" / "schedule", schedule_script());
  }

  static void write(const fs::path& file, const std::string& text) { std::ofstream(file) << text; }
  [[nodiscard]] fs::path jobs() const { return home_ / ".ec2mpi" / "jobs"; }

  /// Shell text with the queue's home; the shells that the queue starts are the machine's sh.
  int run(const std::string& text) {
    const auto whole = "export HOME='" + home_.string() + "'; " + text;
    return std::system(whole.c_str());
  }
  /// Whether anything runs that was started with the queue's home.
  [[nodiscard]] bool busy() const {
    for (const auto& entry : fs::directory_iterator("/proc")) {
      const auto environment = read_file(entry.path() / "environ");
      if (environment && environment->find("HOME=" + home_.string()) != std::string::npos) return true;
    }
    return false;
  }
  void schedule(int times = 1) {
    std::string text;
    for (int i = 0; i < times; ++i) text += std::string(GetParam()) + " \"$HOME/.ec2mpi/schedule\" & ";
    EXPECT_EQ(run(text + "wait"), 0);
  }

  void submit(const std::string& id, int place, int np, int nodes = 0, int most = 0,
              const char* seconds = "0.2", int spare = 0) {
    const auto folder = jobs() / id;
    fs::create_directory(folder);
    write(folder / "supervise", kSupervisor);
    write(folder / "duration", seconds);
    write(folder / "meta", "np 1\n");
    write(folder / "always", "node1 local\n");
    std::string pool;
    for (int i = 1; i <= 4; ++i) {
      const auto address = "10.0.0.1" + std::to_string(i);
      pool += "node" + std::to_string(i) + " " + address + " " + (i == 1 ? "local" : address) + " 2\n";
    }
    write(folder / "pool", pool);
    const auto* form = id == "hydra" ? ":" : "slots";
    write(folder / "queue", "100 " + std::to_string(place) + " s " + std::to_string(most) + " " +
                                std::to_string(np) + " " + std::to_string(nodes) + " " + form + " " +
                                std::to_string(spare) + "\n");
  }

  [[nodiscard]] bool is(const std::string& id, const char* file) const {
    return fs::exists(jobs() / id / file);
  }
  [[nodiscard]] std::string text(const std::string& id, const char* file) const {
    return read_file(jobs() / id / file).value_or("");
  }
  void wait_for_exits(std::size_t count) {
    const auto exits = [this] {
      std::size_t found = 0;
      for (const auto& entry : fs::directory_iterator(jobs()))
        found += fs::exists(entry.path() / "exit") ? 1 : 0;
      return found;
    };
    for (int i = 0; i < 30'000 && exits() < count; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    ASSERT_EQ(exits(), count);
    // the last supervisors still call the queue; nobody may be left to write when the folder goes
    for (int i = 0; i < 30'000 && busy(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }

  test::ScratchFolder scratch_;
  fs::path home_ = scratch_.path();
};

TEST_P(Queue, JobsThatOverlapShareNoNode) {
  for (int i = 1; i <= 12; ++i) submit("j" + std::to_string(i), i, i % 4 == 0 ? 8 : i % 3 + 1, 0, 0, "0.1");
  schedule(4);  // all at the same moment; and the jobs end at the same moments
  wait_for_exits(12);
  struct Ran {
    std::set<std::string> hosts;
    long long from;
    long long to;
  };
  std::map<std::string, Ran> all;
  for (int i = 1; i <= 12; ++i) {
    const auto id = "j" + std::to_string(i);
    Ran ran{{}, std::stoll(text(id, "begun")), std::stoll(text(id, "ended"))};
    EXPECT_EQ(text(id, "begun").find('\n'), text(id, "begun").size() - 1) << id << " was started twice";
    std::istringstream lines(text(id, "hosts"));
    for (std::string address, slots; lines >> address >> slots;) ran.hosts.insert(address);
    EXPECT_EQ(ran.hosts.size(), i % 4 == 0 ? 4U : (i % 3 == 2 ? 2U : 1U)) << id;
    all[id] = ran;
  }
  for (const auto& [one, a] : all) {
    for (const auto& [other, b] : all) {
      if (one >= other || a.from >= b.to || b.from >= a.to) continue;
      for (const auto& host : a.hosts)
        EXPECT_FALSE(b.hosts.contains(host)) << one << " and " << other << " on " << host;
    }
  }
}

TEST_P(Queue, ADamagedJobHoldsNoOther) {
  int place = 0;
  for (const auto* file : {"exit", "pid", "queue", "hosts", "batch", "reason", "pool", "cancelled"}) {
    for (const auto* kind : {"mkfifo", "mkdir"}) {
      const auto id = std::string(file) + kind;
      submit(id, ++place, 1);
      // Of the hosts of jobs that run, and the reasons of jobs that ended, the queue asks.
      if (std::string(file) == "hosts") write(jobs() / id / "pid", "1 1 1\n");
      if (std::string(file) == "reason") write(jobs() / id / "exit", "1\n");
      write(jobs() / id / "batch", "b\n");
      fs::remove(jobs() / id / file);
      ASSERT_EQ(run(std::string(kind) + " '" + (jobs() / id / file).string() + "'"), 0);
    }
  }
  submit("good", ++place, 1);
  EXPECT_EQ(run("timeout 300 " + std::string(GetParam()) + " \"$HOME/.ec2mpi/schedule\""), 0);
  for (int i = 0; i < 30'000 && !is("good", "exit"); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_EQ(text("good", "exit"), "0\n");
  for (int i = 0; i < 30'000 && busy(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
}

/// What a job that has ended left.
struct Ended {
  const char* status;
  const char* reason;
};

TEST_P(Queue, ABatchStopsWhenItsFirstThreeJobsFailedForOneReason) {
  const auto starts = [this](const std::vector<Ended>& ended, const char* batch = "b") {
    fs::remove_all(jobs());
    fs::create_directories(jobs());
    for (std::size_t i = 0; i < ended.size(); ++i) {
      const auto id = "e" + std::to_string(i);
      submit(id, static_cast<int>(i), 1);
      write(jobs() / id / "batch", "b\n");
      write(jobs() / id / "exit", std::string(ended[i].status) + "\n");
      if (std::string(ended[i].reason) != "")
        write(jobs() / id / "reason", std::string(ended[i].reason) + "\n");
    }
    submit("waits", 9, 1);
    if (std::string(batch) != "") write(jobs() / "waits" / "batch", std::string(batch) + "\n");
    schedule();
    wait_for_exits(ended.size() + 1);
    return is("waits", "begun");
  };
  EXPECT_FALSE(starts({{"1", "ValueError: bad 3"}, {"1", "ValueError: bad 4"}, {"1", "ValueError: bad 5"}}));
  EXPECT_EQ(text("waits", "exit"), "130\n");
  EXPECT_TRUE(starts({{"1", "ValueError: bad"}, {"1", "ValueError: bad"}}));
  EXPECT_TRUE(
      starts({{"1", "ValueError: bad"}, {"0", ""}, {"1", "ValueError: bad"}, {"1", "ValueError: bad"}}));
  EXPECT_TRUE(starts({{"1", "ValueError: bad"}, {"1", "KeyError: 1"}, {"1", "ValueError: bad"}}));
  EXPECT_TRUE(starts({{"1", "exit 1"}, {"2", "exit 2"}, {"1", "exit 1"}}));
  EXPECT_TRUE(starts({{"124", "-"}, {"124", "-"}, {"124", "-"}}));
  EXPECT_TRUE(starts({{"1", "a"}, {"1", "a"}, {"1", "a"}}, ""));
  EXPECT_TRUE(starts({{"1", "a"}, {"1", "a"}, {"1", "a"}}, "other"));
}

TEST_P(Queue, FirstComeFirstServedAndALargeJobIsNotStarved) {
  submit("first", 1, 2, 0, 0, "1");
  submit("large", 2, 8, 0, 0, "0.1");
  submit("small", 3, 1, 0, 0, "0.1");
  schedule();
  EXPECT_TRUE(is("first", "pid"));
  EXPECT_FALSE(is("large", "pid") || is("small", "pid"));
  wait_for_exits(3);
  EXPECT_LE(std::stoll(text("first", "ended")), std::stoll(text("large", "begun")));
  EXPECT_LE(std::stoll(text("large", "ended")), std::stoll(text("small", "begun")));
}

TEST_P(Queue, NodesRanksAndTheMasterAreWrittenDown) {
  submit("a", 1, 3);
  submit("b", 2, 3, 2);
  schedule();
  wait_for_exits(2);
  EXPECT_EQ(text("a", "hosts"), "10.0.0.11 slots=2\n10.0.0.12 slots=1\n");
  EXPECT_EQ(text("a", "nodes"), "node1 local\nnode2 10.0.0.12\n");
  EXPECT_EQ(text("b", "hosts"), "10.0.0.13 slots=2\n10.0.0.14 slots=1\n");
  EXPECT_EQ(text("b", "nodes"), "node3 10.0.0.13\nnode4 10.0.0.14\nnode1 local\n");
  EXPECT_EQ(text("b", "placed"), "node3\nnode4\n");
  EXPECT_EQ(text("b", "meta"), "np 1\nnodes 3,4\n");
  EXPECT_EQ(text("b", "nodeIPaddress"), "10.0.0.13\n10.0.0.14\n");
}

TEST_P(Queue, SlotsForSpawnedRanksAreLeftWhereTheMostRoomIs) {
  submit("a", 1, 3, 0, 0, "0.1", 2);
  schedule();
  wait_for_exits(1);
  EXPECT_EQ(text("a", "hosts"), "10.0.0.11 slots=3\n10.0.0.12 slots=2\n");
}

TEST_P(Queue, ForMapByEachNodeHasAllItsSlots) {
  submit("a", 1, 3, 0, 0, "0.2", -1);
  schedule();
  wait_for_exits(1);
  EXPECT_EQ(text("a", "hosts"), "10.0.0.11 slots=2\n10.0.0.12 slots=2\n");
}

TEST_P(Queue, HydrasHostfileHasColonsAndItsNodesAreBusyToo) {
  submit("hydra", 1, 3, 0, 0, "0.5");
  submit("other", 2, 2);
  schedule();
  schedule();
  EXPECT_EQ(text("hydra", "hosts"), "10.0.0.11:2\n10.0.0.12:1\n");
  EXPECT_EQ(text("other", "hosts"), "10.0.0.13 slots=2\n");
  wait_for_exits(2);
}

TEST_P(Queue, AtMostSoManyOfASeriesAtATime) {
  submit("a", 1, 1, 0, 1, "0.3");
  submit("b", 2, 1, 0, 1, "0.1");
  schedule();
  EXPECT_TRUE(is("a", "pid"));
  EXPECT_FALSE(is("b", "pid"));
  wait_for_exits(2);
  EXPECT_LE(std::stoll(text("a", "ended")), std::stoll(text("b", "begun")));
}

TEST_P(Queue, ACancelledJobThatWaitsEndsWithoutBeingStarted) {
  submit("a", 1, 8, 0, 0, "0.1");
  write(jobs() / "a" / "cancelled", "");
  schedule();
  EXPECT_EQ(text("a", "exit"), "130\n");
  EXPECT_EQ(text("a", "why"), "cancelled\n");
  EXPECT_FALSE(is("a", "pid"));
}

TEST_P(Queue, AKilledSupervisorIsReplacedByOneThatCleansUp) {
  submit("a", 1, 8, 0, 0, "30");
  submit("b", 2, 8, 0, 0, "0.1");
  schedule();
  for (int i = 0; i < 30'000 && !is("a", "begun"); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  ASSERT_EQ(run("read -r pid rest <\"$HOME/.ec2mpi/jobs/a/pid\"; kill -KILL -$pid"), 0);
  for (int i = 0; i < 30'000 && !is("a", "cleaned"); ++i) schedule();
  wait_for_exits(2);
  EXPECT_EQ(text("a", "why"), "lost killed\n");
  EXPECT_LE(std::stoll(text("a", "ended")), std::stoll(text("b", "begun")));
}

// A limit on the size of files stands for a full disk: what the queue itself writes is smaller.
TEST_P(Queue, AJobWithoutRoomForItsFilesWaits) {
  submit("a", 1, 1);
  EXPECT_EQ(run("ulimit -f 3; " + std::string(GetParam()) + " \"$HOME/.ec2mpi/schedule\""), 0);
  EXPECT_FALSE(is("a", "pid"));
  EXPECT_EQ(std::distance(fs::directory_iterator(jobs()), fs::directory_iterator()), 1);
  schedule();
  wait_for_exits(1);
  EXPECT_EQ(text("a", "exit"), "0\n");
}

TEST_P(Queue, AJobWithOtherNodesStartsThoughThoseOfTheFirstAreTaken) {
  submit("first", 1, 8, 0, 0, "1");
  submit("same", 2, 1, 0, 0, "0.1");
  submit("other", 3, 1, 0, 0, "0.1");
  write(jobs() / "other" / "pool", "node5 10.0.0.15 10.0.0.15 2\n");
  schedule();
  EXPECT_TRUE(is("first", "pid") && is("other", "pid"));
  EXPECT_FALSE(is("same", "pid"));
  EXPECT_EQ(text("other", "hosts"), "10.0.0.15 slots=1\n");
  wait_for_exits(3);
}

TEST_P(Queue, AJobOfTheTimeBeforeARestartIsLostAndAJobOutsideOfTheQueueKeepsItsNodes) {
  submit("old", 1, 8, 0, 0, "0.1");
  write(jobs() / "old" / "pid", "1 1 another-boot\n");
  write(jobs() / "old" / "hosts", "10.0.0.11 slots=2\n");
  // This process stands for the supervisor of a job that does not wait in the queue.
  fs::create_directory(jobs() / "outside");
  ASSERT_EQ(run("read -r boot </proc/sys/kernel/random/boot_id; read -r stat </proc/" +
                std::to_string(getpid()) + "/stat; set -- ${stat##*) }; echo " + std::to_string(getpid()) +
                " ${20} $boot >\"$HOME/.ec2mpi/jobs/outside/pid\""),
            0);
  write(jobs() / "outside" / "hosts", "10.0.0.12:2\n10.0.0.13 slots=2\n");
  submit("next", 2, 2, 0, 0, "0.1");
  schedule();
  EXPECT_EQ(text("old", "why"), "lost rebooted\n");
  wait_for_exits(2);
  EXPECT_EQ(text("next", "hosts"), "10.0.0.14 slots=2\n");
}

INSTANTIATE_TEST_SUITE_P(Shells, Queue, testing::Values("dash", "bash"),
                         [](const auto& each) { return std::string(each.param); });

}  // namespace
}  // namespace ec2mpi::ops
