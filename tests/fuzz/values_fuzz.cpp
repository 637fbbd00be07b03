// Values that users write: those of a sweep, times, and lines of an ssh configuration; and the words of ssh
// servers and agents.

#include "ec2mpi/cluster/config.hpp"
#include "ec2mpi/cluster/values/parameters.hpp"
#include "ec2mpi/ssh/known_host_names.hpp"
#include "ec2mpi/ssh/server_words.hpp"
#include "frame.hpp"
#include "src/ssh/libssh/agent.hpp"
#include "src/ssh/libssh/ssh_config.hpp"

using namespace ec2mpi;
using namespace ec2mpi::fuzz;

namespace {

void read_server_words(std::string_view bytes) {
  if (const auto error = ssh::explain_disconnect(bytes)) require_printable({error->message});
  require_printable({ssh::explain_refused_forward(bytes), ssh::explain_refused_session(bytes)});
  (void)ssh::is_end_for_unknown_channel(bytes);
  (void)ssh::is_refused_for_number(bytes);
}

void read_host_names(std::string_view bytes) {
  if (ssh::are_host_names(bytes)) (void)ssh::names_host(bytes, "203.0.113.11");
  (void)ssh::is_plain_host_name(bytes);
}

}  // namespace

EC2MPI_FUZZ(bytes) {
  switch (take_choice(bytes, 7)) {
    case 0:
      return (void)value_of(parse_values(bytes));
    case 1:
      return (void)value_of(parse_sweep(bytes));
    case 2:
      return (void)value_of(parse_persist(bytes));
    case 3:
      return (void)ssh::parse_config_line(bytes, "place");
    case 4:
      return (void)value_of(ssh::parse_agent_answer(bytes));
    case 5:
      return read_server_words(bytes);
    default:
      return read_host_names(bytes);
  }
}
