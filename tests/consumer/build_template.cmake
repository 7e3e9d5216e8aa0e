# Takes the road of a plugin author: the SDK's package, plugins/template, and the program that lists what came out.
# cmake -DBUILD= -DSOURCE= -DFROM=install|build -DWORKER= -DTORCH_ROOT= -DCOMPILER= -DLAUNCHER= -DFLAGS= -P build_template.cmake
set(here "${BUILD}/tests/consumer/${FROM}")
file(REMOVE_RECURSE "${here}")
file(MAKE_DIRECTORY "${here}")

function(run_step what)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE failed OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(failed)
    message(FATAL_ERROR "${what} failed (${failed}):\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

if(FROM STREQUAL "install")
  run_step("installing the SDK" "${CMAKE_COMMAND}" --install "${BUILD}" --component espalier_sdk --prefix "${here}/prefix")
  set(package "-DCMAKE_PREFIX_PATH=${here}/prefix")
else()
  set(package "-DEspalier_DIR=${BUILD}")
endif()
# A copy, as an author has it: nothing above it helps.
file(COPY "${SOURCE}/plugins/template" DESTINATION "${here}")
run_step("configuring the template" "${CMAKE_COMMAND}" -S "${here}/template" -B "${here}/build" -G Ninja
  -DCMAKE_BUILD_TYPE=Release "-DCMAKE_CXX_COMPILER=${COMPILER}" "-DCMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER}"
  "-DCMAKE_CXX_FLAGS=${FLAGS} -Wall -Wextra -Wpedantic -Wshadow -Werror" "-DESPALIER_TORCH_ROOT=${TORCH_ROOT}" "${package}")
run_step("building the template" "${CMAKE_COMMAND}" --build "${here}/build")

set(plugin "${here}/build/batch-gate.so")
run_step("describing the plugin" "${WORKER}" describe --file "${plugin}")
string(JSON file GET "${output}" files 0 file)
string(JSON name ERROR_VARIABLE refused GET "${output}" files 0 plugin name)
if(NOT name STREQUAL "batch-gate" OR NOT file STREQUAL plugin)
  message(FATAL_ERROR "batch-gate is not what the file is described as:\n${output}")
endif()
message(STATUS "batch-gate is listed from ${file}")
