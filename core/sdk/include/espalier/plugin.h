// The handshake between host and plugin: C to shake hands, C++ to work.
//
// A plugin file carries, in ELF sections of their own that are read before the file is opened, (1) a symbol whose name
// spells the ABI and (2) a text that says what it is and how it was built; and (3) a card of plain data, read after.
// LibTorch's C++ interface has no stable ABI, so all must match this host exactly; nothing else is tried.
#pragma once

#if __has_include(<torch/headeronly/version.h>)
#include <torch/headeronly/version.h>
#else
#include <torch/version.h>  // LibTorch before 2.9
#endif

#include <cstddef>
#include <cstdint>

#include <espalier/export.h>
#include <espalier/settings.h>

// Raised with every change to a type of the SDK; the libraries carry it as their SOVERSION.
#define ESPALIER_ABI 6

#if __cplusplus > 202002L
#define ESPALIER_STANDARD 23
#else
#define ESPALIER_STANDARD 20
#endif

#define ESPALIER_PASTE_(sdk, a, b, c, cxx11, standard) \
  espalier_abi_##sdk##_torch_##a##_##b##_##c##_cxx11abi_##cxx11##_std_##standard
#define ESPALIER_PASTE(sdk, a, b, c, cxx11, standard) ESPALIER_PASTE_(sdk, a, b, c, cxx11, standard)
#define ESPALIER_ABI_TAG                                                                                              \
  ESPALIER_PASTE(ESPALIER_ABI, TORCH_VERSION_MAJOR, TORCH_VERSION_MINOR, TORCH_VERSION_PATCH, _GLIBCXX_USE_CXX11_ABI, \
                 ESPALIER_STANDARD)
#define ESPALIER_TEXT_(text) #text
#define ESPALIER_TEXT(text) ESPALIER_TEXT_(text)

#if defined(__SANITIZE_ADDRESS__)
#define ESPALIER_BUILD_SANITIZER "address"
#elif defined(__SANITIZE_THREAD__)
#define ESPALIER_BUILD_SANITIZER "thread"
#else
#define ESPALIER_BUILD_SANITIZER "none"
#endif
#if defined(_GLIBCXX_DEBUG)
#define ESPALIER_BUILD_CONTAINERS "debug"
#else
#define ESPALIER_BUILD_CONTAINERS "release"
#endif
#if defined(__clang__)
#define ESPALIER_BUILD_COMPILER "clang++ " ESPALIER_TEXT(__clang_major__)
#else
#define ESPALIER_BUILD_COMPILER "g++ " ESPALIER_TEXT(__GNUC__)
#endif
// Compiler, LibTorch, string ABI, containers and sanitizer; parts are compared one by one.
#define ESPALIER_BUILD                                                                                                 \
  "compiler=" ESPALIER_BUILD_COMPILER                                                                                  \
  ";torch=" ESPALIER_TEXT(TORCH_VERSION_MAJOR) "." ESPALIER_TEXT(TORCH_VERSION_MINOR) "." ESPALIER_TEXT(               \
      TORCH_VERSION_PATCH) ";cxx11abi=" ESPALIER_TEXT(_GLIBCXX_USE_CXX11_ABI) ";containers=" ESPALIER_BUILD_CONTAINERS \
                                                                              ";sanitizer=" ESPALIER_BUILD_SANITIZER

namespace espalier {

struct PluginCard {
  std::uint32_t abi;   // ESPALIER_ABI; first, and never moves
  std::uint32_t size;  // sizeof(PluginCard); second, and never moves
  const char* build;   // ESPALIER_BUILD
  const char* role;    // scorer, searcher, recovery
  const char* name;    // kebab-case, equal to the file's stem
  const char* version;
  const char* summary;
  std::uint32_t traits;  // PluginTraits
  std::uint32_t setting_count;
  const Setting* settings;
  void* (*create)(const Settings& settings);  // a new instance, as a pointer to the role's class; the host deletes it
};

namespace detail {

template <typename Role, typename Class>
void* create(const Settings& settings) {
  Role* instance = new Class(settings);  // to the role before void*: a class may have other bases in front
  return instance;
}

}  // namespace detail
}  // namespace espalier

// The card and the tag of this plugin file; used through ESPALIER_SCORER and its like.
#define ESPALIER_PLUGIN(Role, Class, role, name, version, summary, traits, ...)                                      \
  extern "C" __attribute__((visibility("default"), section("espalierabi"), used)) const char ESPALIER_ABI_TAG = 1;   \
  extern "C" __attribute__((visibility("default"), section("espalierid"), used)) const char espalier_plugin_id[] =   \
      "role=" role ";name=" name ";version=" version ";" ESPALIER_BUILD;                                             \
  namespace {                                                                                                        \
  constexpr ::espalier::Setting espalier_settings[] = {__VA_ARGS__ __VA_OPT__(, )::espalier::Setting{}};             \
  }                                                                                                                  \
  extern "C" __attribute__((visibility("default"), used))                                                            \
  const ::espalier::PluginCard espalier_plugin_card = {ESPALIER_ABI,                                                 \
                                                       sizeof(::espalier::PluginCard),                               \
                                                       ESPALIER_BUILD,                                               \
                                                       role,                                                         \
                                                       name,                                                         \
                                                       version,                                                      \
                                                       summary,                                                      \
                                                       traits,                                                       \
                                                       sizeof(espalier_settings) / sizeof(espalier_settings[0]) - 1, \
                                                       espalier_settings,                                            \
                                                       &::espalier::detail::create<Role, Class>};
