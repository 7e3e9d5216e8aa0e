// More settings than anyone reads.
#include <espalier/plugin.h>

extern "C" __attribute__((visibility("default"), section("espalierabi"), used)) const char ESPALIER_ABI_TAG = 1;
static espalier::Setting settings[10000];
extern "C" __attribute__((visibility("default"), used))
const espalier::PluginCard espalier_plugin_card = {ESPALIER_ABI,    sizeof(espalier::PluginCard),
                                                   ESPALIER_BUILD,  "scorer",
                                                   "many-settings", "1.0.0",
                                                   "A scorer",      0,
                                                   10000,           settings,
                                                   nullptr};
