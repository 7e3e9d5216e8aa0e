// A value that is said to depend on the batches and that the setting cannot have.
#include <espalier/plugin.h>

extern "C" __attribute__((visibility("default"), section("espalierabi"), used)) const char ESPALIER_ABI_TAG = 1;
static constexpr espalier::Setting settings[] = {
    espalier::Setting{"squares", "per-sample", "what", "per-sample|per-batch"}.in_file_order_if("per-bach")};
extern "C" __attribute__((visibility("default"), used))
const espalier::PluginCard espalier_plugin_card = {ESPALIER_ABI,
                                                   sizeof(espalier::PluginCard),
                                                   ESPALIER_BUILD,
                                                   "scorer",
                                                   "odd-file-order",
                                                   "1.0.0",
                                                   "A scorer",
                                                   0,
                                                   1,
                                                   settings,
                                                   nullptr};
