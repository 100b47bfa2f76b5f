# Run by CPack once the files of a package are in place, before it is closed: what Debian wants otherwise than others.
# Compressed manuals and changelogs, a copyright file in each package, libraries without debug information, zsh's directory of packages.
file(GLOB packages ${CPACK_TEMPORARY_DIRECTORY}/*/usr)
set(names_runtime duct-bpf)
set(names_development libduct-bpf-dev)
execute_process(COMMAND date -R -u -d @$ENV{SOURCE_DATE_EPOCH} OUTPUT_VARIABLE date OUTPUT_STRIP_TRAILING_WHITESPACE)
foreach(usr ${packages})
  get_filename_component(component ${usr} DIRECTORY)
  get_filename_component(component ${component} NAME)
  set(doc ${usr}/share/doc/${names_${component}})
  file(MAKE_DIRECTORY ${doc})
  configure_file(${CPACK_CMAKE_SOURCE}/LICENSE ${doc}/copyright COPYONLY)
  file(APPEND ${doc}/copyright "\nOn Debian the GNU General Public License, version 2, is in /usr/share/common-licenses/GPL-2.\n")
  configure_file(${CPACK_CMAKE_SOURCE}/CHANGELOG.md ${doc}/changelog COPYONLY)
  file(REMOVE ${doc}/LICENSE ${doc}/CHANGELOG.md)
  file(WRITE ${doc}/changelog.Debian "duct-bpf (${CPACK_PACKAGE_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE}) unstable; urgency=medium

  * Packaged by CPack. The changes are in changelog.gz.

 -- ${CPACK_DEBIAN_PACKAGE_MAINTAINER}  ${date}
")
  file(GLOB archives ${usr}/lib/*/*.a)
  foreach(archive ${archives})
    execute_process(COMMAND strip --strip-debug --enable-deterministic-archives ${archive} COMMAND_ERROR_IS_FATAL ANY)
  endforeach()
  file(GLOB compress ${usr}/share/man/man*/* ${doc}/changelog*)
  if(EXISTS ${usr}/share/zsh/site-functions)
    file(RENAME ${usr}/share/zsh/site-functions ${usr}/share/zsh/vendor-completions)
  endif()
  execute_process(COMMAND gzip -9n ${compress} COMMAND_ERROR_IS_FATAL ANY)
endforeach()
