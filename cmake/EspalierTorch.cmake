# One imported target, espalier::torch, for the torch wheel or a distribution's LibTorch.
# TorchConfig.cmake is not used: with a CUDA wheel it asks for a CUDA toolkit that running does not need.
set(ESPALIER_TORCH_ROOT "" CACHE PATH "Folder that holds torch's include/ and lib/")
set(espalier_torch_root "${ESPALIER_TORCH_ROOT}")
if(NOT espalier_torch_root AND DEFINED ENV{TORCH_ROOT})
  set(espalier_torch_root "$ENV{TORCH_ROOT}")
endif()
if(NOT espalier_torch_root)
  find_package(Python3 COMPONENTS Interpreter QUIET)
  if(Python3_FOUND)  # find_spec is instant; importing torch is not
    execute_process(
      COMMAND "${Python3_EXECUTABLE}" -c
        "import importlib.util as u; s = u.find_spec('torch'); print(list(s.submodule_search_locations)[0] if s else '')"
      OUTPUT_VARIABLE espalier_torch_root OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  endif()
endif()

find_path(ESPALIER_TORCH_INCLUDE torch/script.h HINTS "${espalier_torch_root}/include")
foreach(name IN ITEMS c10 torch_cpu torch)
  find_library(ESPALIER_LIB_${name} ${name} HINTS "${espalier_torch_root}/lib")
endforeach()
if(NOT ESPALIER_TORCH_INCLUDE OR NOT ESPALIER_LIB_torch)
  message(FATAL_ERROR "LibTorch not found. Run: bash cmake/quickstart.sh test, or give -DESPALIER_TORCH_ROOT=DIR "
                      "where DIR holds torch's include/ and lib/ (a torch wheel's folder 'torch' does)")
endif()
get_filename_component(ESPALIER_TORCH_LIB_DIR "${ESPALIER_LIB_c10}" DIRECTORY)

find_file(espalier_torch_version_header version.h NO_CACHE NO_DEFAULT_PATH
  PATHS "${ESPALIER_TORCH_INCLUDE}/torch/headeronly"              # since 2.9 or so the numbers live here
        "${ESPALIER_TORCH_INCLUDE}/torch/csrc/api/include/torch")
file(STRINGS "${espalier_torch_version_header}" lines REGEX "define TORCH_VERSION_(MAJOR|MINOR|PATCH) ")
string(REGEX REPLACE ".*MAJOR ([0-9]+).*MINOR ([0-9]+).*PATCH ([0-9]+).*" "\\1.\\2.\\3"
  ESPALIER_TORCH_VERSION "${lines}")
message(STATUS "LibTorch ${ESPALIER_TORCH_VERSION} in ${ESPALIER_TORCH_LIB_DIR}")
if(ESPALIER_TORCH_VERSION VERSION_LESS 2.11)  # the oldest that cmake/check_torch.sh has been run with
  message(FATAL_ERROR "LibTorch ${ESPALIER_TORCH_VERSION} found in ${ESPALIER_TORCH_LIB_DIR}; "
                      "Espalier needs 2.11 or newer")
endif()

foreach(name IN ITEMS c10 torch_cpu)
  if(ESPALIER_LIB_${name} AND NOT TARGET espalier_torch_${name})
    add_library(espalier_torch_${name} SHARED IMPORTED GLOBAL)
    set_target_properties(espalier_torch_${name} PROPERTIES
      IMPORTED_LOCATION "${ESPALIER_LIB_${name}}"
      INTERFACE_INCLUDE_DIRECTORIES
        "${ESPALIER_TORCH_INCLUDE};${ESPALIER_TORCH_INCLUDE}/torch/csrc/api/include")
  endif()
endforeach()

if(NOT TARGET espalier_torch)
  add_library(espalier_torch INTERFACE)
  add_library(espalier::torch ALIAS espalier_torch)
  target_compile_features(espalier_torch INTERFACE cxx_std_20)
  target_compile_definitions(espalier_torch INTERFACE AT_PER_OPERATOR_HEADERS)
  # libtorch_cuda is not linked: a worker that computes on a GPU loads it when it starts (core/nn/gpu/device.cpp), and one on
  # the CPU does not pay for it. One build serves both.
  target_link_libraries(espalier_torch INTERFACE espalier_torch_torch_cpu espalier_torch_c10)
endif()
