# All libraries in the program; only libc stays outside, because names of users and hosts are looked up by its plug-ins.
# fmt and spdlog have no static library in Debian, and are taken as headers. cmake/static/ says what becomes of libcurl and
# of GSSAPI.
function(find_static_library variable name)
  find_library(${variable} NAMES lib${name}.a REQUIRED)
endfunction()
find_static_library(static_libssh ssh)
find_static_library(static_crypto crypto)
find_static_library(static_zlib z)
find_static_library(static_pugixml pugixml)

add_library(ec2mpi_static STATIC cmake/static/libcurl.cpp cmake/static/gssapi.cpp)
target_include_directories(ec2mpi_static SYSTEM PRIVATE ${CURL_INCLUDE_DIRS})
target_include_directories(ec2mpi_dependencies SYSTEM INTERFACE
  ${CURL_INCLUDE_DIRS} ${libssh_INCLUDE_DIRS} ${OPENSSL_INCLUDE_DIR} ${ZLIB_INCLUDE_DIRS})
# The target spdlog::spdlog_header_only would bring the shared library of fmt along.
get_target_property(spdlog_includes spdlog::spdlog_header_only INTERFACE_INCLUDE_DIRECTORIES)
target_include_directories(ec2mpi_dependencies SYSTEM INTERFACE ${spdlog_includes})
target_compile_definitions(ec2mpi_dependencies INTERFACE SPDLOG_FMT_EXTERNAL)
target_link_libraries(ec2mpi_dependencies INTERFACE
  fmt::fmt-header-only nlohmann_json::nlohmann_json CLI11::CLI11
  ${static_libssh} ec2mpi_static ${static_crypto} ${static_zlib} ${static_pugixml} ${CMAKE_DL_LIBS} Threads::Threads
  -static-libstdc++ -static-libgcc)
