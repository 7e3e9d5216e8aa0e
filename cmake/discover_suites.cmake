# Read by ctest before it runs: one test for each suite of a test program. A program that loads LibTorch takes half a second to
# start, which is more than most of its tests take.
# In: program, listed (a file of this script's own), labels, environment.
if(NOT EXISTS "${program}")
  add_test("${name}_NOT_BUILT" "${program}")
  return()
endif()
if(NOT EXISTS "${listed}" OR "${program}" IS_NEWER_THAN "${listed}")
  execute_process(COMMAND "${program}" --gtest_list_tests OUTPUT_VARIABLE output RESULT_VARIABLE failed)
  if(failed)
    message(FATAL_ERROR "${program} --gtest_list_tests failed: ${failed}")
  endif()
  file(WRITE "${listed}" "${output}")
endif()
file(STRINGS "${listed}" lines REGEX "^[A-Za-z0-9_/]+\\.")
foreach(line IN LISTS lines)
  string(REGEX REPLACE "\\..*" "" suite "${line}")
  # Not of a library's own, and not switched off.
  if(suite MATCHES "^DISABLED_|/DISABLED_")
    continue()
  endif()
  string(REGEX REPLACE "_test$" ".${suite}" test "${name}")  # as in nn.MaskFile
  add_test("${test}" "${program}" "--gtest_filter=${suite}.*" --gtest_brief=1)
  set_tests_properties("${test}" PROPERTIES LABELS "${labels}" ENVIRONMENT "${environment}")
endforeach()
