// A setting called like the experiment file's own key.
#include <espalier/plugin.h>

extern "C" __attribute__((visibility("default"), section("espalierabi"), used)) const char ESPALIER_ABI_TAG = 1;
static constexpr espalier::Setting settings[] = {{"plugin", 1, "what"}};
extern "C" __attribute__((visibility("default"), used))
const espalier::PluginCard espalier_plugin_card = {ESPALIER_ABI,
                                                   sizeof(espalier::PluginCard),
                                                   ESPALIER_BUILD,
                                                   "scorer",
                                                   "reserved-setting",
                                                   "1.0.0",
                                                   "A scorer",
                                                   0,
                                                   1,
                                                   settings,
                                                   nullptr};
