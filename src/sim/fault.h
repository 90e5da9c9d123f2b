/* The kinds of trouble a name server can make, by name (faults.def). */
#ifndef BANYAN_SIM_FAULT_H
#define BANYAN_SIM_FAULT_H

#include "base/bytes.h"

enum fault {
#define FAULT(name, word, reason, help) FAULT_##name,
#include "sim/faults.def"
#undef FAULT
    FAULT_COUNT
};

const char *fault_word(enum fault f);
/* Word of the reason that ends a resolution when all servers have the fault; "" if none does. */
const char *fault_reason(enum fault f);
const char *fault_help(enum fault f);
/* True if a resolution through servers of which some have the fault may fail without anybody's
 * being wrong; false if a good resolver always succeeds in spite of it. */
bool fault_excuses(enum fault f);
/* True if it gives answers that nobody can tell from true ones without DNSSEC. */
bool fault_lies(enum fault f);
bool fault_parse(struct bytes word, enum fault *ret);
/* The known word nearest to a misspelt one, or NULL. */
const char *fault_nearest(const char *word);

#endif
