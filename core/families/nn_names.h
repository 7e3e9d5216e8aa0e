// What families are made of goes by its own name among them: layers, sites, passes, networks.
#pragma once

namespace espalier::nn {}

namespace espalier::families {
using namespace nn;  // NOLINT(google-build-using-namespace): a family is a sentence in the words of nn
}
