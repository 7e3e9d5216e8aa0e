// The closed lists of words and keys of an experiment file, and where a word that was written in the wrong place belongs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "definitions.h"

namespace espalier::grid {

inline const std::vector<std::string> families = {"bert", "ast", "whisper"};
inline const std::vector<std::string> formats = {"text-classification", "audio-classification", "audio-tagging",
                                                 "speech-recognition"};
inline const std::vector<std::string> scopes = {"global", "local"};
inline const std::vector<std::string> compute_types = {"float32", "bfloat16"};
inline const std::vector<std::string> roundings = {"nearest", "floor", "ceil"};
inline const std::vector<std::string> orders = {"as-written", "random", "coarse-to-fine"};
inline const std::vector<std::string> softmax_scales = {"original", "pruned-width"};

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
