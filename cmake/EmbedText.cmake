# Makes the text of a file a string of the program: `extern const char* const ec2mpi::ops::NAME`.
function(embed_text target name file)
  set(source ${CMAKE_CURRENT_SOURCE_DIR}/${file})
  set(result ${CMAKE_CURRENT_BINARY_DIR}/embedded/${name}.cpp)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${source})
  file(READ ${source} text)
  file(CONFIGURE OUTPUT ${result} @ONLY CONTENT
"// Made of @file@.
namespace ec2mpi::ops {
extern const char* const @name@;
const char* const @name@ = R\"EMBEDDED(@text@)EMBEDDED\";
}  // namespace ec2mpi::ops
")
  target_sources(${target} PRIVATE ${result})
endfunction()
