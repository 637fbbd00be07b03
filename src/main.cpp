#include "ec2mpi/cli/app.hpp"

int main(int argc, char** argv) {
  return ec2mpi::cli::run(ec2mpi::cli::real_world(), {argv + 1, argv + argc});
}
