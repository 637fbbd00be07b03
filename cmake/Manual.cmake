# Makes the man pages and the completions of the program's own options, at build time, and installs them.
find_package(Python3 COMPONENTS Interpreter)
if(NOT Python3_FOUND)
  message(STATUS "python3 is missing, so there will be no man pages and no completions")
  return()
endif()

set(packaging ${CMAKE_CURRENT_SOURCE_DIR}/packaging)
set(schema ${CMAKE_CURRENT_SOURCE_DIR}/docs/ec2mpi.schema.json)
set(manual ${CMAKE_CURRENT_BINARY_DIR}/manual)
file(MAKE_DIRECTORY ${manual})
file(GLOB writers CONFIGURE_DEPENDS ${packaging}/*.py ${packaging}/completion/*)
set(pages ${manual}/ec2mpi.1 ${manual}/ec2mpi.toml.5)
set(completions ${manual}/ec2mpi.bash ${manual}/_ec2mpi ${manual}/ec2mpi.fish)
add_custom_command(
  OUTPUT ${pages} ${completions}
  COMMAND Python3::Interpreter -B ${packaging}/write_manual.py $<TARGET_FILE:ec2mpi> ${schema} ${manual}
  COMMAND Python3::Interpreter -B ${packaging}/write_completion.py $<TARGET_FILE:ec2mpi> ${manual}
  DEPENDS ec2mpi ${writers} ${schema} ${CMAKE_CURRENT_SOURCE_DIR}/examples/ec2mpi.toml
  COMMENT "Writing man pages and completions")
add_custom_target(manual ALL DEPENDS ${pages} ${completions})

install(FILES ${manual}/ec2mpi.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${manual}/ec2mpi.toml.5 DESTINATION ${CMAKE_INSTALL_MANDIR}/man5)
install(FILES ${manual}/ec2mpi.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME ec2mpi)
# Debian's zsh looks into vendor-completions of /usr/share, and into site-functions of /usr/local/share only.
install(CODE "
  set(folder site-functions)
  if(EXISTS /etc/debian_version AND CMAKE_INSTALL_PREFIX MATCHES \"(^|/)usr/?$\")
    set(folder vendor-completions)
  endif()
  file(INSTALL ${manual}/_ec2mpi DESTINATION \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_DATADIR}/zsh/\${folder}\")")
install(FILES ${manual}/ec2mpi.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
