// Marks what leaves the shared libraries: libespalier_words and libespalier_sdk are built with hidden visibility.
#pragma once

#define ESPALIER_WORDS_API __attribute__((visibility("default")))
#define ESPALIER_SDK_API __attribute__((visibility("default")))
