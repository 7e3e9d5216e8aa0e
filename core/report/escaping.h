// The room's own files name it so.
#pragma once

#include "report/escaping.h"
