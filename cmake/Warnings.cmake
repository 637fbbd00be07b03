# Interface target with our own warnings and sanitizers; errors only for developers, never for a user's build.
add_library(ec2mpi_warnings INTERFACE)
# GCC 12 inlines only one half of asio's pair of operators for coroutine frames and then finds that they don't match.
target_compile_options(ec2mpi_warnings INTERFACE -Wall -Wextra -Wshadow -Wconversion -Wno-mismatched-new-delete -Wno-maybe-uninitialized)
if(EC2MPI_WERROR)
  target_compile_options(ec2mpi_warnings INTERFACE -Werror)
endif()
if(EC2MPI_SANITIZE)
  # GCC 12 reports uninitialised coroutine frames that are not there when it sanitizes.
  target_compile_options(ec2mpi_warnings INTERFACE -fsanitize=address,undefined -fno-omit-frame-pointer
                                                   -fno-sanitize-recover=undefined -Wno-maybe-uninitialized)
  target_link_options(ec2mpi_warnings INTERFACE -fsanitize=address,undefined)
endif()
