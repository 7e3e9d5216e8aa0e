# What `cmake --install` makes is a tree that runs from anywhere: programs and plugins find the shared libraries relative to
# themselves; LibTorch is found beside them (lib/), then where it was built with; espalier looks in $TORCH_ROOT last
# (core/runner/worker_program.cpp). The SDK's package, a component of its own, is in core/sdk.
set_target_properties(espalier PROPERTIES INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR}")
set_target_properties(espalier_worker PROPERTIES
  INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR};${ESPALIER_TORCH_LIB_DIR}")
install(TARGETS espalier espalier_worker RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")

# Where core/words/plugin_files.cpp looks.
set(espalier_plugin_folder lib/espalier/plugins)
file(RELATIVE_PATH espalier_lib_from_plugins "/${espalier_plugin_folder}" "/${CMAKE_INSTALL_LIBDIR}")
get_target_property(espalier_bundled espalier_plugins MANUALLY_ADDED_DEPENDENCIES)
set_target_properties(${espalier_bundled} PROPERTIES
  INSTALL_RPATH "$ORIGIN/${espalier_lib_from_plugins};${ESPALIER_TORCH_LIB_DIR}")
install(TARGETS ${espalier_bundled} LIBRARY DESTINATION "${espalier_plugin_folder}")

install(DIRECTORY experiments/ DESTINATION "${CMAKE_INSTALL_DATADIR}/espalier/experiments")
# Where core/published/reference.cpp looks.
install(DIRECTORY results/published/ DESTINATION "${CMAKE_INSTALL_DATADIR}/espalier/published")
install(FILES LICENSE README.md CHANGELOG.md CITATION.cff codemeta.json docs/metadata.yaml DESTINATION "${CMAKE_INSTALL_DOCDIR}")
install(CODE "
  execute_process(COMMAND \"${CMAKE_COMMAND}\" \"-DPROGRAM=$<TARGET_FILE:espalier>\" -DVERSION=${PROJECT_VERSION}
    \"-DOUTPUT=\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_MANDIR}/man1\" -P \"${PROJECT_SOURCE_DIR}/cmake/ManPages.cmake\"
    COMMAND_ERROR_IS_FATAL ANY)")
