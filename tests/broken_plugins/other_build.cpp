// Built by another compiler, with checked containers.
#include <espalier/plugin.h>

#define OTHER_BUILD "compiler=clang++ 99;torch=2.13.0;cxx11abi=1;containers=debug;sanitizer=none"
extern "C" __attribute__((visibility("default"), section("espalierabi"), used)) const char ESPALIER_ABI_TAG = 1;
extern "C" __attribute__((visibility("default"), used)) const espalier::PluginCard espalier_plugin_card = {
    ESPALIER_ABI, sizeof(espalier::PluginCard), OTHER_BUILD, "scorer", "other-build", "1.0.0", "", 0, 0, nullptr,
    nullptr};
