# Makes strings of programs: those that run on nodes, and those of pages. For each room with *.sh, *.awk, *.pl, *.py, *.c,
# *.css or *.js files it writes one header, included as "src/ROOM/programs.hpp", in which take_turn.sh is `kTakeTurnSh`. Comments
# of whole lines are left out (of C, CSS and JavaScript those between /* and */), and in sh and awk the indentation and empty
# lines, also of text in quotes and here-documents. The constants are not `inline`: two rooms of a floor may have programs of the
# same name, and each must get its own.
function(embed_programs target)
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/programs)
  file(GLOB_RECURSE files CONFIGURE_DEPENDS RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} src/*.sh src/*.awk src/*.pl src/*.py
    src/*.c src/*.css src/*.js)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${files})
  foreach(file IN LISTS files)
    cmake_path(GET file PARENT_PATH room)
    string(MAKE_C_IDENTIFIER ${room} key)
    list(APPEND rooms ${room})
    _embedded_program(${file} text)
    string(APPEND ${key}_text "${text}")
  endforeach()
  list(REMOVE_DUPLICATES rooms)
  foreach(room IN LISTS rooms)
    string(MAKE_C_IDENTIFIER ${room} key)
    string(REGEX MATCH "^src/([a-z]+)" floor ${room})
    file(CONFIGURE OUTPUT ${folder}/${room}/programs.hpp @ONLY CONTENT
"#pragma once
// Made by EmbedPrograms.cmake of the programs in ${room}.
#include <string_view>
namespace ec2mpi::${CMAKE_MATCH_1} {
@${key}_text@}
")
  endforeach()
  target_include_directories(${target} PUBLIC ${folder})
endfunction()

# Sets `result` to the definition of the program's constant.
function(_embedded_program file result)
  file(READ ${CMAKE_CURRENT_SOURCE_DIR}/${file} text)
  if(file MATCHES "\\.(c|css|js)$")
    string(REGEX REPLACE "/\\*[^*]*\\*/\n?" "" text "\n${text}")
  else()
    string(REGEX REPLACE "\n[ \t]*#[^\n]*" "" text "\n${text}")
  endif()
  if(file MATCHES "\\.(sh|awk)$")
    string(REGEX REPLACE "\n[ \t\n]+" "\n" text "${text}")
  endif()
  string(REGEX REPLACE "^\n+" "" text "${text}")
  cmake_path(GET file FILENAME name)
  string(REGEX REPLACE "[._]" ";" words ${name})
  foreach(word IN LISTS words)
    string(SUBSTRING ${word} 0 1 first)
    string(SUBSTRING ${word} 1 -1 rest)
    string(TOUPPER ${first} first)
    string(APPEND constant ${first}${rest})
  endforeach()
  set(${result} "constexpr std::string_view k${constant} = R\"EMBEDDED(${text})EMBEDDED\";\n" PARENT_SCOPE)
endfunction()

# Makes a string of a page of the documentation: `constant` in "HEADER", which lies beside the programs.
function(embed_page target page header namespace constant)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${page})
  file(READ ${CMAKE_CURRENT_SOURCE_DIR}/${page} text)
  file(CONFIGURE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/programs/${header} @ONLY CONTENT
"#pragma once
// Made by EmbedPrograms.cmake of ${page}.
#include <string_view>
namespace ${namespace} {
constexpr std::string_view ${constant} = R\"EMBEDDED(@text@)EMBEDDED\";
}
")
endfunction()
