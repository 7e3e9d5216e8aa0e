// A default that its own setting forbids.
#include <espalier/plugin.h>

extern "C" __attribute__((visibility("default"), section("espalierabi"), used)) const char ESPALIER_ABI_TAG = 1;
static constexpr espalier::Setting settings[] = {{"norm", 3, "what", "1|2"}};
extern "C" __attribute__((visibility("default"), used))
const espalier::PluginCard espalier_plugin_card = {ESPALIER_ABI,
                                                   sizeof(espalier::PluginCard),
                                                   ESPALIER_BUILD,
                                                   "scorer",
                                                   "default-not-allowed",
                                                   "1.0.0",
                                                   "",
                                                   0,
                                                   1,
                                                   settings,
                                                   nullptr};
