# espalier_add_plugin(NAME SOURCES ...): a plugin file NAME.so, built as the loader expects it: hidden symbols, nothing
# undefined, never unloaded, with warnings, and optimised where no build type says otherwise. Inside Espalier's own build it lands in build/plugins.
function(espalier_add_plugin name)
  cmake_parse_arguments(plugin "" "" "SOURCES" ${ARGN})
  add_library(${name} MODULE ${plugin_SOURCES})
  set_target_properties(${name} PROPERTIES
    PREFIX "" CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON CXX_EXTENSIONS OFF)
  target_compile_features(${name} PRIVATE cxx_std_20)
  target_link_libraries(${name} PRIVATE espalier::sdk)
  target_link_options(${name} PRIVATE -Wl,--no-undefined -Wl,-z,nodelete -Wl,-z,now)
  if(TARGET espalier_warnings)
    target_link_libraries(${name} PRIVATE espalier_warnings espalier_sanitizers)
    set_target_properties(${name} PROPERTIES LIBRARY_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/plugins")
  else()
    target_compile_options(${name} PRIVATE -Wall -Wextra $<$<CONFIG:>:-O3> $<$<CONFIG:>:-DNDEBUG>)
  endif()
endfunction()
