// Two settings of one name.
#include <espalier/plugin.h>

extern "C" __attribute__((visibility("default"), section("espalierabi"), used)) const char ESPALIER_ABI_TAG = 1;
static constexpr espalier::Setting settings[] = {{"depth", 1, "first"}, {"depth", 2, "second"}};
extern "C" __attribute__((visibility("default"), used))
const espalier::PluginCard espalier_plugin_card = {ESPALIER_ABI,
                                                   sizeof(espalier::PluginCard),
                                                   ESPALIER_BUILD,
                                                   "scorer",
                                                   "same-setting-twice",
                                                   "1.0.0",
                                                   "",
                                                   0,
                                                   2,
                                                   settings,
                                                   nullptr};
