// A summary that a terminal would obey.
#include <espalier/plugin.h>

extern "C" __attribute__((visibility("default"), section("espalierabi"), used)) const char ESPALIER_ABI_TAG = 1;
extern "C" __attribute__((visibility("default"), used))
const espalier::PluginCard espalier_plugin_card = {ESPALIER_ABI,
                                                   sizeof(espalier::PluginCard),
                                                   ESPALIER_BUILD,
                                                   "scorer",
                                                   "raw-summary",
                                                   "1.0.0",
                                                   "red \x1b[31m text",
                                                   0,
                                                   0,
                                                   nullptr,
                                                   nullptr};
