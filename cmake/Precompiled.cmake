# What nearly every source parses, parsed once: ATen, nlohmann-json and GoogleTest take three quarters of a test's compile.
# A source still includes what it uses; -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON builds without and proves it.

# espalier_precompiled(NAME OPTIONS ... LINK ... HEADERS ...): an owner of precompiled headers. Who reuses them compiles with
# the same options, which GCC checks.
function(espalier_precompiled name)
  cmake_parse_arguments(owner "" "" "OPTIONS;LINK;HEADERS" ${ARGN})
  file(WRITE "${CMAKE_CURRENT_BINARY_DIR}/${name}.cpp.new" "")
  file(COPY_FILE "${CMAKE_CURRENT_BINARY_DIR}/${name}.cpp.new" "${CMAKE_CURRENT_BINARY_DIR}/${name}.cpp" ONLY_IF_DIFFERENT)
  add_library(${name} OBJECT "${CMAKE_CURRENT_BINARY_DIR}/${name}.cpp")
  target_compile_features(${name} PUBLIC cxx_std_20)
  target_compile_options(${name} PRIVATE ${owner_OPTIONS})
  target_link_libraries(${name} PRIVATE ${owner_LINK} espalier_warnings espalier_sanitizers)
  target_precompile_headers(${name} PRIVATE ${owner_HEADERS})
endfunction()

set(espalier_standard_headers
  <algorithm> <chrono> <filesystem> <fstream> <functional> <map> <memory> <optional> <set> <sstream> <string> <vector>)

# Rooms without tensors: what costs there is to compile JSON, which -O3 makes no faster.
set(espalier_plain_options $<$<CONFIG:Release>:-O2>)
espalier_precompiled(espalier_plain_headers OPTIONS ${espalier_plain_options}
  LINK nlohmann_json::nlohmann_json
  HEADERS <nlohmann/json.hpp> ${espalier_standard_headers})
set_target_properties(espalier_plain_headers PROPERTIES POSITION_INDEPENDENT_CODE ON)

# Rooms that compute: position-independent code with OpenMP.
espalier_precompiled(espalier_tensor_headers
  LINK espalier::torch nlohmann_json::nlohmann_json OpenMP::OpenMP_CXX
  HEADERS <ATen/ATen.h> <nlohmann/json.hpp> ${espalier_standard_headers})
set_target_properties(espalier_tensor_headers PROPERTIES POSITION_INDEPENDENT_CODE ON)

if(BUILD_TESTING)
  # Optimising a test costs more than running it unoptimised.
  set(espalier_test_options $<$<CONFIG:Release>:-O1>)
  espalier_precompiled(espalier_test_headers OPTIONS ${espalier_test_options}
    LINK nlohmann_json::nlohmann_json GTest::gtest
    HEADERS <gtest/gtest.h> <nlohmann/json.hpp> ${espalier_standard_headers})
  espalier_precompiled(espalier_tensor_test_headers OPTIONS ${espalier_test_options}
    LINK espalier::torch nlohmann_json::nlohmann_json GTest::gtest
    HEADERS <ATen/ATen.h> <gtest/gtest.h> <nlohmann/json.hpp> ${espalier_standard_headers})
endif()
