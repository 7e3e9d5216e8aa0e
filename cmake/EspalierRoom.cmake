# espalier_room(NAME SOURCES ... LINK PUBLIC ... PRIVATE ...): one room of core/ as a static library.
# Its headers are included as "room/header.h"; only rooms it links are visible to it.
function(espalier_room name)
  cmake_parse_arguments(room "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(espalier_${name} STATIC ${room_SOURCES})
  add_library(espalier::${name} ALIAS espalier_${name})
  set_target_properties(espalier_${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  target_include_directories(espalier_${name} PUBLIC "${CMAKE_CURRENT_SOURCE_DIR}/include")
  target_compile_features(espalier_${name} PUBLIC cxx_std_20)
  target_link_libraries(espalier_${name} PUBLIC ${room_PUBLIC} PRIVATE ${room_PRIVATE} espalier_warnings espalier_sanitizers)
endfunction()

# espalier_test(ROOM SOURCES ... LINK ...): one GoogleTest program a room, tests/ROOM.
function(espalier_test room)
  cmake_parse_arguments(test "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${room}_test ${test_SOURCES})
  target_include_directories(${room}_test PRIVATE "${PROJECT_SOURCE_DIR}/tests")
  target_compile_definitions(${room}_test PRIVATE
    ESPALIER_SOURCE_DIR="${PROJECT_SOURCE_DIR}" ESPALIER_BINARY_DIR="${PROJECT_BINARY_DIR}")
  target_link_libraries(${room}_test PRIVATE ${test_LINK} GTest::gtest_main espalier_warnings espalier_sanitizers)
  gtest_discover_tests(${room}_test DISCOVERY_MODE PRE_TEST PROPERTIES LABELS "unit"
    ENVIRONMENT "OMP_NUM_THREADS=1;OMP_WAIT_POLICY=passive")
endfunction()
