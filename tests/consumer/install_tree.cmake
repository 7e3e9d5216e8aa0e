# The installed tree, moved: it runs a grid, lists its plugins, builds a plugin against its SDK, and says what to do where
# LibTorch is gone. Nothing of this machine's environment helps it.
# cmake -DBUILD= -DSOURCE= -DTORCH_LIB= -DABI= -DCOMPILER= -DLAUNCHER= -DFLAGS= -P install_tree.cmake
cmake_policy(VERSION 3.25)
set(here "${BUILD}/tests/consumer/tree")
set(prefix "${here}/moved to another place")
file(REMOVE_RECURSE "${here}")
file(MAKE_DIRECTORY "${here}/work")

function(run_in_nothing expected)  # an exit code, then environment and command
  execute_process(COMMAND env -i "HOME=${here}/home" ${ARGN} WORKING_DIRECTORY "${here}/work" RESULT_VARIABLE code
    OUTPUT_VARIABLE out ERROR_VARIABLE err)
  if(NOT code EQUAL expected)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "${command}\nended with ${code}, expected ${expected}:\n${out}${err}")
  endif()
  set(out "${out}" PARENT_SCOPE)
  set(err "${err}" PARENT_SCOPE)
endfunction()

function(expect text part)
  string(FIND "${text}" "${part}" found)
  if(found EQUAL -1)
    message(FATAL_ERROR "expected '${part}' in:\n${text}")
  endif()
endfunction()

execute_process(COMMAND "${CMAKE_COMMAND}" --install "${BUILD}" --prefix "${here}/first"
  RESULT_VARIABLE failed OUTPUT_VARIABLE output ERROR_VARIABLE output)
if(failed)
  message(FATAL_ERROR "installing failed (${failed}):\n${output}")
endif()
file(RENAME "${here}/first" "${prefix}")
set(espalier "${prefix}/bin/espalier")
foreach(file IN ITEMS bin/espalier-worker lib/espalier/plugins/fisher.so lib/libespalier_sdk.so.${ABI}
    lib/libespalier_words.so.${ABI} lib/cmake/Espalier/EspalierConfig.cmake include/espalier/scorer.h
    share/man/man1/espalier.1 share/man/man1/espalier-run.1 share/man/man1/espalier-score.1
    share/espalier/experiments/demo.toml)
  if(NOT EXISTS "${prefix}/${file}")
    message(FATAL_ERROR "not installed: ${file}")
  endif()
endforeach()

# A checkpoint with a head, and texts of its four classes.
file(COPY "${SOURCE}/tests/fixtures/nn/three_heads_of_five/" DESTINATION "${here}/work/model")
set(vocabulary "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n")
foreach(word RANGE 5 39)
  string(APPEND vocabulary "w${word}\n")
endforeach()
file(WRITE "${here}/work/model/vocab.txt" "${vocabulary}")
set(table "text\tlabel\n")
foreach(row RANGE 0 11)
  math(EXPR class "${row} % 4")
  math(EXPR word "${row} + 5")
  string(APPEND table "w${word} w2${class}\tclass ${class}\n")
endforeach()
file(WRITE "${here}/work/texts.tsv" "${table}")
file(WRITE "${here}/work/tiny.toml" "espalier = 1
name = \"tiny\"
[model.tiny]
family = \"bert\"
checkpoint = \"model\"
[dataset.texts]
format = \"text-classification\"
validation = \"texts.tsv\"
test = \"texts.tsv\"
[[grid]]
model = \"tiny\"
dataset = \"texts\"
granularity = \"head\"
scorer = [\"magnitude\", \"fisher\"]
sparsity = 0.5
")

run_in_nothing(0 "${espalier}" run tiny.toml)
expect("${out}" "accuracy on test, 12 examples")
run_in_nothing(0 "${espalier}" score --model model --data texts.tsv --scorer fisher --output scores.safetensors)

# Planning and computing see the same plugins, and one that changed: its version is asked for again.
run_in_nothing(0 "${espalier}" plugins)
expect("${out}" "searcher ranking")
file(COPY_FILE "${prefix}/lib/espalier/plugins/random.so" "${prefix}/lib/espalier/plugins/magnitude.so")
run_in_nothing(0 "${espalier}" plugins)
expect("${err}" "holds scorer 'random' under another name")
run_in_nothing(3 "${espalier}" score --model model --scorer magnitude --output scores.safetensors)
expect("${err}" "holds scorer 'random' under another name")

# A plugin of an author's own, built and used with the moved tree alone.
file(COPY "${SOURCE}/plugins/template" DESTINATION "${here}")
foreach(step IN ITEMS configure build)
  if(step STREQUAL "configure")
    set(command "${CMAKE_COMMAND}" -S "${here}/template" -B "${here}/build" -G Ninja -DCMAKE_BUILD_TYPE=Release
      "-DCMAKE_CXX_COMPILER=${COMPILER}" "-DCMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER}" "-DCMAKE_CXX_FLAGS=${FLAGS} -Werror"
      "-DCMAKE_PREFIX_PATH=${prefix}")
  else()
    set(command "${CMAKE_COMMAND}" --build "${here}/build")
  endif()
  execute_process(COMMAND ${command} RESULT_VARIABLE failed OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(failed)
    message(FATAL_ERROR "${step} of the template failed (${failed}):\n${output}")
  endif()
endforeach()
run_in_nothing(0 "${espalier}" score --model model --data texts.tsv --scorer batch-gate --plugins "${here}/build/batch-gate.so"
  --set split=validation --output own.safetensors)

# Without the LibTorch that it was built with.
foreach(file IN ITEMS bin/espalier-worker lib/libespalier_sdk.so.${ABI})
  file(REAL_PATH "${prefix}/${file}" file)
  file(RPATH_SET FILE "${file}" NEW_RPATH "$ORIGIN/../lib")
endforeach()
run_in_nothing(2 "${espalier}" evaluate --help)
expect("${err}" "bin/espalier-worker: cannot start: LibTorch is not found (")
expect("${err}" "set TORCH_ROOT to a folder that holds the same version's lib/")
run_in_nothing(2 "${espalier}" run tiny.toml --set grid.sparsity=0.25)
expect("${err}" "cannot start: LibTorch is not found (")
run_in_nothing(0 "${espalier}" table tiny.toml)  # espalier itself needs none
get_filename_component(torch_root "${TORCH_LIB}" DIRECTORY)
run_in_nothing(0 "TORCH_ROOT=${torch_root}" "${espalier}" evaluate --model model --data texts.tsv)
expect("${out}" "accuracy")
file(MAKE_DIRECTORY "${here}/empty/lib")
run_in_nothing(2 "TORCH_ROOT=${here}/empty" "${espalier}" evaluate --help)
expect("${err}" "LibTorch is not found (")
file(GLOB libraries "${TORCH_LIB}/*.so*")
foreach(library IN LISTS libraries)
  get_filename_component(name "${library}" NAME)
  file(CREATE_LINK "${library}" "${prefix}/lib/${name}" SYMBOLIC)
endforeach()
run_in_nothing(0 "${espalier}" evaluate --model model --data texts.tsv)
expect("${out}" "accuracy")
