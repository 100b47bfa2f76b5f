# Debian packages, by CPack: duct-bpf and libduct-bpf-dev. scripts/package makes them as they should be.
set(CPACK_GENERATOR DEB)
set(CPACK_COMPONENTS_ALL runtime development)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_PACKAGE_MAINTAINER "duct-bpf authors <root@localhost>" CACHE STRING "Whom the packages are from")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
# CPack makes directories by our umask otherwise.
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)

set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME duct-bpf)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SECTION utils)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SUGGESTS "libcap2-bin, bash-completion")
set(CPACK_DEBIAN_RUNTIME_PACKAGE_CONTROL_STRICT_PERMISSION TRUE)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_CONTROL_EXTRA
    ${CMAKE_SOURCE_DIR}/packaging/debian/postinst ${CMAKE_SOURCE_DIR}/packaging/debian/postrm)
set(CPACK_COMPONENT_RUNTIME_DESCRIPTION
"run a command and account for every process that it starts
Runs a command and records each process of it, by eBPF programs in the kernel,
so that none is missed between two samples: arguments, exit status, CPU time,
peak memory, faults, context switches and I/O, also of processes that live for
a millisecond only. The records are files of JSON, which the readers of
con-duct's duct understand.
.
Needs Linux 5.10 or newer with BTF. Only root may trace; duct-bpf-setcap gives
this to a group or to all users.")

set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libduct-bpf-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS "libbpf-dev (>= 1:1.1)")
set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION
"account for every process of a command (library and headers)
The static library that duct-bpf is made of: it runs a command, or attaches to
a process, traces all descendants by eBPF programs in the kernel and tells an
observer of each process that ended. With headers, a pkg-config file
(duct_bpf) and a CMake package (duct_bpf).")

# Where CPack runs: the version of what was built, and Debian's own places and formats.
set(CPACK_PROJECT_CONFIG_FILE ${CMAKE_SOURCE_DIR}/cmake/package_version.cmake)
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_SOURCE_DIR}/cmake/debian_tree.cmake)
set(CPACK_CMAKE_SOURCE ${CMAKE_SOURCE_DIR})
set(CPACK_DUCT_BPF_VERSION_HEADER ${VERSION_OUT}/version.h)
include(CPack)
