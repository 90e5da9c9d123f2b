#include "base/status.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const texts[] = {
#define STATUS(name, text) text,
#include "base/status.def"
#undef STATUS
};

const char *status_text(enum status st)
{
    return (unsigned)st < ST_COUNT ? texts[st] : "unknown status";
}

_Noreturn void assert_failed(const char *cond, const char *file, int line)
{
    fprintf(stderr, "banyan: internal error: assertion failed: %s (%s:%d)\n", cond, file, line);
    abort();
}
