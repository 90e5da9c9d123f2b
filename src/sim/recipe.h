/* Faults of zone data as recipes: small files (lab/faults/WORD.fault) that say which records of a
 * zone or of its parent to take out, put in or change, before or after the zone is signed. A person
 * can add one without touching the program.
 *
 *     help    a signature expired ten days ago
 *     expect  ok
 *     verdict bogus
 *     ede     7
 *     try     www.example.org www.example.org A
 *     signed zone change {name} RRSIG/A expiration -10d
 *     signed zone change {name} RRSIG/A inception -40d
 *     signed zone sign {name} A
 *
 * `expect` is the word of the reason (core/reasons.def) a resolver without validation should give,
 * "ok" if it still answers. `verdict` (secure, insecure, bogus, indeterminate) and `ede` (RFC 8914)
 * are what a validator should say when it is asked what `try` asks: TARGET, the name that is given
 * to `banyan lab break`, then name and type of the question.
 *
 * An edit is: WHEN WHERE VERB ...
 *
 *   at        before the zone is signed, so that its signatures agree with it
 *   signed    afterwards: only what `sign` is told of is signed anew
 *
 *   zone      the zone that is broken
 *   parent    its parent
 *   server    the zone as its first server serves it (only `signed`)
 *
 *   add NAME TTL TYPE RDATA
 *   drop NAME TYPE           with what signs it; TYPE "*": all types
 *   change NAME TYPE FIELD [VALUE]   in every such record; fields are in sim/sign_fields.def
 *   sign NAME TYPE           makes the signatures of a set anew, over the set and the fields of the
 *                            RRSIG as they stand now (only `signed`)
 *   clone NAME TYPE COUNT [expired | rsa BITS EXPONENT-BYTES]   adds COUNT records like each
 * DNSKEY, DS or RRSIG there, of the same tag, none of which is good (sim/sign_clone.h) ds NAME
 * [DIGEST]         (at parent) the DS set of a child from the DNSKEYs it serves policy KEY VALUE
 * (at) dnssec, algorithm, keys as in topology.yaml; iterations N of NSEC3; salt N (bytes of it);
 * zonemd yes|no
 *
 * NAME is absolute, or "all", or matching(NAME) and covering(NAME): the owner of the NSEC or NSEC3
 * that matches or covers a name. TYPE may be narrowed: RRSIG/A (those that cover A),
 * DNSKEY/ksk, DNSKEY/zsk, DNSKEY/13 and DS/13 (of that algorithm); DENIAL is NSEC or NSEC3.
 * Numbers may be relative: +1, -1; times are in seconds from now or have a unit: -10d, +1h, 30m.
 *
 * {zone} is the zone broken, {parent} its parent, {name} the name the user gave; a line with
 * {server} is repeated for each server of the zone. Edits are made in the order written. */
#ifndef BANYAN_SIM_RECIPE_H
#define BANYAN_SIM_RECIPE_H

#include "base/diag.h"

enum { RECIPE_EDITS = 24, RECIPE_LINE = 400, RECIPE_WORD = 32, RECIPE_NO_EDE = 0xffff };

enum recipe_where { RECIPE_ZONE, RECIPE_PARENT, RECIPE_SERVER };
enum recipe_verb {
    RECIPE_ADD,
    RECIPE_DROP,
    RECIPE_CHANGE,
    RECIPE_SIGN,
    RECIPE_CLONE,
    RECIPE_DS,
    RECIPE_POLICY,
    RECIPE_VERBS
};
enum recipe_verdict {
    VERDICT_NONE, /* the recipe says nothing about it */
    VERDICT_SECURE,
    VERDICT_INSECURE,
    VERDICT_BOGUS,
    VERDICT_INDETERMINATE,
    VERDICTS
};

struct recipe_edit {
    bool after; /* the signing */
    enum recipe_where where;
    enum recipe_verb verb;
    char text[RECIPE_LINE]; /* what follows the verb, placeholders as written */
};

struct recipe {
    char word[RECIPE_WORD];
    char help[200];
    char expect[RECIPE_WORD];
    enum recipe_verdict verdict;
    uint16_t ede;                            /* RECIPE_NO_EDE: none is given */
    char target[300], qname[300], qtype[24]; /* what to try; "" if it is not said */
    struct recipe_edit edit[RECIPE_EDITS];
    unsigned edit_count;
};

/* Reads a recipe; r->word is the caller's. ST_ESYNTAX with *d filled (line, column, message, and a
 * hint for a misspelt word). */
enum status recipe_parse(struct recipe *r, struct bytes text, const char *file,
                         struct diag *d) MUST_USE;
/* "secure"; "" for VERDICT_NONE. */
const char *recipe_verdict_word(enum recipe_verdict v);

#endif
