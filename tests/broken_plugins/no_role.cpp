// A card with a hole.
#include <espalier/plugin.h>

extern "C" __attribute__((visibility("default"), section("espalierabi"), used)) const char ESPALIER_ABI_TAG = 1;
extern "C" __attribute__((visibility("default"), used)) const espalier::PluginCard espalier_plugin_card = {
    ESPALIER_ABI, sizeof(espalier::PluginCard), ESPALIER_BUILD, nullptr, "no-role", "1.0.0", "", 0, 0, nullptr,
    nullptr};
