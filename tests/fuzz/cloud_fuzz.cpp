// Replies of EC2, files of the aws tools, and answers about credentials.

#include "ec2mpi/cloud/lifetime.hpp"
#include "frame.hpp"
#include "src/cloud/answers.hpp"
#include "src/cloud/credentials.hpp"
#include "src/cloud/http.hpp"
#include "src/cloud/profile.hpp"
#include "src/cloud/query.hpp"

using namespace ec2mpi::cloud;
using namespace ec2mpi::fuzz;

namespace {

void read_reply(std::string_view bytes, long status) {
  const auto answer = parse_answer("RunInstances", {.status = status, .body = std::string(bytes)});
  if (!answer) return;
  (void)names_in(answer->document_element(), "instancesSet", "instanceId");
  (void)console_output_in(answer->document_element());
  (void)next_page_in(answer->document_element());
}

}  // namespace

EC2MPI_FUZZ(bytes) {
  switch (take_choice(bytes, 5)) {
    case 0:
      return read_reply(bytes, 200);
    case 1:
      return read_reply(bytes, 503);
    case 2:
      return (void)parse_profiles(bytes);
    case 3:
      return (void)parse_credentials(bytes);
    default:
      (void)value_of(parse_span(bytes));
      return (void)value_of(parse_idle(bytes));
  }
}
