// Reads data, and does not say which.
#include <espalier/plugin.h>

extern "C" __attribute__((visibility("default"), section("espalierabi"), used)) const char ESPALIER_ABI_TAG = 1;
extern "C" __attribute__((visibility("default"), used))
const espalier::PluginCard espalier_plugin_card = {ESPALIER_ABI,
                                                   sizeof(espalier::PluginCard),
                                                   ESPALIER_BUILD,
                                                   "scorer",
                                                   "no-split",
                                                   "1.0.0",
                                                   "",
                                                   espalier::needs_data,
                                                   0,
                                                   nullptr,
                                                   nullptr};
