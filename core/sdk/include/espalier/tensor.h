// LibTorch's tensor functions, for plugin authors: one door, so that one line can cure a header's fault.
#pragma once

#include <ATen/ATen.h>
