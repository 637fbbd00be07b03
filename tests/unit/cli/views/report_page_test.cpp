#include "ec2mpi/cli/views/report_page.hpp"

#include <gtest/gtest.h>
#include <pugixml.hpp>

namespace ec2mpi::cli {
namespace {

constexpr const char* kHostile =
    "</pre><script>alert(1)</script><img src=x onerror='a\"b'>&amp;\x1b[31m\xff\x00";

/// The page as XML; a page that is not well-formed fails the test.
pugi::xml_document parsed(const std::string& page) {
  pugi::xml_document document;
  const auto done = document.load_buffer(page.data(), page.size(), pugi::parse_default | pugi::parse_doctype);
  EXPECT_TRUE(done) << done.description() << " at " << page.substr(static_cast<std::size_t>(done.offset), 80);
  return document;
}

std::size_t count(const pugi::xml_document& page, const char* path) {
  return page.select_nodes(path).size();
}

ops::JobRecord job(const std::string& id, int status = 0) {
  ops::JobRecord job;
  job.id = id;
  job.state = ops::JobState::ended;
  job.status = status;
  job.command = "python3 x.py";
  job.nodes = "1-2";
  job.np = 4;
  job.started = 1'700'000'001;
  job.ended = 1'700'000'091;
  return job;
}

ops::VariantResult variant(int np, double seconds) {
  return {.id = "s-np" + std::to_string(np),
          .parameters = {{"np", std::to_string(np)}},
          .state = ops::VariantState::done,
          .nodes = {"node1"},
          .seconds = seconds,
          .exit = 0,
          .findings = {{"loss", "0.5"}}};
}

TEST(ReportPage, AJobHasItsSettingsTimesAndOutput) {
  const auto page = report_page(
      {.title = "x-1", .made = "now", .jobs = {job("x-1", 3)}, .outputs = {{"x-1", "a\nb\n", ""}}});
  const auto document = parsed(page);
  EXPECT_STREQ(document.select_node("//pre").node().text().get(), "a\nb");
  EXPECT_STREQ(document.select_node("//p[@class='bad']").node().text().get(), "exit 3");
  EXPECT_NE(page.find("1 min 30 s"), std::string::npos);
  EXPECT_EQ(count(document, "//svg"), 0U);
}

TEST(ReportPage, HostileTextStaysText) {
  auto hostile = job(kHostile);
  hostile.command = hostile.mpi = hostile.nodes = hostile.why = kHostile;
  hostile.not_swept[kHostile] = kHostile;
  ops::SeriesResult series = {variant(1, 2), variant(2, 1)};
  series[0].id = kHostile;
  series[0].nodes = {kHostile};
  series[0].findings = {{kHostile, kHostile}};
  for (const bool of_series : {false, true}) {
    ReportContent content{
        .title = kHostile, .made = kHostile, .jobs = {hostile}, .outputs = {{kHostile, kHostile, kHostile}}};
    if (of_series) content.series = series;
    const auto page = report_page(content);
    EXPECT_TRUE(page.contains(kReportMark));
    const auto document = parsed(page);
    EXPECT_EQ(count(document, "//script"), 1U);
    EXPECT_EQ(count(document, "//img"), 0U);
    EXPECT_EQ(page.find('\x1b'), std::string::npos);
    EXPECT_STREQ(document.select_node("//pre").node().text().get(),
                 "</pre><script>alert(1)</script><img src=x onerror='a\"b'>&amp;\\x1b[31m\\xff");
  }
}

TEST(ReportPage, LoadsNothingFromElsewhere) {
  ReportContent content{
      .title = "s", .made = "", .jobs = {job("s-np1")}, .series = {{variant(1, 2), variant(2, 1)}}};
  content.network = ops::NetMap{.nodes = {1, 2}, .pairs = {{1, 2, 20, 1e8}}};
  content.network_job = "net-1";
  const auto page = report_page(content);
  const auto document = parsed(page);
  EXPECT_EQ(count(document, "//svg"), 2U);
  EXPECT_EQ(count(document, "//*[@src or @href or @style]"), 0U);
  EXPECT_EQ(count(document, "//@*[starts-with(name(), 'on')]"), 0U);
  EXPECT_EQ(page.find("url("), std::string::npos);
  EXPECT_NE(page.find("default-src 'none'; style-src 'sha256-"), std::string::npos);
}

TEST(ReportPage, ASeriesHasATableThatCanBeSortedAndAPlot) {
  const auto page = report_page(
      {.title = "s", .made = "", .jobs = {job("s-np1")}, .series = {{variant(1, 2), variant(2, 1)}}});
  const auto document = parsed(page);
  EXPECT_EQ(count(document, "//table[@class='sortable']"), 2U);
  EXPECT_EQ(count(document, "(//table[@class='sortable'])[1]/tbody/tr"), 2U);
  EXPECT_EQ(count(document, "//svg/circle"), 2U);
}

TEST(ReportPage, StaysBelowAMegabyte) {
  ReportContent content{
      .title = std::string(100'000, '&'), .made = "", .outputs = {{"x", std::string(500'000, '"'), ""}}};
  content.outputs[0].err.assign(400'000, '\n');
  for (int i = 0; i < 1000; ++i) content.outputs[0].out += "\n" + std::string(300, '\'');
  content.series.emplace();
  for (int i = 1; i <= 800; ++i) {
    content.jobs.push_back(job("s-np" + std::to_string(i)));
    content.jobs.back().command = std::string(5000, '<');
    content.series->push_back(variant(i, 1.0 / i));
    content.series->back().findings = {{"text", std::string(5000, '&')}, {"key" + std::to_string(i), "1"}};
  }
  content.network.emplace();
  for (int i = 1; i <= 40; ++i) content.network->nodes.push_back(i);
  for (int i = 1; i <= 40; ++i)
    for (int k = i + 1; k <= 40; ++k) content.network->pairs.push_back({i, k, 20, 1e8});
  const auto page = report_page(content);
  parsed(page);
  EXPECT_LT(page.size(), 1'000'000U);
  EXPECT_NE(page.find("left out</p>"), std::string::npos);
}

}  // namespace
}  // namespace ec2mpi::cli
