# espalier_warnings and espalier_sanitizers: linked PRIVATE by every target of ours, never exported.
add_library(espalier_warnings INTERFACE)
# In a unity build of tests, what another source keeps to itself is no name that a local one hides.
set(espalier_no_shadow $<AND:$<BOOL:${CMAKE_UNITY_BUILD}>,$<BOOL:$<TARGET_PROPERTY:espalier_test>>>)
target_compile_options(espalier_warnings INTERFACE
  -Wall -Wextra -Wpedantic $<$<NOT:${espalier_no_shadow}>:-Wshadow> -Wnon-virtual-dtor -Wold-style-cast -Woverloaded-virtual
  # GCC 12 takes the bytes of a joined std::string for an overlap where it inlines (its bugs 105329 and 105651).
  $<$<AND:$<CXX_COMPILER_ID:GNU>,$<VERSION_LESS:$<CXX_COMPILER_VERSION>,13>>:-Wno-restrict>
  $<$<AND:$<CXX_COMPILER_ID:GNU>,$<VERSION_LESS:$<CXX_COMPILER_VERSION>,13>>:-Wno-array-bounds>
  # In a unity build every source is an included file.
  $<$<BOOL:${CMAKE_UNITY_BUILD}>:-Wno-subobject-linkage>
  $<$<BOOL:${ESPALIER_WARNINGS_AS_ERRORS}>:-Werror>)

# Rooms in which no number is narrowed unsaid: all that include no tensors. Where tensors are, sizes are signed and containers' are not.
add_library(espalier_conversions INTERFACE)
target_compile_options(espalier_conversions INTERFACE -Wconversion)

add_library(espalier_sanitizers INTERFACE)
if(ESPALIER_SANITIZE)
  target_compile_options(espalier_sanitizers INTERFACE -fsanitize=address,undefined -fno-omit-frame-pointer)
  target_link_options(espalier_sanitizers INTERFACE -fsanitize=address,undefined)
endif()
