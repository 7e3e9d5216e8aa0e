#include <espalier/error.h>
#include <espalier/vocabulary.h>

#include "words/names.h"

namespace espalier {

void refuse_name(std::string_view kind, std::string_view name, const std::vector<std::string>& known) {
  throw SettingsError(unknown_name(kind, name, known));
}

}  // namespace espalier
