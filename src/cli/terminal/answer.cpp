#include "ec2mpi/cli/terminal/answer.hpp"

#include <utility>

#include "ec2mpi/base/exit_code.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cli/terminal/standard_output.hpp"

namespace ec2mpi::cli {

namespace {

struct Answer {
  Json fields = Json::object();
  bool results_are_diverted = false;
};
Answer& answer() {
  static Answer of_process;
  return of_process;
}

}  // namespace

Json& answer_fields() {
  return answer().fields;
}

void divert_results() {
  answer().results_are_diverted = true;
}
bool results_are_diverted() {
  return answer().results_are_diverted;
}

void print_answer(int code) {
  if (has_results()) return;
  Json document = {{"exit_code", code}};
  document.update(answer().fields);
  const auto said = last_words();
  // Results are messages here, so messages are a result.
  const bool has_messages = std::exchange(answer().results_are_diverted, false);
  if (has_messages) {
    document["messages"] = Json::array();
    if (!said.empty())
      for (const auto line : split(said, '\n')) document["messages"].push_back(line);
  }
  if (!has_messages || code != exit_code::ok) document["error"] = said;
  print_result(dump_json(document) + "\n");
}

void forget_answer() {
  answer() = {};
}

}  // namespace ec2mpi::cli
