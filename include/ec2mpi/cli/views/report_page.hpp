#pragma once
/// One job or one series as a page for a browser. Pure.
///
/// The page is one file: it loads nothing, and its policy lets the browser run only the page's own script.
/// Everything that comes from a node is escaped. It is below 1 MB and well-formed XML.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ec2mpi/ops/doctor/net.hpp"
#include "ec2mpi/ops/job/record.hpp"
#include "ec2mpi/ops/series/result.hpp"

namespace ec2mpi::cli {

/// The end of a job's output.
struct OutputEnd {
  std::string job;
  std::string out;
  std::string err;
};

struct ReportContent {
  std::string title = {};                 ///< id of the job, or name of the series
  std::string made = {};                  ///< when, for people
  std::vector<ops::JobRecord> jobs = {};  ///< the job, or those of the series
  std::optional<ops::SeriesResult> series = {};
  std::string cost = {};  ///< of the nodes while the jobs ran; empty if unknown
  std::vector<OutputEnd> outputs = {};
  std::optional<ops::NetMap> network = {};
  std::string network_job = {};  ///< the job that measured the network
};

/// In each page.
inline constexpr std::string_view kReportMark = "<p>ec2mpi report, ";

[[nodiscard]] std::string report_page(const ReportContent& content);

}  // namespace ec2mpi::cli
