# Interface target with our own warnings and sanitizers; errors only for developers, never for a user's build.
add_library(ec2mpi_warnings INTERFACE)
target_compile_options(ec2mpi_warnings INTERFACE -Wall -Wextra -Wshadow -Wconversion)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # Two warnings are false for coroutine frames in GCC 12: it inlines only one half of asio's pair of operators and then
  # finds that they don't match, and it reports uninitialised members that are not.
  target_compile_options(ec2mpi_warnings INTERFACE -Wno-mismatched-new-delete -Wno-maybe-uninitialized)
else()
  # The std::stable_sort of libstdc++ 12 uses what it calls deprecated itself. GCC reports our own uses of such functions.
  target_compile_options(ec2mpi_warnings INTERFACE -Wno-deprecated-declarations)
endif()
# And where it optimizes more than for our tests, it sees overflows in std::string's + that are none (GCC bug 105651).
if(CMAKE_BUILD_TYPE STREQUAL "Release" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(ec2mpi_warnings INTERFACE -Wno-array-bounds -Wno-restrict -Wno-stringop-overflow
                                                   -Wno-stringop-overread)
endif()
if(EC2MPI_WERROR)
  target_compile_options(ec2mpi_warnings INTERFACE -Werror)
endif()
# A null pointer is found by AddressSanitizer, too, and these processors read unaligned values; without these two checks
# clang compiles in 14 % less time, GCC in 28 %.
if(EC2MPI_SANITIZE)
  target_compile_options(ec2mpi_warnings INTERFACE -fsanitize=address,undefined -fno-sanitize=null,alignment
                                                   -fno-omit-frame-pointer -fno-sanitize-recover=undefined)
  target_link_options(ec2mpi_warnings INTERFACE -fsanitize=address,undefined)
endif()
