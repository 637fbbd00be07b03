# Everything comes from Debian 12's packages; tests/packages.txt has their names.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(CLI11 REQUIRED)
find_package(nlohmann_json REQUIRED)
# Versions before 0.10.6 can be attacked while they agree on keys (CVE-2023-48795).
pkg_check_modules(libssh REQUIRED IMPORTED_TARGET libssh>=0.10.6)
# It signs requests to AWS since 7.75, and answers single headers since 7.84.
find_package(CURL 7.84 REQUIRED)
find_package(pugixml REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(ZLIB REQUIRED)
find_path(tomlplusplus_include toml++/toml.h REQUIRED)  # header only: the compiled library throws, we do not
find_path(asio_include asio.hpp REQUIRED)

add_library(ec2mpi_libcurl STATIC ${CMAKE_CURRENT_LIST_DIR}/libcurl.cpp)
target_include_directories(ec2mpi_libcurl SYSTEM PUBLIC ${CURL_INCLUDE_DIRS})
target_link_libraries(ec2mpi_libcurl PUBLIC ${CMAKE_DL_LIBS})

add_library(ec2mpi_dependencies INTERFACE)
target_include_directories(ec2mpi_dependencies SYSTEM INTERFACE ${asio_include} ${tomlplusplus_include})
target_compile_definitions(ec2mpi_dependencies INTERFACE ASIO_STANDALONE ASIO_NO_DEPRECATED TOML_EXCEPTIONS=0)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # Debian 12's Asio does not know that clang 19 has coroutines.
  target_compile_definitions(ec2mpi_dependencies INTERFACE ASIO_HAS_CO_AWAIT=1 ASIO_HAS_STD_COROUTINE=1)
endif()
target_link_libraries(ec2mpi_dependencies INTERFACE
  fmt::fmt spdlog::spdlog nlohmann_json::nlohmann_json CLI11::CLI11 PkgConfig::libssh
  ec2mpi_libcurl pugixml::pugixml OpenSSL::Crypto ZLIB::ZLIB Threads::Threads)
