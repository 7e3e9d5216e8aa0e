# The package refuses a LibTorch that is not its own, and says both versions.
# cmake -DBUILD= -DSOURCE= -DTORCH_VERSION= -P refuse_other_torch.cmake
set(here "${BUILD}/tests/consumer/other_torch")
file(REMOVE_RECURSE "${here}")
# As much of another LibTorch as is looked at before the refusal.
foreach(library IN ITEMS c10 torch_cpu torch)
  file(WRITE "${here}/torch/lib/lib${library}.so" "")
endforeach()
file(WRITE "${here}/torch/include/torch/script.h" "")
file(WRITE "${here}/torch/include/torch/headeronly/version.h"
  "#define TORCH_VERSION_MAJOR 98\n#define TORCH_VERSION_MINOR 7\n#define TORCH_VERSION_PATCH 6\n")
file(WRITE "${here}/CMakeLists.txt"
  "cmake_minimum_required(VERSION 3.25)\nproject(other LANGUAGES NONE)\nfind_package(Espalier 1 CONFIG REQUIRED COMPONENTS sdk)\n")
execute_process(COMMAND "${CMAKE_COMMAND}" -S "${here}" -B "${here}/build" "-DEspalier_DIR=${BUILD}" "-DESPALIER_TORCH_ROOT=${here}/torch"
  RESULT_VARIABLE failed OUTPUT_VARIABLE output ERROR_VARIABLE output)
string(REGEX REPLACE "[ \n]+" " " output "${output}")
if(NOT failed OR NOT output MATCHES "built with LibTorch ${TORCH_VERSION}, and LibTorch 98.7.6 was found in")
  message(FATAL_ERROR "no refusal, or another one (${failed}):\n${output}")
endif()
