// A card of another SDK ABI under this SDK's tag.
#include <espalier/plugin.h>

extern "C" __attribute__((visibility("default"), section("espalierabi"), used)) const char ESPALIER_ABI_TAG = 1;
extern "C" __attribute__((visibility("default"), used)) const espalier::PluginCard espalier_plugin_card = {
    ESPALIER_ABI + 1, sizeof(espalier::PluginCard), ESPALIER_BUILD, "scorer", "other-abi", "1.0.0", "", 0, 0, nullptr,
    nullptr};
