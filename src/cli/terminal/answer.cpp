#include "ec2mpi/cli/terminal/answer.hpp"

#include "ec2mpi/base/exit_code.hpp"
#include "ec2mpi/base/text.hpp"
#include "ec2mpi/cli/terminal/diverted_results.hpp"
#include "ec2mpi/cli/terminal/standard_output.hpp"

namespace ec2mpi::cli {

Json& answer_fields() {
  static Json of_process = Json::object();
  return of_process;
}

void print_answer(int code) {
  if (has_results()) return;
  Json document = {{"exit_code", code}};
  document.update(answer_fields());
  const auto said = last_words();
  // Results are messages here, so messages are a result.
  const bool has_messages = results_are_diverted();
  if (has_messages) {
    document["messages"] = Json::array();
    if (!said.empty())
      for (const auto line : split(said, '\n')) document["messages"].push_back(line);
  }
  if (!has_messages || code != exit_code::ok) document["error"] = said;
  divert_results(false);
  print_result(dump_json(document) + "\n");
}

void forget_answer() {
  answer_fields() = Json::object();
  divert_results(false);
}

}  // namespace ec2mpi::cli
