# A folder that a list of folders names and that is not there stops the configuration, and is named.
# cmake -DSOURCE= -DBUILD= -P missing_folder.cmake
foreach(list IN ITEMS plugins tests)
  set(here "${BUILD}/tests/architecture/without_${list}")
  file(REMOVE_RECURSE "${here}")
  file(COPY "${SOURCE}/${list}/CMakeLists.txt" DESTINATION "${here}/${list}")
  file(WRITE "${here}/CMakeLists.txt"
    "cmake_minimum_required(VERSION 3.25)\nproject(without LANGUAGES NONE)\nadd_subdirectory(${list})\n")
  execute_process(COMMAND "${CMAKE_COMMAND}" -S "${here}" -B "${here}/build"
    RESULT_VARIABLE failed OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT failed OR NOT output MATCHES "add_subdirectory given source")
    message(FATAL_ERROR "${list}/CMakeLists.txt is content without its folders (${failed}):\n${output}")
  endif()
endforeach()
