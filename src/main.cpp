#include "ec2mpi/cli/app.hpp"

int main(int argc, char** argv) {
  return ec2mpi::cli::run({argv + 1, argv + argc});
}
