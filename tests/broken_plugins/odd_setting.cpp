// A setting whose name is no name.
#include <espalier/plugin.h>

extern "C" __attribute__((visibility("default"), section("espalierabi"), used)) const char ESPALIER_ABI_TAG = 1;
static constexpr espalier::Setting settings[] = {{"a \"b\"\n", 1, "what"}};
extern "C" __attribute__((visibility("default"), used))
const espalier::PluginCard espalier_plugin_card = {ESPALIER_ABI,
                                                   sizeof(espalier::PluginCard),
                                                   ESPALIER_BUILD,
                                                   "scorer",
                                                   "odd-setting",
                                                   "1.0.0",
                                                   "A scorer",
                                                   0,
                                                   1,
                                                   settings,
                                                   nullptr};
