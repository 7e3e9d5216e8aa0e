# What the quickstart's demo builds and prepares is what its experiment needs: programs, plugins, WordNet; no test.
# cmake -DSOURCE= -DBUILD= -DNINJA= -P demo_is_small.cmake
file(READ "${SOURCE}/cmake/quickstart.sh" script)
if(NOT script MATCHES "if \\[ \"\\$command\" = demo \\][^\n]*; then\n  build_espalier ([a-z_ ]+)\n  prepare_wordnet\nelse")
  message(FATAL_ERROR "cmake/quickstart.sh: demo does something else than to build targets and to prepare WordNet")
endif()
separate_arguments(targets UNIX_COMMAND "${CMAKE_MATCH_1}")
execute_process(COMMAND "${NINJA}" -C "${BUILD}" -t commands ${targets}
  RESULT_VARIABLE failed OUTPUT_VARIABLE commands ERROR_VARIABLE commands)
if(failed OR NOT commands MATCHES "/plugins/" OR NOT commands MATCHES "bin/espalier-worker")
  message(FATAL_ERROR "no programs and plugins are built for the demo (${failed}):\n${commands}")
endif()
if(commands MATCHES "-c [^\n ]*(/tests/[^\n ]*)")
  message(FATAL_ERROR "the demo waits for a test: ${CMAKE_MATCH_1}")
endif()
