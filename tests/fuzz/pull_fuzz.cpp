// What a node prints about the files that a pull wants: records and checksums.

#include "ec2mpi/ops/node/listed_fields.hpp"
#include "frame.hpp"
#include "src/ops/pull/listing.hpp"

using namespace ec2mpi::fuzz;

EC2MPI_FUZZ(bytes) {
  if (take_choice(bytes, 2) == 0) {
    (void)value_of(ec2mpi::ops::parse_record(bytes));
  } else {
    (void)ec2mpi::ops::parse_sums(bytes);
  }
}
