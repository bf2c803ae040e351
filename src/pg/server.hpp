// The server's headers, once, as C.
#pragma once

// The module hides its symbols (-fvisibility=hidden); what the server calls is exported by name.
#define PGDLLEXPORT __attribute__((visibility("default")))

extern "C" {
// clang-format off
#include "postgres.h"
// clang-format on

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/memutils.h"
}

// The server's port layer renames these for its own C; the C++ library needs the real ones.
#undef vsnprintf
#undef snprintf
#undef vsprintf
#undef sprintf
#undef vfprintf
#undef fprintf
#undef vprintf
#undef printf
#undef strerror
#undef strerror_r
#undef gettext
#undef dgettext
#undef ngettext
#undef dngettext
