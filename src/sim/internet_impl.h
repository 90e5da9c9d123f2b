/* The inside of internet_open(): internet.c makes the hosts, internet_zone.c their zones. */
#ifndef BANYAN_SIM_INTERNET_IMPL_H
#define BANYAN_SIM_INTERNET_IMPL_H

#include "sim/internet.h"
#include "sim/sign_edit.h"
#include "sim/zone_edit.h"

struct made_zone {
    struct name name;
    struct sim_signing signing; /* open until the whole Internet is made */
    struct zone *zone;          /* borrowed from the Internet; NULL: not made yet */
};

/* An edit of a recipe with its placeholders filled in. */
struct filled_edit {
    enum recipe_verb verb;
    char text[RECIPE_LINE];
};

/* What internet_open works on. */
struct making {
    struct internet *in;
    const struct internet_plan *plan;
    struct diag_sink *sink;
    struct made_zone *made; /* the deepest first */
    unsigned made_count;
    struct zone_edit *edit;      /* scratch: ZONE_EDITS of them */
    struct recipe *recipe;       /* scratch */
    struct filled_edit *filled;  /* scratch: ZONE_EDITS of them */
    struct sign_edit *sign_edit; /* likewise, read from those */
};

/* Loads, edits and signs a zone, and puts it into the Internet. Errors are told. */
enum status internet_make_zone(struct making *m, struct made_zone *z) MUST_USE;
/* The zone as server s serves it, where recipes (server) make it differ from what the others have:
 * a new one; else *ret is NULL. */
enum status internet_zone_of_server(struct making *m, const struct topo_server *s,
                                    const struct made_zone *z, struct zone **ret) MUST_USE;

#endif
