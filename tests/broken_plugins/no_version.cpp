// A version that is none.
#include <espalier/plugin.h>

extern "C" __attribute__((visibility("default"), section("espalierabi"), used)) const char ESPALIER_ABI_TAG = 1;
extern "C" __attribute__((visibility("default"), used)) const espalier::PluginCard espalier_plugin_card = {
    ESPALIER_ABI, sizeof(espalier::PluginCard), ESPALIER_BUILD, "scorer", "no-version", "", "A scorer", 0, 0, nullptr,
    nullptr};
