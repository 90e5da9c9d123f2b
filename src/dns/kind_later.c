/* Kinds whose own form is not written yet: generic form only. */
#include "dns/rr_table.h"

static enum status later_check(const struct field *f, struct rdview *v)
{
    (void)f;
    v->p = v->end;
    return ST_OK;
}

static void later_print(const struct field *f, struct rdview *v, struct text *out)
{
    (void)f;
    (void)out;
    v->p = v->end;
}

#define LATER(name) const struct kind kind_##name = {.check = later_check, .print = later_print}

LATER(ports);
LATER(nsap);
LATER(atm);
LATER(loc);
LATER(apl);
LATER(a6);
LATER(gateway);
LATER(amt_type);
LATER(hip);
LATER(options);
LATER(svc_params);
