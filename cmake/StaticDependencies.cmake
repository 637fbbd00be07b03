include_guard(GLOBAL)
# link_libraries_inside(PROGRAM): PROGRAM is linked with all libraries inside; only libc stays outside, because names of users and
# hosts are looked up by its plug-ins. It takes the same objects as the ordinary program. cmake/static/ has what Debian has no
# static library of.
function(find_static_library variable name)
  find_library(${variable} NAMES lib${name}.a REQUIRED)
endfunction()
find_static_library(static_libssh ssh)
find_static_library(static_crypto crypto)
find_static_library(static_zlib z)
find_static_library(static_pugixml pugixml)

add_library(ec2mpi_static STATIC
  ${PROJECT_SOURCE_DIR}/cmake/static/fmt.cpp ${PROJECT_SOURCE_DIR}/cmake/static/gssapi.cpp
  ${PROJECT_SOURCE_DIR}/cmake/static/spdlog.cpp)
target_compile_definitions(ec2mpi_static PRIVATE SPDLOG_COMPILED_LIB SPDLOG_FMT_EXTERNAL)
get_target_property(spdlog_includes spdlog::spdlog INTERFACE_INCLUDE_DIRECTORIES)
target_include_directories(ec2mpi_static SYSTEM PRIVATE ${spdlog_includes})

function(link_libraries_inside program)
  target_include_directories(${program} PRIVATE ${PROJECT_SOURCE_DIR}/include)
  target_link_libraries(${program} PRIVATE ec2mpi_warnings
    $<TARGET_FILE:ec2mpi_core> ${static_libssh} ec2mpi_static ec2mpi_libcurl ${static_crypto} ${static_zlib} ${static_pugixml}
    Threads::Threads -static-libstdc++ -static-libgcc
    -Wl,--gc-sections)  # 4 % smaller: 13.4 MB, not 14.0
  add_dependencies(${program} ec2mpi_core)
endfunction()
