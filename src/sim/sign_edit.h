/* The edits of recipes (sim/recipe.h): read, and made in a zone. */
#ifndef BANYAN_SIM_SIGN_EDIT_H
#define BANYAN_SIM_SIGN_EDIT_H

#include "sim/recipe.h"
#include "sim/sign_clone.h"
#include "sim/signing.h"

/* Which records of a name: "A", "RRSIG/A", "DNSKEY/ksk", "DS/13", "DENIAL", "*". */
struct record_pick {
    uint16_t type; /* 0: any */
    bool denial;   /* NSEC or NSEC3 */
    bool narrowed;
    uint16_t covered; /* of RRSIG; 0: any */
    bool covered_denial;
    bool by_role, ksk;
    uint8_t algorithm;
};

/* An edit with its placeholders filled in. */
struct sign_edit {
    enum recipe_verb verb;
    enum { AT_ALL, AT_NAME, AT_MATCHING, AT_COVERING } where;
    struct name name;
    struct record_pick pick;
    unsigned field;     /* of sign_fields.def */
    struct bytes value; /* borrowed from the text; also RDATA in text form, key and value */
    uint32_t ttl;       /* of add */
    struct clone_how clone;
};

/* What an edit needs to know of the world. */
struct sign_edit_context {
    const struct sim_signing *signing; /* of the zone; keys 0: `sign` cannot be done */
    uint64_t now_s;
    /* A zone as it is served, for `ds`; NULL if there is none. */
    const struct zone *(*zone)(void *ctx, const uint8_t *origin);
    void *ctx;
};

/* Checks what can be told while placeholders are not filled in: words, types, fields. ST_ESYNTAX
 * with *d filled (message and hint). */
enum status sign_edit_check(enum recipe_verb verb, struct bytes text, struct diag *d) MUST_USE;
/* Reads an edit other than policy. ST_ESYNTAX with *d filled. */
enum status sign_edit_parse(enum recipe_verb verb, struct bytes text, struct sign_edit *ret,
                            struct diag *d) MUST_USE;
/* Carries out "policy KEY VALUE". ST_ESYNTAX with *d filled. */
enum status sign_policy_set(struct sim_signing *s, struct bytes text, struct diag *d) MUST_USE;
/* Makes a changed copy of z. ST_ESEMANTIC with *d filled: nothing to change, no such record. */
enum status zone_sign_edited(const struct zone *z, const struct sign_edit *edit, unsigned n,
                             const struct sign_edit_context *cx, struct zone **ret,
                             struct diag *d) MUST_USE;

enum sign_field_kind {
    FIELD_NUMBER,
    FIELD_TIME,
    FIELD_TAG,
    FIELD_NAME,
    FIELD_BYTES,
    FIELD_NEXT,
    FIELD_TYPES
};
struct sign_field {
    uint16_t type;
    const char *word;
    enum sign_field_kind kind;
    unsigned offset, size;
};
extern const struct sign_field sign_field[];
/* NULL if records of the type have no such field. */
const struct sign_field *sign_field_of(uint16_t type, const char *word);

#endif
