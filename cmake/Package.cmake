# `cpack` in a build folder that is built makes a Debian package; dpkg-shlibdeps finds the libraries that it is linked to.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME ec2mpi)
set(CPACK_PACKAGE_CONTACT "the maintainers of ec2mpi <maintainers@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "turns a list of Amazon EC2 instances into an MPI cluster")
set(CPACK_PACKAGE_DESCRIPTION "One binary that sets up the instances of a pasted list over ssh,
copies files to all of them, and runs and follows MPI jobs on them.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# Versions as in Dependencies.cmake. libcurl is loaded at its first use.
set(CPACK_DEBIAN_PACKAGE_DEPENDS "libssh-4 (>= 0.10.6), libcurl4 (>= 7.84)")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "openssh-client, awscli")
include(CPack)
