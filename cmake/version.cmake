# Writes OUTPUT (version.h), if it would change: VERSION where the commit of the tree has the tag vVERSION and nothing was changed, or
# where there is no git (a tarball); otherwise VERSION-dev.COMMITS+gHASH[.dirty], which comes before VERSION. After a release raise
# the version of the project.  cmake -DSOURCE=DIR -DVERSION=1.2.3 -DOUTPUT=FILE -P version.cmake
set(version ${VERSION})
if(EXISTS ${SOURCE}/.git)
  set(git git --no-optional-locks -c safe.directory=${SOURCE} -C ${SOURCE})
  execute_process(COMMAND ${git} describe --tags --long --always --dirty --abbrev=10 --match v${VERSION}
                  OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  execute_process(COMMAND ${git} rev-list --count HEAD
                  OUTPUT_VARIABLE commits OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(NOT commit MATCHES "^v.*-0-g[0-9a-f]+$" AND commit MATCHES "^(v.*-g)?([0-9a-f]+)(-dirty)?$")
    string(REPLACE - . dirty "${CMAKE_MATCH_3}")
    set(version ${VERSION}-dev.${commits}+g${CMAKE_MATCH_2}${dirty})
  endif()
endif()
file(CONFIGURE OUTPUT ${OUTPUT} CONTENT "#define DUCT_BPF_VERSION \"${version}\"\n")
