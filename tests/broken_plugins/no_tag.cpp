// A card, and no tag.
#include <espalier/plugin.h>

extern "C" __attribute__((visibility("default"), used)) const espalier::PluginCard espalier_plugin_card = {
    ESPALIER_ABI, sizeof(espalier::PluginCard), ESPALIER_BUILD, "scorer", "no-tag", "1.0.0", "", 0, 0, nullptr,
    nullptr};
