// What reading a list costs for 100, 10,000 and 1,000,000 lines, and whether the cost of a line stays the
// same.

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <ctime>
#include <string>
#include <string_view>

#include "ec2mpi/cluster/list/read_inventory.hpp"

namespace {

std::string address_of(std::size_t i) {
  return fmt::format("{}.{}.{}.{}", 3 + i / 16'000'000, i / 62'500 % 256, i / 250 % 250, 1 + i % 250);
}

std::string plain_line(std::size_t i) {
  return address_of(i) + "\n";
}

std::string console_line(std::size_t i) {
  return fmt::format("worker {}\ti-{:017x}\tc5n.large\t{}\t2021/08/08 09:11 GMT-7\n", i, i, address_of(i));
}

std::string json_line(std::size_t i) {
  return fmt::format(
      R"({{"InstanceId":"i-{:017x}","PublicIpAddress":"{}","State":{{"Code":16,"Name":"running"}}}})"
      "\n",
      i, address_of(i));
}

template <class Line>
std::string text_of(std::size_t lines, Line line) {
  std::string text;
  for (std::size_t i = 0; i < lines; ++i) text += line(i);
  return text;
}

/// Microseconds a line, the best of a few runs.
template <class Line>
double cost_of_line(std::size_t lines, Line line) {
  const std::string text = text_of(lines, line);
  double best = 0;
  for (std::size_t run = 0; run < std::max<std::size_t>(3, 30'000 / lines); ++run) {
    const std::clock_t begin = std::clock();
    const auto inventory = ec2mpi::parse_inventory(text, "bench");
    const double spent = 1e6 * static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
    if (!inventory || inventory->nodes.size() != lines) {
      fmt::print("not read: {}\n", inventory ? "lines are missing" : inventory.error().message);
      return 0;
    }
    const double cost = spent / static_cast<double>(lines);
    best = run == 0 ? cost : std::min(best, cost);
  }
  return best;
}

template <class Line>
void report(std::string_view form, Line line) {
  const double small = cost_of_line(100, line);
  const double middle = cost_of_line(10'000, line);
  const double large = cost_of_line(1'000'000, line);
  fmt::print(
      "{:<10} {:>8.3f} {:>8.3f} {:>8.3f} us/line   x{:.2f} from 100 to 1,000,000 lines, {:.2f} s for the "
      "last\n",
      form, small, middle, large, large / small, large);
}

}  // namespace

int main() {
  fmt::print("{:<10} {:>8} {:>8} {:>8}\n", "form", "100", "10,000", "1,000,000");
  report("plain", plain_line);
  report("console", console_line);
  report("json", json_line);
}
