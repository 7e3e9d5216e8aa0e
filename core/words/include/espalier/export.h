// Marks what leaves the shared libraries: libespalier_words and libespalier_sdk are built with hidden visibility.
#pragma once

#if __cplusplus < 202002L
#error "Espalier's headers are C++20: compile with -std=c++20, as espalier_add_plugin does by itself"
#endif

#define ESPALIER_WORDS_API __attribute__((visibility("default")))
#define ESPALIER_SDK_API __attribute__((visibility("default")))
