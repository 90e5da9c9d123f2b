/* What the two halves of the SvcParams kind share: the table of keys. Private to kind_svcb*.c. */
#ifndef BANYAN_DNS_KIND_SVCB_H
#define BANYAN_DNS_KIND_SVCB_H

#include "dns/rr_table.h"

enum svc_key {
    SVC_MANDATORY = 0,
    SVC_ALPN = 1,
    SVC_NO_DEFAULT_ALPN = 2,
    SVC_PORT = 3,
    SVC_IPV4HINT = 4,
    SVC_ECH = 5,
    SVC_IPV6HINT = 6,
    SVC_DOHPATH = 7,
    SVC_INVALID = 65535, /* RFC 9460 section 14.3.2 */
};

/* How the value of a key is built. */
enum svc_form {
    SVF_BYTES, /* any key without a row */
    SVF_KEYS,  /* list of keys */
    SVF_STRS,  /* list of short strings, at least one */
    SVF_PATH,  /* list of short strings, may be empty */
    SVF_NONE,  /* no value */
    SVF_U16,
    SVF_IPV4,
    SVF_BASE64,
    SVF_IPV6,
    SVF_TEMPLATE, /* RFC 9461 section 5 */
    SVF_GROUPS,   /* list of numbers */
};

struct svc_row {
    const char *name;
    enum svc_form form;
};

enum { SVC_ROWS = 11 };
extern const struct svc_row svc_rows[SVC_ROWS];

static inline enum svc_form svc_form(unsigned key)
{
    return key < SVC_ROWS ? svc_rows[key].form : SVF_BYTES;
}

/* Validates the value of one key; *odd as in struct rdview. */
enum status svc_value_check(unsigned key, struct bytes value, bool *odd);
/* Validates a whole list of parameters. `alias`: the record's priority is 0. */
enum status svc_params_check(struct bytes params, bool alias, bool *odd);
enum status svc_params_parse(const struct field *f, struct rdparse *ps);

#endif
