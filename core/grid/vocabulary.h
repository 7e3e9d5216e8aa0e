// Where a word or a key that was written in the wrong place of an experiment file belongs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "definitions.h"

namespace espalier::grid {

// "it is a searcher: searcher = \"a-star\"": a definition of another kind, a plugin of another role, or a word of another
// key. Empty where the name is known nowhere.
std::string where_name_belongs(const std::string& name, std::string_view asked_as, const Definitions& definitions,
                               const std::vector<PluginDescription>& plugins);

// "it belongs to [model.NAME] train = { ... }", of a key that another table has. Empty where none has it.
std::string where_key_belongs(const std::string& key, std::string_view title);

// "the nearest is 'batch', of [model.NAME] train = { ... }". Empty where no table has a key like it.
std::string nearest_key_elsewhere(const std::string& key, std::string_view title);

// unknown_name(), with a line of where the name belongs in place of the nearest one.
std::string unknown_here(std::string_view kind, std::string_view name, const std::vector<std::string>& known,
                         const std::string& belongs);

}  // namespace espalier::grid
