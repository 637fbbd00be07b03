// The node's report about its target, and the files that it therefore lacks.

#include "src/ops/push/plan.hpp"

#include <gtest/gtest.h>

namespace ec2mpi::ops {
namespace {

using namespace std::string_literals;

PushSurvey survey_of(const std::vector<std::string>& fields) {
  SurveyReader reader;
  bool last = false;
  for (const auto& field : fields) {
    EXPECT_FALSE(last);
    const auto taken = reader.take(field);
    EXPECT_TRUE(taken) << taken.error().message;
    last = taken && *taken;
  }
  EXPECT_TRUE(last);
  return std::move(reader.survey());
}

/// proj/ (a, sub/b, l -> a), and a single file.
SourceTree a_tree() {
  SourceTree tree;
  tree.tops = {{.path = "proj", .name = "proj", .directory = true}, {.path = "one", .name = "one"}};
  tree.items = {{.top = 0, .relative = "", .type = TarType::directory, .mode = 0755, .mtime = 10},
                {.top = 0, .relative = "a", .size = 5, .mode = 0644, .mtime = 20, .nanoseconds = 500'000'000},
                {.top = 0, .relative = "l", .type = TarType::symlink, .link = "a", .mode = 0777, .mtime = 20},
                {.top = 0, .relative = "sub", .type = TarType::directory, .mode = 0755, .mtime = 30},
                {.top = 0, .relative = "sub/b", .size = 7, .mode = 0644, .mtime = 40},
                {.top = 1, .relative = "", .size = 3, .mode = 0600, .mtime = 50}};
  return tree;
}

std::vector<std::string> head(const std::string& into = "1") {
  return {"into",  into,          "address", "10.0.0.11", "stage", "./.ec2mpi-push.h.k.7",
          "tools", "sha256 gzip", "area",    ""};
}

/// A node that has all of it.
std::vector<std::string> all() {
  auto fields = head();
  for (const auto& field : {"d 4096 755 10.0 ./proj"s, ""s, "f 5 644 20.5000000000 ./proj/a"s, ""s,
                            "l 1 777 99.0 ./proj/l"s, "a"s, "d 9 755 30.0000000000 ./proj/sub"s, ""s,
                            "f 7 644 40.0 ./proj/sub/b"s, ""s, "f 3 600 50.0 ./one"s, ""s}) {
    fields.push_back(field);
  }
  return fields;
}

PushNeed need_of(std::vector<std::string> fields, const DiffOptions& options = {}) {
  fields.emplace_back("end");
  return push_need(a_tree(), survey_of(fields), options,
                   [](const SourceItem&, std::uint64_t) { return std::string(64, 'f'); });
}

using Numbers = std::vector<std::size_t>;

TEST(PushNeed, NothingWhereAllIsThere) {
  const auto need = need_of(all());
  EXPECT_TRUE(need.nothing());
}

TEST(PushNeed, EverythingWhereNothingIs) {
  const auto need = need_of(head());
  EXPECT_EQ(need.items, (Numbers{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(need.folders, (Numbers{0, 3}));
  EXPECT_EQ(need.files, 3U);
  EXPECT_EQ(need.bytes, 15U);
}

TEST(PushNeed, AFileOfAnotherTimeOrSizeIsSentAndItsFoldersTimeMended) {
  auto fields = all();
  fields[18] = "f 7 644 41.0 ./proj/sub/b";
  EXPECT_EQ(need_of(fields).items, Numbers{4});
  EXPECT_EQ(need_of(fields).folders, Numbers{3});
  fields[18] = "f 8 644 40.0 ./proj/sub/b";
  EXPECT_EQ(need_of(fields).items, Numbers{4});
  fields = all();
  fields[12] = "f 5 644 20.5000000001 ./proj/a";
  EXPECT_TRUE(need_of(fields).nothing()) << "a digit finer than a nanosecond";
  fields[12] = "f 5 644 20.4 ./proj/a";
  EXPECT_EQ(need_of(fields).items, Numbers{1}) << "another fraction of the same second";
}

TEST(PushNeed, ModesAreMendedWithoutContent) {
  auto fields = all();
  fields[12] = "f 5 600 20.5 ./proj/a";
  fields[16] = "d 9 700 30.0 ./proj/sub";
  const auto need = need_of(fields);
  EXPECT_TRUE(need.items.empty());
  EXPECT_EQ(need.attributes, Numbers{1});
  EXPECT_EQ(need.folders, Numbers{3});
  EXPECT_EQ(need.bytes, 0U);
}

TEST(PushNeed, LinksAreComparedByWhereTheyLead) {
  auto fields = all();
  fields[15] = "elsewhere";
  EXPECT_EQ(need_of(fields).items, Numbers{2});
}

TEST(PushNeed, ALinkInPlaceOfAFolderStays) {
  auto fields = all();
  fields[16] = "l 9 777 30.0 ./proj/sub";
  const auto need = need_of(fields);
  EXPECT_TRUE(need.items.empty() && need.folders.empty());
}

TEST(PushNeed, ADevicePipeOrSocketIsInTheWay) {
  for (const char* kind : {"b", "c", "p", "s"}) {
    auto fields = all();
    fields[20] = kind + " 0 666 50.0 ./one"s;
    EXPECT_EQ(need_of(fields).in_the_way, "one") << kind;
    fields = all();
    fields[18] = kind + " 0 666 50.0 ./proj/sub/b"s;
    EXPECT_EQ(need_of(fields).in_the_way, "proj/sub/b") << kind;
  }
  EXPECT_EQ(need_of(all()).in_the_way, "");
  auto fields = all();
  fields[14] = "c 0 666 99.0 ./proj/l";
  EXPECT_EQ(need_of(fields).in_the_way, "proj/l") << "a link is to take its place";
  fields = head();
  fields.insert(fields.end(), {"lines", "2180 0 0 ./one\n"});
  EXPECT_EQ(need_of(fields).in_the_way, "one") << "a device, of a find without -printf";
  fields.back() = "a1ff 0 0 ./one\n";
  EXPECT_EQ(need_of(fields).in_the_way, "") << "a link";
}

TEST(PushNeed, ALinkToADevicePipeOrSocketIsInTheWayOfAFileAndNotOfALink) {
  for (const char* kind : {"lb", "lc", "lp", "ls", "lo"}) {
    auto fields = all();
    fields[12] = kind + " 9 777 20.5 ./proj/a"s;
    EXPECT_EQ(need_of(fields).in_the_way, "proj/a") << kind;
    fields = all();
    fields[14] = kind + " 9 777 99.0 ./proj/l"s;
    fields[15] = "/dev/null";
    EXPECT_EQ(need_of(fields).in_the_way, "") << kind;
    EXPECT_EQ(need_of(fields).items, Numbers{2}) << kind;
  }
  for (const char* kind : {"lf", "lN", "lL", "l?"}) {
    auto fields = all();
    fields[12] = kind + " 9 777 20.5 ./proj/a"s;
    EXPECT_EQ(need_of(fields).in_the_way, "") << kind;
    EXPECT_EQ(need_of(fields).items, Numbers{1}) << kind;
  }
}

TEST(PushNeed, ChecksumsDecideWhereTheyAreAskedFor) {
  auto fields = all();
  fields[12] = "f 5 644 77.0 ./proj/a";
  fields.emplace_back("sums");
  std::string told(64, 'f');
  told.append("  ./proj/a\n");
  fields.push_back(told);
  const auto with = [&fields](const std::string& local) {
    auto whole = fields;
    whole.emplace_back("end");
    return push_need(
        a_tree(), survey_of(whole), {.checksum = true},
        [local](const SourceItem& item, std::uint64_t) { return item.relative == "a" ? local : "?"; });
  };
  EXPECT_EQ(with(std::string(64, 'e')).items, (Numbers{1, 4, 5}));
  EXPECT_EQ(with(std::string(64, 'f')).items, (Numbers{4, 5}));
  EXPECT_EQ(with(std::string(64, 'f')).attributes, Numbers{1}) << "only its time is wrong";
}

TEST(PushNeed, WhatTheSourceHasNotIsErasedFromItsFoldersOnly) {
  auto fields = all();
  for (const auto& field :
       {"f 1 644 1.0 ./proj/extra"s, ""s, "d 1 755 1.0 ./proj/old"s, ""s, "f 1 644 1.0 ./proj/old/inner"s,
        ""s, "d 1 700 1.0 ./proj/.ec2mpi-push.h.k.1"s, ""s, "f 1 644 1.0 ./other"s, ""s}) {
    fields.push_back(field);
  }
  const auto need = need_of(fields, {.erase = true});
  EXPECT_EQ(need.erase, (std::vector<std::string>{"./proj/extra", "./proj/old"}));
  EXPECT_EQ(need.folders, Numbers{0});
  EXPECT_TRUE(need_of(fields).nothing());
}

TEST(PushNeed, WhatIsDearIsNotErasedNorWhatHoldsIt) {
  auto fields = head();
  for (const auto& field :
       {"d 4096 755 10.0 ./proj"s, ""s, "d 9 755 3.0 ./proj/home"s, ""s, "d 9 755 3.0 ./proj/home/.ssh"s, ""s,
        "f 9 644 3.0 ./proj/home/.ssh/authorized_keys"s, ""s, "f 9 644 3.0 ./proj/home/x"s, ""s, "dear"s,
        "proj/home/.ssh"s})
    fields.push_back(field);
  EXPECT_EQ(need_of(fields, {.erase = true}).erase, std::vector<std::string>{"./proj/home/x"});
}

TEST(PushNeed, WhatIsExcludedIsNotErasedNorWhatHoldsIt) {
  auto fields = all();
  for (const auto& field : {"d 1 755 1.0 ./proj/old"s, ""s, "f 1 644 1.0 ./proj/old/x.log"s, ""s,
                            "f 1 644 1.0 ./proj/old/x.txt"s, ""s, "end"s}) {
    fields.push_back(field);
  }
  auto tree = a_tree();
  tree.tops[0].filter.add_rule("*.log");
  const auto need = push_need(tree, survey_of(fields), {.erase = true});
  EXPECT_EQ(need.erase, std::vector<std::string>{"./proj/old/x.txt"});
}

std::vector<std::string> with_a_mount() {
  auto fields = all();
  for (const auto& field : {"d 1 755 1.0 ./proj/old"s, ""s, "f 1 644 1.0 ./proj/old/x"s, ""s,
                            "d 1 755 1.0 ./proj/old/disk"s, ""s, "f 1 644 1.0 ./proj/old/disk/x.log"s, ""s,
                            "f 1 644 1.0 ./proj/old/disk/data"s, ""s, "mount"s, "proj/old/disk"s, "end"s}) {
    fields.push_back(field);
  }
  return fields;
}

TEST(PushNeed, AMountPointIsNotErasedNorAnythingInIt) {
  auto tree = a_tree();
  for (const auto* excluded : {"nothing", "*.log"}) {
    tree.tops[0].filter.add_rule(excluded);
    const auto need = push_need(tree, survey_of(with_a_mount()), {.erase = true});
    EXPECT_EQ(need.erase, std::vector<std::string>{"./proj/old/x"}) << excluded;
    EXPECT_EQ(need.mounted, std::vector<std::string>{"./proj/old/disk"}) << excluded;
    EXPECT_FALSE(need.nothing());
  }
  tree.tops[0].filter.add_rule("disk");
  EXPECT_TRUE(push_need(tree, survey_of(with_a_mount()), {.erase = true}).mounted.empty()) << "as wished";
}

TEST(PushNeed, AFolderOfTheSourcesMayBeAMountPointItself) {
  auto fields = all();
  for (const auto& field : {"f 1 644 1.0 ./proj/extra"s, ""s, "mount"s, "proj"s}) fields.push_back(field);
  const auto need = need_of(fields, {.erase = true});
  EXPECT_EQ(need.erase, std::vector<std::string>{"./proj/extra"});
  EXPECT_TRUE(need.mounted.empty());
}

/// "proj/old-2" stands between "proj/old" and "proj/old/x" in the order of letters.
TEST(PushNeed, AFolderIsErasedOnceWithAllThatItHolds) {
  auto fields = all();
  for (const auto& field :
       {"d 1 755 1.0 ./proj/old"s, ""s, "f 1 644 1.0 ./proj/old/x"s, ""s, "d 1 755 1.0 ./proj/old-2"s, ""s}) {
    fields.push_back(field);
  }
  EXPECT_EQ(need_of(fields, {.erase = true}).erase, (std::vector<std::string>{"./proj/old", "./proj/old-2"}));
}

TEST(PushNeed, UnderANewName) {
  auto fields = head("0");
  for (const auto* field : {"f 3 600 50.0 ./new", "", "name", "new", "end"}) fields.emplace_back(field);
  SourceTree tree;
  tree.tops = {{.path = "one", .name = "one"}};
  tree.items = {{.top = 0, .size = 3, .mode = 0600, .mtime = 50}};
  EXPECT_TRUE(push_need(tree, survey_of(fields), {}).nothing());
  fields[fields.size() - 2] = "other";
  EXPECT_FALSE(push_need(tree, survey_of(fields), {}).nothing());
}

/// The sum of all local files, as need_of() has it.
std::string proof_of(const std::string& path, char digit = 'f') {
  return std::string(64, digit) + "  ./" + path + "\n";
}

TEST(PushNeed, WhatAnEarlierPushHasLeftIsUsed) {
  auto fields = head();
  for (const auto& field : {"area"s, "./.ec2mpi-push.h.k.3"s, "d 1 700 1.0 ."s, ""s, "d 1 755 1.0 ./0"s, ""s,
                            "f 5 644 20.5 ./0/a"s, ""s, "f 1 644 20.5 ./0/sub/b"s, ""s, "f 1 600 1.0 ./9"s,
                            ""s, "p 0 600 1.0 ./in"s, ""s, "proof"s, proof_of("0/a") + proof_of("0/sub/b")}) {
    fields.push_back(field);
  }
  const auto need = need_of(fields);
  EXPECT_EQ(need.left, "./.ec2mpi-push.h.k.3");
  EXPECT_EQ(need.items, (Numbers{0, 2, 3, 4, 5})) << "all but what has arrived whole";
  EXPECT_EQ(need.discard, (std::vector<std::string>{"0/sub/b", "9"}));
}

/// Until the checksum of a whole archive was right, the bytes may be wrong.
TEST(PushNeed, AFileInAStageCountsOnlyIfItsChecksumIsRight) {
  const auto with = [](const std::string& proof) {
    auto fields = head();
    for (const auto& field : {"area"s, "./.ec2mpi-push.h.k.3"s, "f 5 644 20.5 ./0/a"s, ""s})
      fields.push_back(field);
    if (!proof.empty()) {
      fields.emplace_back("proof");
      fields.push_back(proof);
    }
    return fields;
  };
  EXPECT_EQ(need_of(with({})).files, 3U);
  EXPECT_EQ(need_of(with(proof_of("0/a", 'e'))).files, 3U);
  EXPECT_EQ(need_of(with(proof_of("0/a", 'e'))).discard, (std::vector<std::string>{"0/a"}));
  EXPECT_EQ(need_of(with(proof_of("0/a"))).files, 2U);
  auto whole = with(proof_of("0/a"));
  whole.emplace_back("end");
  const std::vector<std::pair<std::size_t, std::uint64_t>> asked{{1, 5}};
  EXPECT_EQ(files_to_compare(a_tree(), survey_of(whole), {}), asked);
}

TEST(PushNeed, ABigFileThatWasBegunIsGoneOnWithIfItsBeginningIsOurs) {
  auto tree = a_tree();
  tree.items[4].size = 9'000'000;
  auto fields = head();
  for (const auto& field : {"area"s, "./.ec2mpi-push.h.k.3"s, "f 8000000 600 1.0 ./0/sub/b"s, ""s, "proof"s,
                            proof_of("0/sub/b"), "end"s})
    fields.push_back(field);
  const auto survey = survey_of(fields);
  const std::vector<std::pair<std::size_t, std::uint64_t>> asked{{4, 8'000'000}};
  EXPECT_EQ(files_to_compare(tree, survey, {}), asked);
  const auto need_with = [&](char digit) {
    return push_need(tree, survey, {}, [digit](const SourceItem&, std::uint64_t bytes) {
      return bytes == 8'000'000 ? std::string(64, digit) : std::string();
    });
  };
  const auto ours = need_with('f');
  EXPECT_EQ(ours.kept, (std::map<std::size_t, std::uint64_t>{{4, 8'000'000}}));
  EXPECT_TRUE(ours.discard.empty());
  EXPECT_EQ(ours.items, (Numbers{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(ours.bytes, 1'000'008U);
  const auto other = need_with('e');
  EXPECT_TRUE(other.kept.empty());
  EXPECT_EQ(other.discard, std::vector<std::string>{"0/sub/b"});
  EXPECT_EQ(other.bytes, 9'000'008U);
}

TEST(PushSurvey, LinesOfStatAreReadToo) {
  const auto survey = survey_of({"into", "1", "stage", "./s", "tools", "length", "area", "", "lines",
                                 "81a4 5 20 ./proj/a\n41ed 4096 10 ./proj\nhalf a name\n", "end"});
  EXPECT_FALSE(survey.sha256);
  EXPECT_EQ(survey.target.at("proj/a").size, 5U);
  EXPECT_EQ(survey.target.at("proj").type, TarType::directory);
  const auto need = push_need(a_tree(), survey, {});
  EXPECT_EQ(need.items, (Numbers{2, 3, 4, 5})) << "fractions of a second are not compared";
}

TEST(PushSurvey, TheTextOfAMarkIsTakenAsItIs) {
  EXPECT_EQ(survey_of({"into", "1", "mark", "abc.host.7", "area", "", "end"}).mark, "abc.host.7");
  EXPECT_EQ(survey_of({"into", "1", "area", "", "end"}).mark, "");
}

TEST(PushSurvey, NonsenseIsRefused) {
  for (const auto& fields : std::vector<std::vector<std::string>>{{"into", "2"},
                                                                  {"address", "$(reboot)"},
                                                                  {"name", "../up"},
                                                                  {""},
                                                                  {"f 1 644 1.0 ./a", ""},
                                                                  {"proof", ""},
                                                                  {"area", "", "proof", ""},
                                                                  {"area", "", "f x 644 1.0 ./a", ""},
                                                                  {"area", "", "f 1 999 1.0 ./a", ""},
                                                                  {"area", "", "f 1 644 soon ./a", ""}}) {
    SurveyReader reader;
    bool refused = false;
    for (const auto& field : fields) refused = refused || !reader.take(field);
    EXPECT_TRUE(refused) << fields.back();
  }
}

TEST(PushNeed, AFolderThatIsALinkNowIsRemovedFirstAndOnlyWithErase) {
  auto fields = all();
  fields[14] = "d 9 755 30.0 ./proj/l";
  fields[15] = "";
  for (const auto& field : {"f 5 644 1.0 ./proj/l/old"s, ""s}) fields.push_back(field);
  EXPECT_TRUE(need_of(fields).replace.empty());
  EXPECT_EQ(need_of(fields).in_the_way, "proj/l");
  const auto need = need_of(fields, {.erase = true});
  EXPECT_EQ(need.in_the_way, "");
  EXPECT_EQ(need.replace, std::vector<std::string>{"./proj/l"});
  EXPECT_TRUE(need.erase.empty()) << "behind the link lie the files of another folder";
  EXPECT_EQ(need.items, Numbers{2});
}

TEST(PushNeed, AFileThatIsAFolderNowIsRemovedFirstAndOnlyWithErase) {
  auto fields = all();
  fields[16] = "f 9 644 30.0 ./proj/sub";
  fields.erase(fields.begin() + 18, fields.begin() + 20);
  EXPECT_EQ(need_of(fields).in_the_way, "proj/sub");
  EXPECT_EQ(need_of(fields).why_it_stays,
            "there is a file, and is not replaced by a folder; --delete replaces it");
  const auto need = need_of(fields, {.erase = true});
  EXPECT_EQ(need.in_the_way, "");
  EXPECT_EQ(need.replace, std::vector<std::string>{"./proj/sub"});
  EXPECT_EQ(need.items, (Numbers{3, 4}));
}

TEST(PushNeed, ASourceDoesNotReplaceWhatIsOfAnotherKind) {
  auto fields = head();
  fields.insert(fields.end(), {"d 9 755 50.0 ./one", ""});
  EXPECT_EQ(need_of(fields, {.erase = true}).why_it_stays,
            "there is a folder, and is not replaced by a file; remove it there first");
  fields = head();
  fields.insert(fields.end(), {"f 9 644 50.0 ./proj", ""});
  EXPECT_EQ(need_of(fields, {.erase = true}).why_it_stays,
            "there is a file, and is not replaced by a folder; remove it there first");
}

TEST(PushNeed, ASetgidBitFromTheFolderAboveIsNoDifference) {
  auto fields = all();
  fields[16] = "d 9 2755 30.0 ./proj/sub";
  EXPECT_TRUE(need_of(fields).nothing());
}

TEST(PushSteps, AReplacedFolderIsRemovedBeforeItsLinkComes) {
  PushNeed need;
  need.replace = {"./proj/l"};
  const auto steps = push_steps(a_tree(), {}, need, {.sum = "sum"});
  EXPECT_LT(steps.find("erase ./proj/l"), steps.find("put 0"));
}

TEST(PushSteps, NamesAreQuoted) {
  SourceTree tree;
  tree.tops = {{.path = "x", .name = "it's $(odd)"}};
  tree.items = {{.top = 0, .size = 3, .mode = 0600, .mtime = 50}, {.top = 0, .relative = "x y"}};
  PushNeed need;
  need.attributes = {0};
  need.erase = {"./a b"};
  PushSurvey survey;
  survey.name = "n";
  EXPECT_EQ(push_steps(tree, survey, need, {.sum = "sum", .changed = {1}}),
            "commit sum\nsteps() {\ndiscard '0/x y'\nput 0 'it'\\''s $(odd)' || return 1\n"
            "set_attributes 600 1970-01-01T00:00:50.000000000Z n || return 1\nerase_all './a "
            "b'\nreport_refused\n}\napply\n");
}

TEST(AskedPaths, AreTheSourcesNames) {
  auto tree = a_tree();
  EXPECT_EQ(asked_paths(tree, false), (std::vector<std::string>{"./proj", "./one"}));
  tree.tops[0].name.clear();
  EXPECT_EQ(asked_paths(tree, false), (std::vector<std::string>{"./a", "./l", "./sub", "./one"}));
  EXPECT_EQ(asked_paths(tree, true), std::vector<std::string>{"."});
}

}  // namespace
}  // namespace ec2mpi::ops
