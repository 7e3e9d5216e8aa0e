// A summary that fills the screen.
#include <espalier/plugin.h>

extern "C" __attribute__((visibility("default"), section("espalierabi"), used)) const char ESPALIER_ABI_TAG = 1;
#define A_HUNDRED "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
static constexpr const char* summary = A_HUNDRED A_HUNDRED A_HUNDRED A_HUNDRED;
extern "C" __attribute__((visibility("default"), used))
const espalier::PluginCard espalier_plugin_card = {ESPALIER_ABI,
                                                   sizeof(espalier::PluginCard),
                                                   ESPALIER_BUILD,
                                                   "scorer",
                                                   "long-summary",
                                                   "1.0.0",
                                                   summary,
                                                   0,
                                                   0,
                                                   nullptr,
                                                   nullptr};
