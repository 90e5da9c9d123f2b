#include "sim/fault.h"

#include "base/attr.h"
#include "base/diag.h"

static const struct {
    const char *word, *reason, *help;
} faults[] = {
#define FAULT(name, word, reason, help) {word, reason, help},
#include "sim/faults.def"
#undef FAULT
};

const char *fault_word(enum fault f)
{
    return faults[f].word;
}

const char *fault_reason(enum fault f)
{
    return faults[f].reason;
}

const char *fault_help(enum fault f)
{
    return faults[f].help;
}

bool fault_excuses(enum fault f)
{
    return faults[f].reason[0] != '\0' || f == FAULT_LOSSY || f == FAULT_SLOW ||
           f == FAULT_NXDOMAIN;
}

bool fault_lies(enum fault f)
{
    return f == FAULT_NXDOMAIN || f == FAULT_CAPTIVE;
}

bool fault_parse(struct bytes word, enum fault *ret)
{
    for (unsigned i = 0; i < FAULT_COUNT; i++) {
        if (bytes_equal(word, bytes_str(faults[i].word))) {
            *ret = (enum fault)i;
            return true;
        }
    }
    return false;
}

const char *fault_nearest(const char *word)
{
    const char *words[FAULT_COUNT];
    for (unsigned i = 0; i < FAULT_COUNT; i++)
        words[i] = faults[i].word;
    return nearest_word(word, words, ARRAY_LEN(words));
}
