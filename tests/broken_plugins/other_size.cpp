// A card that is longer than this SDK's.
#include <espalier/plugin.h>

extern "C" __attribute__((visibility("default"), section("espalierabi"), used)) const char ESPALIER_ABI_TAG = 1;
extern "C" __attribute__((visibility("default"), used)) const espalier::PluginCard espalier_plugin_card = {
    ESPALIER_ABI, sizeof(espalier::PluginCard) + 8, ESPALIER_BUILD, "scorer", "other-size", "1.0.0", "", 0, 0, nullptr,
    nullptr};
