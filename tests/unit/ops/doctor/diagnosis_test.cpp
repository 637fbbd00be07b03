#include "ec2mpi/ops/doctor/diagnosis.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <algorithm>
#include <set>

#include "ec2mpi/ops/node/facts.hpp"
#include "tests/support/healthy_cluster.hpp"

namespace ec2mpi::ops {
namespace {

using test::healthy_cluster;
using Verdict = Check::Verdict;

Check check_named(const std::vector<Check>& checks, const std::string& name) {
  const auto found =
      std::find_if(checks.begin(), checks.end(), [&](const auto& each) { return each.name == name; });
  return found == checks.end() ? Check{.name = "none", .summary = {}, .findings = {}} : *found;
}

/// The names of the checks that fired.
std::vector<std::string> fired(const std::vector<Check>& checks) {
  std::vector<std::string> names;
  for (const auto& check : checks) {
    if (check.verdict == Verdict::warning || check.verdict == Verdict::failed) names.push_back(check.name);
  }
  return names;
}

TEST(Diagnosis, FindsNothingOnAHealthyCluster) {
  for (const int count : {1, 2, 5, 70}) {
    const auto checks = diagnose(healthy_cluster(count), {});
    EXPECT_TRUE(fired(checks).empty()) << fired(checks).front();
    EXPECT_TRUE(all_well(checks));
  }
}

TEST(Diagnosis, OfNodesThatNeverAnsweredIsAboutSshOnly) {
  std::vector<NodeRecord> records(2);
  for (int i = 0; i < 2; ++i) {
    records[static_cast<std::size_t>(i)].node.index = i + 1;
    records[static_cast<std::size_t>(i)].trouble = Error{ErrorKind::unreachable, "connection refused"};
  }
  const auto checks = diagnose(records, {"x"});
  ASSERT_EQ(checks.size(), 1U);
  EXPECT_EQ(checks[0].verdict, Verdict::failed);
  EXPECT_EQ(checks[0].findings[0].nodes, (std::vector<int>{1, 2}));
  EXPECT_EQ(checks[0].findings[0].command, "ec2mpi exec -w 1-2 true");
}

TEST(Diagnosis, OfNodesThatDoNotAnswerIsOneFindingThoughEachNamesItsAddress) {
  std::vector<NodeRecord> records(40);
  for (int i = 0; i < 40; ++i) {
    auto& [node, trouble, answer, asked, answered, tcp, no_tcp, links, ended] =
        records[static_cast<std::size_t>(i)];
    node.index = i + 1;
    node.address = fmt::format("10.0.1.{}", i + 1);
    trouble = Error{ErrorKind::unreachable, node.address + " port 22: connection refused"};
  }
  const auto ssh = diagnose(records, {})[0];
  ASSERT_EQ(ssh.findings.size(), 1U);
  EXPECT_EQ(ssh.findings[0].what, "its address port 22: connection refused");
  EXPECT_EQ(ssh.findings[0].nodes.size(), 40U);
  EXPECT_EQ(ssh.findings[0].command, "ec2mpi exec -w 1-40 true");
  EXPECT_NE(ssh.findings[0].fix.find("no sshd listens"), std::string::npos);
}

TEST(Diagnosis, OfOneFaultOnManyNodesIsOneFindingThoughEachNamesItself) {
  auto records = healthy_cluster(9);
  for (auto& record : records) {
    record.answer->health.settings = {{"btl_tcp_if_include", "OMPI_MCA_btl_tcp_if_include", "lo"}};
    record.answer->health.own_name_resolves = false;
    for (auto& [target, attempt] : record.links.logins)
      attempt = {false, fmt::format("Connection closed by 10.0.0.{} port 22", 10 + target)};
    for (auto& [target, attempt] : record.links.names)
      attempt = {false, fmt::format("ip-10-0-0-{} is taken for 10.9.9.9", 10 + target)};
  }
  const auto checks = diagnose(records, {});
  // The settings of node 1 change the line of mpirun; those of others do not.
  const auto settings = check_named(checks, "settings");
  ASSERT_EQ(settings.findings.size(), 2U);
  EXPECT_NE(settings.findings[1].what.find("leaves out its address, where the node is reached"),
            std::string::npos);
  const auto names = check_named(checks, "names");
  ASSERT_EQ(names.findings.size(), 4U);
  EXPECT_EQ(names.findings[0].what, "its own name ip-10-0-0-11 is not known");
  EXPECT_EQ(names.findings[1].what, "the same, each with its own name");
  EXPECT_EQ(names.findings[1].command, "ec2mpi exec -w 2-9 'getent hosts $(hostname)'");
  EXPECT_EQ(names.findings[2].what, "ip-10-0-0-12 is taken for 10.9.9.9, and so are 7 other names");
  const auto logins = check_named(checks, "logins");
  ASSERT_EQ(logins.findings.size(), 1U);
  EXPECT_NE(logins.findings[0].what.find("Connection closed by its address port 22"), std::string::npos);
}

TEST(Diagnosis, OfANodeThatLetsUsInButIsSlowDoesNotBlameTheSecurityGroup) {
  std::vector<NodeRecord> records(1);
  records[0].node.index = 1;
  records[0].trouble = Error{ErrorKind::timeout, "let us in, but does not report about itself in time"};
  const auto fix = diagnose(records, {})[0].findings[0].fix;
  EXPECT_EQ(fix.find("security group"), std::string::npos) << fix;
  EXPECT_NE(fix.find("ec2mpi exec -w 1 uptime"), std::string::npos) << fix;
}

TEST(Diagnosis, OfASecondAddressOnManyNodesIsOneFinding) {
  auto records = healthy_cluster(3);
  for (auto& record : records) {
    const Ipv4 second{record.answer->facts.private_address.value - 3};
    record.answer->health.interfaces.push_back({"ens6", second, 24, 9001});
  }
  const auto checks = diagnose(records, {});
  const auto interfaces = std::find_if(checks.begin(), checks.end(),
                                       [](const auto& check) { return check.name == "interfaces"; });
  ASSERT_EQ(interfaces->findings.size(), 1U);
  EXPECT_EQ(interfaces->findings[0].nodes, (std::vector<int>{1, 2, 3}));
  EXPECT_NE(interfaces->findings[0].what.find("ens6"), std::string::npos) << interfaces->findings[0].what;
  EXPECT_NE(interfaces->findings[0].fix.find("ip -4 addr flush dev ens6"), std::string::npos);
}

TEST(Diagnosis, OfAClockAllowsForTheTimeThatTheAnswerTook) {
  auto records = healthy_cluster(3);
  records[1].asked_at = 1000;
  records[1].answered_at = 1060;  // a slow node: it may have read its clock at any time of the minute
  records[1].answer->health.clock = 1058;
  EXPECT_TRUE(fired(diagnose(records, {})).empty());
  records[1].answer->health.clock = 990;
  EXPECT_EQ(fired(diagnose(records, {})), std::vector<std::string>{"clock"});
}

TEST(Diagnosis, OfTwoClocksThatDisagreeBelievesTheMaster) {
  auto records = healthy_cluster(2);
  records[1].answer->health.clock += 300;
  const auto clock = check_named(diagnose(records, {}), "clock");
  ASSERT_EQ(clock.findings.size(), 1U);
  EXPECT_EQ(clock.findings[0].nodes, std::vector<int>{2});
  EXPECT_EQ(clock.findings[0].what, "its clock is 5 min 00 s ahead of the others'");
}

TEST(Diagnosis, AsksForLockedMemoryOnlyWithEfa) {
  auto records = healthy_cluster(2);
  records[1].answer->facts.efa = true;
  const auto limits = check_named(diagnose(records, {}), "limits");
  EXPECT_EQ(limits.verdict, Verdict::failed);
  EXPECT_EQ(limits.findings[0].what, "a process may lock 64 kB of memory; EFA wants no limit");
  records[1].answer->health.limits.erase("l");
  EXPECT_TRUE(fired(diagnose(records, {})).empty());
}

TEST(Diagnosis, NamesTheMinorityOfVersions) {
  auto records = healthy_cluster(4);
  records[2].answer->facts.mpi->text = "4.1.0";
  records[2].answer->health.mpi4py_mpi->text = "4.1.0";
  const auto mpi = check_named(diagnose(records, {}), "mpi");
  ASSERT_EQ(mpi.findings.size(), 1U);
  EXPECT_EQ(mpi.findings[0].nodes, std::vector<int>{3});
  EXPECT_EQ(mpi.findings[0].what, "Open MPI 4.1.0, but Open MPI 4.1.4 on node[1-2,4] (3)");
}

TEST(Diagnosis, OneMachineListedTwice) {
  auto records = healthy_cluster(2);
  records[1].answer->facts.private_address = records[0].answer->facts.private_address;
  records[1].answer->health.interfaces = records[0].answer->health.interfaces;
  EXPECT_EQ(fired(diagnose(records, {})), std::vector<std::string>{"interfaces"});
}

TEST(Diagnosis, OfPairsNamesTheOneNodeThatTheyShare) {
  auto records = healthy_cluster(5);
  for (auto& record : records) {
    if (record.node.index != 3) record.tcp[3] = record.answer ? Attempt{false, "no answer"} : Attempt{};
  }
  auto ports = check_named(diagnose(records, {}), "ports");
  ASSERT_EQ(ports.findings.size(), 1U);
  EXPECT_EQ(ports.findings[0].nodes, std::vector<int>{3});
  EXPECT_EQ(ports.findings[0].what, "from 4 other nodes: no answer");
  for (auto& [target, attempt] : records[2].tcp) attempt = {false, "no answer"};
  EXPECT_EQ(check_named(diagnose(records, {}), "ports").findings[0].what,
            "to and from 4 other nodes: no answer");
  records = healthy_cluster(5);
  records[1].tcp[4] = {false, "no answer"};
  EXPECT_EQ(check_named(diagnose(records, {}), "ports").findings[0].what, "node2 to node4: no answer");
  records[3].tcp[2] = {false, "no answer"};
  EXPECT_EQ(check_named(diagnose(records, {}), "ports").findings[0].what, "node2 and node4: no answer");
}

// --- a fix is printed only where it fixes the case

std::string fix_for(const std::vector<NodeRecord>& records, const std::string& name) {
  const auto check = check_named(diagnose(records, {}), name);
  return check.findings.empty() ? "(no finding)" : check.findings.front().fix;
}

/// The fix for a login from node 1 to node 2 that ended with these words of ssh.
std::string login_fix(const std::string& said) {
  auto records = healthy_cluster(3);
  records[0].links.logins[2] = {false, said};
  return fix_for(records, "logins");
}

TEST(Fix, OfARefusedHostKeyIsSetupOnlyWhereSetupWritesThatKey) {
  for (const std::string reason :
       {"No ED25519 host key is known for foo and you have requested strict checking.",
        "Error checking host key ED25519 SHA256:x in revoked keys file /nope: No such file or directory"}) {
    auto records = healthy_cluster(3);
    records[0].links.logins[2] = {false, reason + " Host key verification failed."};
    const auto finding = check_named(diagnose(records, {}), "logins").findings.front();
    EXPECT_EQ(finding.fix, "");
    EXPECT_NE(finding.what.find(reason), std::string::npos) << finding.what;
  }
}

TEST(Diagnosis, OfLoginsJoinsALongTextOfSshAlsoIfItsCutWouldDivideTheAddress) {
  // The end of the text is shown; at some of these lengths it begins within the address.
  for (std::size_t length = 0; length < 300; ++length) {
    auto records = healthy_cluster(4);
    for (const int target : {2, 3, 4})
      records[0].links.logins[target] = {
          false, fmt::format("Unable to negotiate with 10.0.0.{} port 22: no matching cipher found. {}",
                             10 + target, std::string(length, 'x'))};
    EXPECT_EQ(check_named(diagnose(records, {}), "logins").findings.size(), 1U) << length;
  }
}

TEST(Fix, OfALoginFollowsSshsOwnLine) {
  EXPECT_EQ(login_fix("Host key verification failed."), "ec2mpi setup");
  const std::string strict = " and you have requested strict checking. Host key verification failed.";
  EXPECT_EQ(login_fix("No ED25519 host key is known for 10.0.0.12" + strict), "ec2mpi setup");
  EXPECT_EQ(login_fix("No ED25519 host key is known for [10.0.0.12]:2222" + strict), "ec2mpi setup");
  EXPECT_EQ(login_fix("ubuntu@10.0.0.12: Permission denied (publickey)."), "ec2mpi setup");
  EXPECT_EQ(login_fix("Bad owner or permissions on /home/ubuntu/.ssh/config"),
            "ec2mpi exec -w 1 --sudo 'chown ubuntu /home/ubuntu/.ssh/config && chmod go-w "
            "/home/ubuntu/.ssh/config'");
  EXPECT_EQ(login_fix("Bad owner or permissions on /etc/ssh/ssh_config.d/x.conf"),
            "ec2mpi exec -w 1 --sudo 'chown root /etc/ssh/ssh_config.d/x.conf && chmod go-w "
            "/etc/ssh/ssh_config.d/x.conf'");
  EXPECT_NE(
      login_fix("ssh: connect to host 10.0.0.12 port 22: Connection refused").find("ec2mpi exec -w 2 --sudo"),
      std::string::npos)
      << "a firewall on node 2";
  EXPECT_NE(
      login_fix("ssh: connect to host 10.0.0.12 port 2222: Connection refused").find("exec -w 2 --sudo"),
      std::string::npos)
      << "on another port, too";
  EXPECT_NE(login_fix("sh: 1: ssh: not found").find("openssh-client"), std::string::npos);
}

TEST(Fix, OfALoginIsAbsentIfNothingIsKnownToHelp) {
  EXPECT_EQ(login_fix("kex_exchange_identification: Connection closed by remote host"), "");
  EXPECT_EQ(login_fix("something nobody has seen before"), "");
  EXPECT_EQ(login_fix("Bad owner or permissions on /home/ubuntu/$(id)/config"), "")
      << "not a path to copy into a command";
}

TEST(Fix, OfATempFolderIsAbsentOnAReadOnlyFileSystem) {
  auto records = healthy_cluster(2);
  auto& health = records[1].answer->health;
  health.temp = "/tmp";
  health.temp_error = "Read-only file system";
  EXPECT_EQ(fix_for(records, "temp"), "");
  EXPECT_EQ(fix_for(records, "disk"), "(no finding)");
  health.temp_error = "No such file or directory";
  health.tmp_free = 0;
  EXPECT_EQ(fix_for(records, "temp"), "ec2mpi exec -w 2 --sudo 'install -d -m 1777 /tmp'");
  EXPECT_EQ(fix_for(records, "disk"), "(no finding)") << "a folder that is missing is not full";
}

TEST(Fix, OfNamesThatCannotBeLookedUpIsNotSetup) {
  auto records = healthy_cluster(2);
  auto& health = records[1].answer->health;
  health.own_name_resolves = false;
  health.names_error = "/etc/hosts cannot be read by the login user";
  EXPECT_EQ(fix_for(records, "names"), "ec2mpi exec -w 2 --sudo 'chmod 644 /etc/hosts'");
  health.names_error = "getent is not there to look names up";
  EXPECT_EQ(fix_for(records, "names"), "");
}

TEST(Fix, OfNamesIsSetupOnlyForNamesThatSetupWrites) {
  auto records = healthy_cluster(2);
  records[1].answer->health.own_name_resolves = false;
  EXPECT_EQ(fix_for(records, "names"), "ec2mpi setup");
  records[1].answer->facts.hostname = "worker-7";
  EXPECT_EQ(fix_for(records, "names"),
            "ec2mpi exec -w 2 --sudo 'echo \"127.0.1.1 $(hostname)\" >>/etc/hosts'");
}

TEST(Fix, OfOneHostNameOnAllNodesNamesEachNodeOnce) {
  auto records = healthy_cluster(3);
  for (auto& record : records) {
    record.answer->facts.hostname = "mpi-node";
    for (auto& [target, attempt] : record.links.names) attempt = {false, "mpi-node is taken for 127.0.1.1"};
  }
  const auto names = check_named(diagnose(records, {}), "names");
  ASSERT_EQ(names.findings.size(), 1U);
  EXPECT_EQ(names.findings[0].nodes, (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(names.findings[0].what, "they have one host name, mpi-node");
}

TEST(Fix, OfSharedMemoryDependsOnItsSize) {
  auto records = healthy_cluster(2);
  records[1].answer->health.shm_free = 1'000'000;
  records[1].answer->health.shm_size = 2'000'000;
  EXPECT_EQ(fix_for(records, "disk"), "ec2mpi exec -w 2 --sudo 'mount -o remount,size=50% /dev/shm'");
  records[1].answer->health.shm_size = 2'000'000'000;
  EXPECT_EQ(fix_for(records, "disk").find("remount"), std::string::npos) << "it is full, not small";
}

TEST(Fix, OfOpenFilesLooksAtTheFileThatSetsTheLimit) {
  auto records = healthy_cluster(2);
  auto& limit = records[0].answer->health.limits["n"];
  limit.value = 100;
  EXPECT_NE(fix_for(records, "limits").find("limits.d"), std::string::npos);
  limit = {.value = 100, .line = "/home/ubuntu/.bashrc:3:ulimit -n 100", .can_go = true};
  EXPECT_EQ(fix_for(records, "limits"), "ec2mpi exec -w 1 'sed -i 3d /home/ubuntu/.bashrc'");
  limit = {.value = 100, .line = "/home/ubuntu/.bashrc:3:  [ -n \"$X\" ] || ulimit -n 100", .can_go = false};
  EXPECT_EQ(fix_for(records, "limits"), "raise it in /home/ubuntu/.bashrc, line 3");
}

/// mpirun's daemon inherits them from the start-up files of its node.
TEST(Diagnosis, FindsTheLimitsWithWhichMpirunsDaemonOrARankFails) {
  for (const auto& [name, value, says] :
       std::initializer_list<std::tuple<const char*, std::uint64_t, const char*>>{
           {"v", 200'000, "a process may have 200000 kB of address space; a rank wants 300000"},
           {"d", 10'000, "a process may have 10000 kB of data; a rank wants 30000"},
           {"s", 100, "a process may have a stack of 100 kB; mpirun's daemon wants 500"},
           {"u", 30, "the user may have 30 processes and threads; mpirun's daemon with a rank wants 45"},
           {"umask", 177,
            "the umask 0177 takes the owner's own rights from the files that mpirun's daemon makes"}}) {
    auto records = healthy_cluster(2);
    records[1].answer->health.limits[name] = {
        .value = value, .line = fmt::format("/home/ubuntu/.bashrc:1:the {}", name), .can_go = true};
    const auto limits = check_named(diagnose(records, {}), "limits");
    EXPECT_EQ(limits.verdict, Verdict::failed) << name;
    ASSERT_EQ(limits.findings.size(), 1U) << name;
    EXPECT_EQ(limits.findings[0].what, says);
    EXPECT_EQ(limits.findings[0].fix, "ec2mpi exec -w 2 'sed -i 1d /home/ubuntu/.bashrc'");
  }
}

TEST(Diagnosis, LeavesLimitsAloneThatDoNoHarm) {
  auto records = healthy_cluster(2);
  auto& limits = records[1].answer->health.limits;
  limits["v"].value = 300'000;
  limits["s"].value = 8192;
  limits["umask"].value = 77;
  records[0].answer->health.limits["umask"].value = 177;  // of the master, where no daemon is started
  EXPECT_EQ(check_named(diagnose(records, {}), "limits").verdict, Verdict::ok);
}

TEST(Mpi, InAnotherFolderMattersOnlyWhereTheMastersDaemonIsNotThere) {
  auto records = healthy_cluster(3);
  records[1].answer->facts.mpirun = records[2].answer->facts.mpirun = "/opt/openmpi/bin/mpirun";
  EXPECT_EQ(check_named(diagnose(records, {}), "mpi").verdict, Verdict::ok);
  records[1].links.no_daemon = records[2].links.no_daemon = true;
  const auto mpi = check_named(diagnose(records, {}), "mpi");
  EXPECT_EQ(mpi.verdict, Verdict::failed);
  ASSERT_EQ(mpi.findings.size(), 1U);
  EXPECT_EQ(mpi.findings[0].nodes, (std::vector<int>{2, 3}));
  EXPECT_EQ(mpi.findings[0].what,
            "its mpirun is /opt/openmpi/bin/mpirun, but node1 starts /usr/bin/orted on all nodes, which is "
            "missing or not executable there");
  EXPECT_EQ(mpi.findings[0].command, "ec2mpi exec -w 2-3 'ls -l /usr/bin/orted'");
  // In the folder of node 1 no other folder is the fault.
  records[1].answer->facts.mpirun = records[2].answer->facts.mpirun = records[0].answer->facts.mpirun;
  const auto damaged = check_named(diagnose(records, {}), "mpi");
  ASSERT_EQ(damaged.findings.size(), 1U);
  EXPECT_EQ(damaged.findings[0].what,
            "/usr/bin/orted, which node1 starts on all nodes, is missing or not executable");
  EXPECT_EQ(damaged.findings[0].fix, "install MPI again there: its package brings that program");
  records[0].links.no_daemon = true;
  EXPECT_EQ(check_named(diagnose(records, {}), "mpi").verdict, Verdict::ok) << "not how this MPI works";
}

struct Setting {
  MpiSetting setting;
  const char* says;  ///< nullptr: nothing is wrong
};

TEST(Settings, ThatCutANodeOffOrNameWhatIsNotThereAreFound) {
  for (const auto& [setting, says] : std::initializer_list<Setting>{
           {{"btl_tcp_if_include", "/home/ubuntu/.bashrc:3:OMPI_MCA_btl_tcp_if_include", "lo"},
            "OMPI_MCA_btl_tcp_if_include (/home/ubuntu/.bashrc:3) sets btl_tcp_if_include to lo, which "
            "leaves out 10.0.0.11, where the node is reached"},
           {{"btl_tcp_if_include", "OMPI_MCA_btl_tcp_if_include", "ens5"}, nullptr},
           {{"btl_tcp_if_include", "OMPI_MCA_btl_tcp_if_include", "lo, 10.0.0.0/16"}, nullptr},
           {{"btl_tcp_if_include", "OMPI_MCA_btl_tcp_if_include", "192.168.0.0/16"}, "leaves out"},
           {{"oob_tcp_if_include", "OMPI_MCA_oob_tcp_if_include", "nosuch0"}, "leaves out"},
           {{"btl_tcp_if_exclude", "OMPI_MCA_btl_tcp_if_exclude", "docker0,lo"}, nullptr},
           {{"btl_tcp_if_exclude", "OMPI_MCA_btl_tcp_if_exclude", "ens5"}, "which has 10.0.0.11, where"},
           {{"ess", "OMPI_MCA_ess", "singleton"}, "mpirun does not start with it"},
           {{"pml", "/home/ubuntu/.openmpi/mca-params.conf:2", "ucx"},
            "/home/ubuntu/.openmpi/mca-params.conf:2 sets pml to ucx, but Open MPI has no pml ucx there"},
           {{"pml", "OMPI_MCA_pml", "ob1"}, nullptr},
           {{"pml", "OMPI_MCA_pml", "^ucx"}, nullptr},
           {{"mpi_show_mca_params", "OMPI_MCA_mpi_show_mca_params", "all"}, nullptr}}) {
    auto records = healthy_cluster(2);
    auto& health = records[0].answer->health;
    health.settings = {setting};
    health.components = {{"pml", {"ob1", "cm"}}};
    const auto check = check_named(diagnose(records, {}), "settings");
    EXPECT_EQ(check.verdict, says == nullptr ? Verdict::ok : Verdict::failed)
        << setting.name << setting.value;
    if (says == nullptr) {
      EXPECT_NE(check.summary.find(setting.name), std::string::npos) << check.summary;
      continue;
    }
    ASSERT_EQ(check.findings.size(), 1U) << setting.name;
    EXPECT_EQ(check.findings[0].nodes, std::vector<int>{1});
    EXPECT_NE(check.findings[0].what.find(says), std::string::npos) << check.findings[0].what;
  }
}

TEST(Settings, OfAWorkerThatTheLineOverrulesAreAWarning) {
  auto records = healthy_cluster(2);
  records[1].answer->health.settings = {{"btl_tcp_if_include", "OMPI_MCA_btl_tcp_if_include", "lo"}};
  EXPECT_EQ(check_named(diagnose(records, {}), "settings").verdict, Verdict::warning);
  records[1].answer->health.settings = {{"ess", "OMPI_MCA_ess", "singleton"}};
  EXPECT_EQ(check_named(diagnose(records, {}), "settings").verdict, Verdict::failed);
}

TEST(Settings, AComponentThatIsThereAndDoesNotWorkIsNamedWithItsWords) {
  auto records = healthy_cluster(2);
  auto& health = records[0].answer->health;
  health.settings = {{"pml", "/home/ubuntu/.bashrc:3:OMPI_MCA_pml", "ucx"}};
  health.components = {{"pml", {"ob1", "ucx"}}};
  health.settings_error = "No components were able to be opened in the pml framework.";
  const auto check = check_named(diagnose(records, {}), "settings");
  ASSERT_EQ(check.findings.size(), 1U);
  EXPECT_NE(check.findings[0].what.find("No components were able"), std::string::npos);
  EXPECT_EQ(check.findings[0].fix, "take it out of /home/ubuntu/.bashrc, line 3");
}

TEST(Fix, OfASettingInAFileRemovesItsLine) {
  auto records = healthy_cluster(2);
  records[0].answer->health.settings = {{"ess", "/home/ubuntu/.openmpi/mca-params.conf:2", "singleton"}};
  EXPECT_EQ(fix_for(records, "settings"),
            "ec2mpi exec -w 1 'sed -i 2d /home/ubuntu/.openmpi/mca-params.conf'");
  records[0].answer->health.settings = {{"ess", "/etc/openmpi/openmpi-mca-params.conf:2", "singleton"}};
  EXPECT_EQ(fix_for(records, "settings"),
            "ec2mpi exec -w 1 --sudo 'sed -i 2d /etc/openmpi/openmpi-mca-params.conf'");
}

/// The nodes that any finding names.
std::set<int> named_nodes(const std::vector<Check>& checks) {
  std::set<int> nodes;
  for (const auto& check : checks)
    for (const auto& finding : check.findings) nodes.insert(finding.nodes.begin(), finding.nodes.end());
  return nodes;
}

TEST(FrozenNode, IsTheOnlyOneThatIsNamed) {
  auto records = healthy_cluster(3);
  records[2].tcp.clear();
  records[2].no_tcp = "no answer in time";
  records[2].links = {.names = {}, .logins = {}, .complete = false};
  for (int index : {0, 1}) {
    auto& record = records[static_cast<std::size_t>(index)];
    record.tcp[3] = {false, "no answer"};
    record.links.logins[3] = {false, "Connection timed out"};
  }
  EXPECT_EQ(named_nodes(diagnose(records, {})), std::set<int>{3});
  // The time was over before the others had an answer from it.
  for (int index : {0, 1}) {
    auto& record = records[static_cast<std::size_t>(index)];
    record.tcp.erase(3);
    record.links.logins.erase(3);
    record.links.complete = false;
  }
  EXPECT_EQ(named_nodes(diagnose(records, {})), std::set<int>{3});
}

TEST(BrokenListener, IsShownWithWhatTheNodePrintedAndNotTakenForAFrozenNode) {
  auto records = healthy_cluster(3);
  records[2].tcp.clear();
  records[2].no_tcp = with_complaint({ErrorKind::remote_io, "the node could not listen for the other nodes"},
                                     "Segmentation fault\n")
                          .message;
  for (int index : {0, 1}) records[static_cast<std::size_t>(index)].tcp.erase(3);
  const auto ports = check_named(diagnose(records, {}), "ports");
  ASSERT_EQ(ports.findings.size(), 1U);
  EXPECT_NE(ports.findings[0].what.find("it printed: Segmentation fault"), std::string::npos)
      << ports.findings[0].what;
  EXPECT_EQ(ports.findings[0].fix.find("frozen"), std::string::npos) << ports.findings[0].fix;
  EXPECT_NE(ports.findings[0].command.find("ulimit -a"), std::string::npos);
}

TEST(FrozenNode, LeavesNoTimeForChecksOfPairsWhichAreThenSkipped) {
  auto records = healthy_cluster(3);
  for (auto& record : records) {
    record.tcp.clear();
    record.links = {};
  }
  records[2].answer.reset();
  records[2].trouble = Error{ErrorKind::timeout, "let us in, but does not report about itself in time"};
  const auto checks = diagnose(records, {});
  EXPECT_EQ(named_nodes(checks), std::set<int>{3});
  for (const char* name : {"ports", "logins"}) {
    EXPECT_EQ(check_named(checks, name).verdict, Verdict::skipped);
    EXPECT_EQ(check_named(checks, name).summary, "no time was left for it");
  }
}

TEST(Fix, OfAnMpi4pyThatIsThereButBrokenIsNotSetup) {
  auto records = healthy_cluster(2);
  auto& health = records[1].answer->health;
  health.mpi4py_version.clear();
  health.mpi4py_error = "ModuleNotFoundError: No module named 'mpi4py'";
  EXPECT_EQ(fix_for(records, "mpi4py"), "ec2mpi setup -w 2");
  health.mpi4py_error =
      "ImportError: libmpi.so.40: cannot open shared object file: No such file or directory";
  EXPECT_EQ(fix_for(records, "mpi4py"), "");
}

TEST(Fix, OfASecondAddressNamesTheAddressAndNeverTheInterfaceOfTheFirst) {
  auto records = healthy_cluster(2);
  records[1].answer->health.interfaces.push_back({"ens5", {0x0a00000eU}, 24, 9001});
  EXPECT_EQ(fix_for(records, "interfaces"), "ec2mpi exec -w 2 --sudo 'ip addr del 10.0.0.14/24 dev ens5'");
}

TEST(Diagnosis, SaysWhenLoginsDidNotEnd) {
  auto records = healthy_cluster(3);
  records[1].links.complete = false;
  EXPECT_EQ(fired(diagnose(records, {})), std::vector<std::string>{"logins"});
  records[1].links.cut_off = "connection closed by the node";
  std::string said;
  for (const auto& check : diagnose(records, {}))
    for (const auto& finding : check.findings) said += finding.what;
  EXPECT_EQ(said, "the logins from there were cut off: connection closed by the node");
}

TEST(Diagnosis, TextFromNodesCannotReachTheTerminal) {
  auto records = healthy_cluster(2);
  auto& health = records[1].answer->health;
  health.mpiruns.push_back({"/x\x1b[2J", std::nullopt});
  health.interfaces.push_back({"a\x1b", records[1].answer->facts.private_address, 24, 1});
  health.zone = "z\x1b";
  records[1].trouble = Error{ErrorKind::protocol, "x\x1by"};
  for (const auto& check : diagnose(records, {})) {
    for (const auto& finding : check.findings)
      EXPECT_EQ((finding.what + finding.command + finding.fix).find('\x1b'), std::string::npos) << check.name;
    EXPECT_EQ(check.summary.find('\x1b'), std::string::npos) << check.name;
  }
}

}  // namespace
}  // namespace ec2mpi::ops
