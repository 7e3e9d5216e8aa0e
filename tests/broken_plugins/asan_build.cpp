// Says that it was built with a sanitizer: refused before it is opened, since opening it would end the program.
#include <espalier/plugin.h>

extern "C" __attribute__((visibility("default"), section("espalierabi"), used)) const char ESPALIER_ABI_TAG = 1;
extern "C" __attribute__((visibility("default"), section("espalierid"), used)) const char espalier_plugin_id[] =
    "role=scorer;name=asan-build;version=1.0.0;compiler=" ESPALIER_BUILD_COMPILER ";torch=" ESPALIER_TEXT(
        TORCH_VERSION_MAJOR) "." ESPALIER_TEXT(TORCH_VERSION_MINOR) "." ESPALIER_TEXT(TORCH_VERSION_PATCH) ";cxx11abi=1"
    ";containers=release;sanitizer=address";

namespace {
struct EndsTheProgram {
  EndsTheProgram() { __builtin_trap(); }
} ends_the_program;
}  // namespace
