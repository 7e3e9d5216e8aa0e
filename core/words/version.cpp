#include "words/version.h"

#include "words/build_info.h"

namespace espalier {

std::string version() { return ESPALIER_VERSION_TEXT; }
std::string commit() { return ESPALIER_COMMIT_TEXT; }

}  // namespace espalier
