// A number goes round all ranks, and each adds its own: the sum is known, so the cluster can be checked.
//
//     mpicxx -O2 -o ring ring.cpp        (on a machine like the nodes, or on one of them)
//     ec2mpi push ring .
//     ec2mpi run -- ./ring 100           (100 times round)

#include <mpi.h>

#include <cstdio>
#include <cstdlib>

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  int rank = 0;
  int ranks = 1;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  const long rounds = argc > 1 ? std::atol(argv[1]) : 10;
  const int next = (rank + 1) % ranks;
  const int previous = (rank + ranks - 1) % ranks;

  long sum = 0;
  const double start = MPI_Wtime();
  for (long round = 0; round < rounds; ++round) {
    if (rank == 0) MPI_Send(&sum, 1, MPI_LONG, next, 0, MPI_COMM_WORLD);
    MPI_Recv(&sum, 1, MPI_LONG, previous, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    sum += rank;
    if (rank != 0) MPI_Send(&sum, 1, MPI_LONG, next, 0, MPI_COMM_WORLD);
  }
  const double seconds = MPI_Wtime() - start;

  int failed = 0;
  if (rank == 0) {
    const long expected = rounds * ranks * (ranks - 1) / 2;
    failed = sum != expected;
    std::printf("ring: %d ranks, %ld rounds, sum %ld of %ld: %s (%.1f us a hop)\n", ranks, rounds, sum,
                expected, failed ? "WRONG" : "correct", seconds * 1e6 / static_cast<double>(rounds * ranks));
  }
  MPI_Bcast(&failed, 1, MPI_INT, 0, MPI_COMM_WORLD);
  MPI_Finalize();
  return failed;
}
