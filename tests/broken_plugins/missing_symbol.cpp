// Uses a function that is defined nowhere; linked without --no-undefined.
#include <espalier/plugin.h>

namespace salience {
int weight_of(int unit);
}
extern "C" __attribute__((visibility("default"), section("espalierabi"), used)) const char ESPALIER_ABI_TAG = 1;
extern "C" __attribute__((visibility("default"), used)) int first_weight() { return salience::weight_of(0); }
