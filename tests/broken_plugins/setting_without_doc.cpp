// A setting whose documentation is no text.
#include <espalier/plugin.h>

extern "C" __attribute__((visibility("default"), section("espalierabi"), used)) const char ESPALIER_ABI_TAG = 1;
static constexpr espalier::Setting settings[] = {{"depth", 1, nullptr}};
extern "C" __attribute__((visibility("default"), used))
const espalier::PluginCard espalier_plugin_card = {ESPALIER_ABI,
                                                   sizeof(espalier::PluginCard),
                                                   ESPALIER_BUILD,
                                                   "scorer",
                                                   "setting-without-doc",
                                                   "1.0.0",
                                                   "",
                                                   0,
                                                   1,
                                                   settings,
                                                   nullptr};
