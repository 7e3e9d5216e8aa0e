# espalier_room(NAME [TENSORS] SOURCES ... PUBLIC ... PRIVATE ...): one room of core/ as a static library.
# Its headers are included as "room/header.h"; only rooms it links are visible to it.
function(espalier_room name)
  cmake_parse_arguments(room "TENSORS" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(espalier_${name} STATIC ${room_SOURCES})
  add_library(espalier::${name} ALIAS espalier_${name})
  set_target_properties(espalier_${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  target_include_directories(espalier_${name} PUBLIC "${CMAKE_CURRENT_SOURCE_DIR}/include")
  target_compile_features(espalier_${name} PUBLIC cxx_std_20)
  target_link_libraries(espalier_${name} PUBLIC ${room_PUBLIC} PRIVATE ${room_PRIVATE} espalier_warnings espalier_sanitizers)
  if(room_TENSORS)
    target_link_libraries(espalier_${name} PRIVATE OpenMP::OpenMP_CXX)
    target_precompile_headers(espalier_${name} REUSE_FROM espalier_tensor_headers)
  else()
    target_compile_options(espalier_${name} PRIVATE ${espalier_plain_options})
    target_precompile_headers(espalier_${name} REUSE_FROM espalier_plain_headers)
  endif()
endfunction()

# What cmake/check.sh builds with sanitizers: no LibTorch is compiled or loaded for it.
add_custom_target(espalier_tests_without_tensors)

# espalier_test(ROOM [TENSORS] [LABEL WORD] SOURCES ... LINK ...): one GoogleTest program a room, tests/ROOM. Its tests are
# labelled unit where no other word is given (tests/README.md).
function(espalier_test room)
  cmake_parse_arguments(test "TENSORS" "LABEL" "SOURCES;LINK" ${ARGN})
  if(NOT test_LABEL)
    set(test_LABEL unit)
  endif()
  add_executable(${room}_test ${test_SOURCES})
  target_include_directories(${room}_test PRIVATE "${PROJECT_SOURCE_DIR}/tests")
  target_compile_definitions(${room}_test PRIVATE
    ESPALIER_SOURCE_DIR="${PROJECT_SOURCE_DIR}" ESPALIER_BINARY_DIR="${PROJECT_BINARY_DIR}")
  target_link_libraries(${room}_test PRIVATE ${test_LINK} GTest::gtest_main espalier_warnings espalier_sanitizers)
  target_compile_features(${room}_test PRIVATE cxx_std_20)
  target_compile_options(${room}_test PRIVATE ${espalier_test_options})
  if(test_TENSORS)
    target_precompile_headers(${room}_test REUSE_FROM espalier_tensor_test_headers)
  else()
    target_precompile_headers(${room}_test REUSE_FROM espalier_test_headers)
    add_dependencies(espalier_tests_without_tensors ${room}_test)
  endif()
  gtest_discover_tests(${room}_test DISCOVERY_MODE PRE_TEST PROPERTIES LABELS ${test_LABEL}
    ENVIRONMENT "OMP_NUM_THREADS=1;OMP_WAIT_POLICY=passive")
endfunction()
