// How the parts that look at all nodes, or at all jobs, grow: CPU time with 1250, 2500, 5000 and 10,000 of
// them, and the exponent of the curve through these four. 1 is linear.
//
//     scale_bench [--json] [WORD...]     WORD: only cases with this word in their names

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "ec2mpi/cluster/list/read_inventory.hpp"
#include "ec2mpi/cluster/values/selection.hpp"
#include "ec2mpi/fleet/gather.hpp"
#include "ec2mpi/ops/doctor/diagnosis.hpp"
#include "ec2mpi/ops/job/queue_shell.hpp"
#include "ec2mpi/ops/series/plan.hpp"
#include "src/ops/push/feeders.hpp"
#include "tests/support/healthy_cluster.hpp"
#include "tests/support/job_setup.hpp"
#include "tests/support/laptop.hpp"
#include "tests/support/scratch_folder.hpp"

namespace ec2mpi {
namespace {

constexpr std::array kSizes = {1250, 2500, 5000, 10'000};

/// CPU seconds of this process and of the programs that it has waited for.
double cpu_seconds() {
  timespec own{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &own);
  rusage children{};
  getrusage(RUSAGE_CHILDREN, &children);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return static_cast<double>(own.tv_sec) + 1e-9 * static_cast<double>(own.tv_nsec) +
         seconds(children.ru_utime) + seconds(children.ru_stime);
}

/// What is measured. The work returns false if its result is wrong.
struct Case {
  std::string name;
  /// Makes what the work needs, which is not measured.
  std::function<std::function<bool()>(int)> prepare;
};

/// Seconds, the least of a few runs.
double cost_of(const Case& each, int size) {
  double least = 0;
  double spent = 0;
  for (int run = 0; run < 3 || (spent < 0.05 && run < 20); ++run) {
    const auto work = each.prepare(size);
    const double begin = cpu_seconds();
    if (!work()) throw std::runtime_error(fmt::format("{} with {}: the result is wrong", each.name, size));
    const double cost = cpu_seconds() - begin;
    least = run == 0 ? cost : std::min(least, cost);
    spent += cost;
    if (spent > 10) break;
  }
  return least;
}

/// The slope of the line through the logarithms, by least squares.
double exponent_of(const std::vector<double>& costs) {
  double x_sum = 0, y_sum = 0, xx = 0, xy = 0;
  for (std::size_t i = 0; i < costs.size(); ++i) {
    const double x = std::log(static_cast<double>(kSizes.at(i)));
    const double y = std::log(costs[i]);
    x_sum += x, y_sum += y, xx += x * x, xy += x * y;
  }
  const auto n = static_cast<double>(costs.size());
  return (n * xy - x_sum * y_sum) / (n * xx - x_sum * x_sum);
}

// --- lists and selections ---

std::string address_of(int i) {
  return fmt::format("10.{}.{}.{}", i / 62'500, i / 250 % 250, 1 + i % 250);
}

std::string list_text(int count) {
  std::string text;
  for (int i = 0; i < count; ++i)
    text += fmt::format("worker{}\ti-{:017x}\tc5n.large\t{}\t2021/08/08 09:11 GMT-7\n", i, i, address_of(i));
  return text;
}

Inventory inventory_of(int count) {
  return parse_inventory(list_text(count), "bench").value();
}

Case read_list() {
  return {"list: read", [](int count) {
            return [text = list_text(count), count] {
              return parse_inventory(text, "bench").value().nodes.size() == static_cast<std::size_t>(count);
            };
          }};
}

/// `term(i)` names the node at this position; every second one is named.
Case select_by(const std::string& what, const std::function<std::string(int)>& term) {
  return {"selection: " + what, [term](int count) {
            std::string wanted;
            for (int i = 0; i < count; i += 2) wanted += (wanted.empty() ? "" : ",") + term(i);
            return [inventory = inventory_of(count), wanted, count] {
              return select_nodes(inventory, {wanted}, {}).value().size() ==
                     static_cast<std::size_t>(count / 2);
            };
          }};
}

// --- reports ---

Case gather_outputs(bool equal) {
  return {equal ? "report: equal outputs" : "report: outputs that all differ", [equal](int count) {
            std::vector<NodeOutput> outputs;
            for (int i = 1; i <= count; ++i)
              outputs.push_back({i, equal ? "5.10.0-amd64\n" : fmt::format("uptime {}\nload 0\n", i)});
            return [outputs, equal, count] {
              const auto groups = gather(outputs);
              return groups.size() == static_cast<std::size_t>(equal ? 1 : count) &&
                     !(render_groups(groups) + render_differences(groups)).empty();
            };
          }};
}

/// A whole command with fake nodes, every tenth of which refuses the connection.
Case command(const std::string& title, const std::vector<std::string>& words, int code) {
  return {"command: " + title, [words, code](int count) {
            auto laptop = std::make_shared<test::Laptop>();
            laptop->write(test::Laptop::kList, list_text(count));
            for (int i = 10; i <= count; i += 10) laptop->nodes[i].door = test::FakeNode::Door::refuses;
            for (int i = 1; i <= count; ++i)
              if (i % 10 != 0) laptop->nodes[i].out = "well\n";
            return [laptop, words, code] { return laptop->run_cli(words).code == code; };
          }};
}

// --- push ---

using States = std::vector<ops::NodeState>;

/// One look at the nodes of a push.
Case look(const std::string& what, const std::function<void(States&)>& set) {
  return {"push: feeders, " + what, [set](int count) {
            States states(static_cast<std::size_t>(count));
            set(states);
            return [states] { return ops::next_feeders(states, {}).size() <= states.size(); };
          }};
}

/// A tree of four children a node.
void receive_in_a_tree(States& states) {
  for (std::size_t i = 0; i < states.size(); ++i) {
    states[i].phase = ops::NodePhase::receiving;
    states[i].feeder = i == 0 ? ops::kLaptop : (i - 1) / 4;
    states[i].offset = states[i].earlier = 100'000'000 - 1000 * i;
    states[i].fed = std::chrono::seconds(20);
  }
}

void stand_still(States& states) {
  receive_in_a_tree(states);
  for (std::size_t i = 1; i < states.size(); i += 2) states[i].still = std::chrono::seconds(5);
}

void wait_for_places(States& states) {
  for (std::size_t i = 1; i < states.size(); ++i) states[i].stores = false;
}

void finish(States& states) {
  for (auto& state : states) {
    state.phase = ops::NodePhase::done;
    state.offset = state.earlier = 100'000'000;
  }
  for (std::size_t i = states.size() / 2; i < states.size(); ++i) {
    states[i].phase = ops::NodePhase::waiting;
    states[i].offset = 0;
  }
}

// --- doctor ---

/// `trouble` is put into the records of every tenth node.
Case diagnosis(const std::string& what, const std::function<void(ops::NodeRecord&)>& trouble) {
  return {"doctor: " + what, [trouble](int count) {
            auto records = test::healthy_cluster(count);
            for (std::size_t i = 0; i < records.size(); i += 10) trouble(records[i]);
            return [records] { return ops::diagnose(records, {}).size() > 5; };
          }};
}

// --- jobs ---

Case plan_on_nodes() {
  return {"job: plan", [](int count) {
            auto setup = std::make_shared<test::JobSetup>(count, 1, "a", std::vector<std::string>{"./a"});
            setup->job.ranks.np = count;
            return [setup] {
              return ops::plan_job(setup->job, setup->nodes, setup->nodes[0], setup->facts).has_value();
            };
          }};
}

ops::SeriesSpec series_of(int count, bool resume) {
  ops::SeriesSpec series{.name = "s", .variants = {}, .resume = resume};
  for (int i = 0; i < count; ++i) {
    ops::Variant variant{.parameters = {{"a", std::to_string(i)}}, .job = {}};
    variant.job.id = fmt::format("s-a{}", i);
    series.variants.push_back(std::move(variant));
  }
  return series;
}

/// What the master prints of jobs that have ended, or that wait.
std::string report_of(int count, bool ended) {
  std::string text = "now 100.50\n";
  for (int i = 0; i < count; ++i)
    text += fmt::format("job s-a{0}\nseries s\nstate {1}\nset a={0}\n{2}", i, ended ? "ended 0" : "waiting ",
                        ended ? "on node1\nclock 50.25 60.50\n| loss=0.5\n" : "");
  return text + "ec2mpi-report end\n";
}

Case read_report() {
  return {"series: read the master's report", [](int count) {
            return [text = report_of(count, true), count] {
              return ops::parse_series_records(text).value().size() == static_cast<std::size_t>(count);
            };
          }};
}

Case decide_series(bool resume) {
  return {resume ? "series: resume" : "series: begin again", [resume](int count) {
            return [records = ops::parse_series_records(report_of(count, true)).value(),
                    series = series_of(count, resume)]() mutable {
              return ops::take_ranks_per_node(series, records).empty() &&
                     ops::decide(series, records).has_value();
            };
          }};
}

Case show_series() {
  return {"series: table, CSV and JSON", [](int count) {
            ops::SeriesResult result;
            const auto records = ops::parse_series_records(report_of(count, true)).value();
            for (const auto& record : records) result.push_back(record.job);
            return [result] {
              return !ops::table_lines(result).empty() && !ops::csv_text(result).empty() &&
                     !ops::json_text("s", result).empty();
            };
          }};
}

/// The queue on the master looks at jobs that wait, while the nodes are busy: each end of a job does that.
Case schedule_jobs() {
  return {"queue: one look at jobs that wait", [](int count) {
            auto home = std::make_shared<test::ScratchFolder>();
            const auto jobs = *home / ".ec2mpi" / "jobs";
            std::filesystem::create_directories(jobs);
            const auto write = [](const std::filesystem::path& file, const std::string& text) {
              std::ofstream(file) << text;
            };
            write(*home / ".ec2mpi" / "schedule", ops::schedule_script());
            for (int i = 0; i < count; ++i) {
              const auto folder = jobs / fmt::format("s-a{}", i);
              std::filesystem::create_directory(folder);
              write(folder / "queue", fmt::format("100 {} s 0 8 4 slots 0\n", i));
              std::string pool;
              for (int node = 1; node <= 4; ++node)
                pool += fmt::format("node{0} 10.0.0.{0} 10.0.0.{0} 1\n", node);
              write(folder / "pool", pool);
              write(folder / "meta", "np 8\n");
            }
            return [home] {
              const auto line = fmt::format("HOME='{0}' sh '{0}/.ec2mpi/schedule'", home->path().string());
              return std::system(line.c_str()) == 0;  // NOLINT(cert-env33-c)
            };
          }};
}

std::vector<Case> all_cases() {
  const auto tcp_fails = [](ops::NodeRecord& record) {
    for (auto& [target, attempt] : record.tcp) attempt = {false, "timed out"};
  };
  const auto logins_fail = [](ops::NodeRecord& record) {
    record.links.complete = false;
    for (auto& [target, attempt] : record.links.logins) attempt = {false, "Permission denied (publickey)."};
    for (auto& [target, attempt] : record.links.names) attempt = {false, ""};
  };
  const auto silent = [](ops::NodeRecord& record) {
    record.links = {.names = {}, .logins = {}, .complete = false};
    record.tcp.clear();
    record.no_tcp = "no answer";
  };
  const auto name_is_shared = [](ops::NodeRecord& record) {
    record.answer->facts.hostname = fmt::format("twin{}", record.node.index / 20);
    record.answer->health.own_name_resolves = false;
  };
  return {read_list(),
          select_by("by index", [](int i) { return std::to_string(i + 1); }),
          select_by("by name", [](int i) { return fmt::format("worker{}", i); }),
          select_by("by instance id", [](int i) { return fmt::format("i-{:017x}", i); }),
          gather_outputs(true),
          gather_outputs(false),
          command("exec-all", {"exec-all", "-F", "none", "-i", "key.pem", "true"}, 1),
          command("exec-all -b", {"exec-all", "-F", "none", "-i", "key.pem", "-b", "true"}, 1),
          command("exec-all --json", {"exec-all", "-F", "none", "-i", "key.pem", "--json", "true"}, 1),
          command("nodes", {"nodes"}, 0),
          look("a tree in motion", receive_in_a_tree),
          look("half of a tree stands still", stand_still),
          look("nodes that wait for places", wait_for_places),
          look("half done, half waiting", finish),
          diagnosis("all well", [](ops::NodeRecord&) {}),
          diagnosis("TCP fails", tcp_fails),
          diagnosis("logins fail", logins_fail),
          diagnosis("silent nodes", silent),
          diagnosis("names are shared", name_is_shared),
          plan_on_nodes(),
          read_report(),
          decide_series(false),
          decide_series(true),
          show_series(),
          schedule_jobs()};
}

bool is_wanted(const std::string& name, const std::vector<std::string_view>& words) {
  return words.empty() || std::any_of(words.begin(), words.end(),
                                      [&](auto word) { return name.find(word) != std::string::npos; });
}

int report(const std::vector<std::string_view>& words, bool json) {
  if (!json) fmt::print("{:<44} {:>9} {:>9} {:>9} {:>9} ms   exponent\n", "", 1250, 2500, 5000, "10,000");
  std::string rows;
  for (const auto& each : all_cases()) {
    if (!is_wanted(each.name, words)) continue;
    std::vector<double> costs;
    for (const int size : kSizes) costs.push_back(cost_of(each, size));
    const double exponent = exponent_of(costs);
    for (auto& cost : costs) cost *= 1000;
    if (json)
      rows += fmt::format(R"({}  {{"case": "{}", "ms": [{:.3f}], "exponent": {:.2f}}})",
                          rows.empty() ? "" : ",\n", each.name, fmt::join(costs, ", "), exponent);
    else
      fmt::print("{:<44} {:>9.2f}      {:.2f}\n", each.name, fmt::join(costs, " "), exponent);
    std::fflush(stdout);
  }
  if (json) fmt::print("[\n{}\n]\n", rows);
  return 0;
}

}  // namespace
}  // namespace ec2mpi

int main(int count, char** arguments) {
  std::vector<std::string_view> words(arguments + 1, arguments + count);
  const bool json = std::erase(words, "--json") > 0;
  return ec2mpi::report(words, json);
}
