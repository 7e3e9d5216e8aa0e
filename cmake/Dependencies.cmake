# Every third-party library, its source and the rooms that may see it.
# All but LibTorch are Debian 12 / Ubuntu 24.04 packages, installed by cmake/quickstart.sh.
include(EspalierTorch)                                  # PyPI torch 2.13.0: sdk and all above it, plugins

find_package(OpenSSL REQUIRED COMPONENTS Crypto)        # libssl-dev: words
find_package(nlohmann_json REQUIRED)                    # nlohmann-json3-dev: anywhere but SDK headers
find_package(Boost 1.74 REQUIRED)                       # libboost-dev, libboost-math-dev: core/README.md says which for whom
find_package(Threads REQUIRED)
find_package(SQLiteCpp REQUIRED)                        # libsqlitecpp-dev: store
find_package(SQLite3 REQUIRED)                          # libsqlite3-dev: store
find_package(ICU REQUIRED COMPONENTS uc i18n)           # libicu-dev: words, text, speech
find_package(ZLIB REQUIRED)                             # zlib1g-dev: corpora, exports
find_path(ESPALIER_SNDFILE_INCLUDE sndfile.h REQUIRED)  # libsndfile1-dev: audio, corpora
find_library(ESPALIER_SNDFILE_LIBRARY sndfile REQUIRED)
add_library(espalier_sndfile INTERFACE)
target_include_directories(espalier_sndfile SYSTEM INTERFACE "${ESPALIER_SNDFILE_INCLUDE}")
target_link_libraries(espalier_sndfile INTERFACE "${ESPALIER_SNDFILE_LIBRARY}")
find_path(ESPALIER_MPG123_INCLUDE mpg123.h REQUIRED)    # libmpg123-dev: audio
find_library(ESPALIER_MPG123_LIBRARY mpg123 REQUIRED)
add_library(espalier_mpg123 INTERFACE)
target_include_directories(espalier_mpg123 SYSTEM INTERFACE "${ESPALIER_MPG123_INCLUDE}")
target_link_libraries(espalier_mpg123 INTERFACE "${ESPALIER_MPG123_LIBRARY}")
find_path(ESPALIER_SOXR_INCLUDE soxr.h REQUIRED)        # libsoxr-dev: audio
find_library(ESPALIER_SOXR_LIBRARY soxr REQUIRED)
add_library(espalier_soxr INTERFACE)
target_include_directories(espalier_soxr SYSTEM INTERFACE "${ESPALIER_SOXR_INCLUDE}")
target_link_libraries(espalier_soxr INTERFACE "${ESPALIER_SOXR_LIBRARY}")
# libzip's own package file asks for its tools too, which Debian puts elsewhere.
find_path(ESPALIER_ZIP_INCLUDE zip.h REQUIRED)          # libzip-dev: bundle
find_library(ESPALIER_ZIP_LIBRARY zip REQUIRED)
add_library(espalier_libzip INTERFACE)
target_include_directories(espalier_libzip SYSTEM INTERFACE "${ESPALIER_ZIP_INCLUDE}")
target_link_libraries(espalier_libzip INTERFACE "${ESPALIER_ZIP_LIBRARY}")
find_package(CLI11 REQUIRED)                            # libcli11-dev: cli and worker's main
find_package(fmt REQUIRED)                              # libfmt-dev
find_package(OpenMP REQUIRED COMPONENTS CXX)            # without -fopenmp at::parallel_for is silently sequential

# toml++ is used header-only: Debian's target links the shared library.
find_path(ESPALIER_TOMLPLUSPLUS_INCLUDE toml++/toml.h REQUIRED)   # libtomlplusplus-dev: grid
add_library(espalier_tomlplusplus INTERFACE)
target_compile_definitions(espalier_tomlplusplus INTERFACE TOML_HEADER_ONLY=1)

# The torch wheel ships an fmt of its own that wins over the system's in the include order. A folder holding
# nothing but a link to the system's fmt goes first, so that fmt is one version everywhere.
get_target_property(espalier_fmt_include fmt::fmt-header-only INTERFACE_INCLUDE_DIRECTORIES)
list(GET espalier_fmt_include 0 espalier_fmt_include)
find_path(ESPALIER_FMT_INCLUDE fmt/format.h HINTS "${espalier_fmt_include}" REQUIRED)
file(MAKE_DIRECTORY "${CMAKE_BINARY_DIR}/fmt_first")
file(CREATE_LINK "${ESPALIER_FMT_INCLUDE}/fmt" "${CMAKE_BINARY_DIR}/fmt_first/fmt" SYMBOLIC)
add_library(espalier_fmt INTERFACE)
target_include_directories(espalier_fmt SYSTEM BEFORE INTERFACE "${CMAKE_BINARY_DIR}/fmt_first")
target_link_libraries(espalier_fmt INTERFACE fmt::fmt-header-only)
target_compile_definitions(espalier_fmt INTERFACE FMT_HEADER_ONLY=1)
if(BUILD_TESTING)
  find_package(GTest REQUIRED)                          # libgtest-dev: tests
endif()
