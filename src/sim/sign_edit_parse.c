/* Edits of recipes, from words: every misspelt one with a suggestion. */
#include "sim/sign_edit.h"

#include "dns/rr_type.h"
#include "sim/lines.h"

#include <stdio.h>

const struct sign_field sign_field[] = {
#define FIELD(type, word, kind, offset, size) {RR_##type, word, FIELD_##kind, offset, size},
#include "sim/sign_fields.def"
#undef FIELD
};
enum { FIELDS = ARRAY_LEN(sign_field) };

static const char *const forms[RECIPE_VERBS] = {
    [RECIPE_ADD] = "add NAME TTL TYPE RDATA",
    [RECIPE_DROP] = "drop NAME TYPE",
    [RECIPE_CHANGE] = "change NAME TYPE FIELD [VALUE]",
    [RECIPE_SIGN] = "sign NAME TYPE",
    [RECIPE_CLONE] = "clone NAME TYPE COUNT [expired | rsa BITS EXPONENT-BYTES]",
    [RECIPE_DS] = "ds NAME [DIGEST]",
    [RECIPE_POLICY] = "policy KEY VALUE",
};

const struct sign_field *sign_field_of(uint16_t type, const char *word)
{
    for (unsigned i = 0; i < FIELDS; i++)
        if (sign_field[i].type == type && strcmp(sign_field[i].word, word) == 0)
            return &sign_field[i];
    return NULL;
}

static enum status wrong(struct diag *d, const char *near, const char *what, struct bytes word)
{
    char hint[100] = "";
    if (near != NULL)
        snprintf(hint, sizeof hint, "did you mean \"%s\"?", near);
    diag_set(d, SEV_ERROR, "recipe", hint, "%s \"%.*s\"", what, (int)MIN(word.n, 60u),
             (const char *)word.p);
    return ST_ESYNTAX;
}

static enum status malformed(struct diag *d, enum recipe_verb verb)
{
    diag_set(d, SEV_ERROR, "recipe", NULL, "write: %s", forms[verb]);
    return ST_ESYNTAX;
}

static bool has_placeholder(struct bytes w)
{
    return memchr(w.p, '{', w.n) != NULL;
}

static bool is_denial(uint16_t type)
{
    return type == RR_NSEC || type == RR_NSEC3;
}

/* What stands behind the slash. */
static enum status read_narrowing(struct bytes w, struct record_pick *p, struct diag *d)
{
    uint64_t v;
    p->narrowed = true;
    if (p->type == RR_RRSIG) {
        p->covered_denial = word_is(w, "DENIAL");
        if (p->covered_denial || word_is(w, "*") || rr_type_parse(w, &p->covered))
            return ST_OK;
        return wrong(d, NULL, "no type is called", w);
    }
    if (p->type == RR_DNSKEY && (word_is(w, "ksk") || word_is(w, "zsk"))) {
        p->by_role = true;
        p->ksk = word_is(w, "ksk");
        return ST_OK;
    }
    if ((p->type != RR_DNSKEY && p->type != RR_DS) || !word_uint(w, 255, &v))
        return wrong(d, NULL,
                     "only RRSIG/TYPE, DNSKEY/ksk, DNSKEY/zsk, DNSKEY/ALGORITHM and "
                     "DS/ALGORITHM are narrowed, not to",
                     w);
    p->algorithm = (uint8_t)v;
    return ST_OK;
}

static enum status read_pick(struct bytes w, struct record_pick *p, struct diag *d)
{
    const uint8_t *slash = memchr(w.p, '/', w.n);
    struct bytes type = bytes_of(w.p, slash != NULL ? (size_t)(slash - w.p) : w.n);
    *p = (struct record_pick){0};
    if (word_is(type, "DENIAL"))
        p->denial = true;
    else if (!word_is(type, "*") && !rr_type_parse(type, &p->type))
        return wrong(d, NULL, "no type is called", type);
    if (slash == NULL)
        return ST_OK;
    return read_narrowing(bytes_of(slash + 1, (size_t)(w.p + w.n - slash - 1)), p, d);
}

/* matching(NAME), covering(NAME), all, NAME. */
static enum status read_where(struct bytes w, struct sign_edit *e, struct diag *d)
{
    static const char matching[] = "matching(", covering[] = "covering(";
    size_t n = sizeof matching - 1;
    e->where = AT_NAME;
    if (word_is(w, "all")) {
        e->where = AT_ALL;
        return ST_OK;
    }
    if (w.n > n && w.p[w.n - 1] == ')' &&
        (memcmp(w.p, matching, n) == 0 || memcmp(w.p, covering, n) == 0)) {
        e->where = w.p[0] == 'm' ? AT_MATCHING : AT_COVERING;
        w = bytes_of(w.p + n, w.n - n - 1);
    }
    if (!has_placeholder(w) && name_parse(w, NULL, &e->name) != ST_OK)
        return wrong(d, NULL, "this is not a name:", w);
    return ST_OK;
}

static enum status read_field(struct bytes w, struct sign_edit *e, struct diag *d)
{
    const char *words[FIELDS];
    char word[40], type[24];
    unsigned n = 0;
    for (e->field = 0; e->field < FIELDS; e->field++) {
        const struct sign_field *f = &sign_field[e->field];
        bool ours = e->pick.denial ? is_denial(f->type) : f->type == e->pick.type;
        if (ours && word_is(w, f->word))
            return ST_OK;
        if (ours)
            words[n++] = f->word;
    }
    snprintf(word, sizeof word, "%.*s", (int)MIN(w.n, sizeof word - 1), (const char *)w.p);
    if (n == 0) {
        diag_set(d, SEV_ERROR, "recipe", "drop the record and add another",
                 "fields of %s cannot be changed", rr_type_str(e->pick.type, type));
        return ST_ESYNTAX;
    }
    return wrong(d, nearest_word(word, words, n), "such a record has no field", w);
}

static enum status read_value(enum sign_field_kind kind, struct bytes v, struct diag *d)
{
    bool wanted = kind != FIELD_BYTES;
    if ((v.n > 0) == wanted)
        return ST_OK;
    diag_set(d, SEV_ERROR, "recipe", NULL, wanted ? "a value is missing" : "no value is wanted");
    return ST_ESYNTAX;
}

static enum status read_add(struct bytes text, struct sign_edit *e, struct diag *d)
{
    struct bytes w;
    uint64_t ttl;
    if (e->where != AT_NAME || !word_next(&text, &w) || !word_uint(w, INT32_MAX, &ttl) ||
        !word_next(&text, &w))
        return malformed(d, RECIPE_ADD);
    e->ttl = (uint32_t)ttl;
    TRY(read_pick(w, &e->pick, d));
    if (e->pick.type == 0 || e->pick.narrowed)
        return malformed(d, RECIPE_ADD);
    e->value = line_rest(text);
    return ST_OK;
}

/* Reads the edit; names with placeholders are let pass. */
static enum status read_edit(enum recipe_verb verb, struct bytes text, struct sign_edit *e,
                             struct diag *d)
{
    struct bytes w;
    *e = (struct sign_edit){.verb = verb};
    if (!word_next(&text, &w))
        return malformed(d, verb);
    TRY(read_where(w, e, d));
    if (verb == RECIPE_ADD)
        return read_add(text, e, d);
    if (verb == RECIPE_DS) {
        e->value = line_rest(text);
        return e->where == AT_NAME ? ST_OK : malformed(d, verb);
    }
    if (!word_next(&text, &w))
        return malformed(d, verb);
    TRY(read_pick(w, &e->pick, d));
    if (verb == RECIPE_CHANGE) {
        if (!word_next(&text, &w))
            return malformed(d, verb);
        TRY(read_field(w, e, d));
        e->value = line_rest(text);
        return read_value(sign_field[e->field].kind, e->value, d);
    }
    if (verb == RECIPE_CLONE)
        return clone_how_parse(line_rest(text), &e->clone) ? ST_OK : malformed(d, verb);
    return word_next(&text, &w) ? malformed(d, verb) : ST_OK;
}

enum status sign_edit_check(enum recipe_verb verb, struct bytes text, struct diag *d)
{
    struct sign_edit e;
    struct sim_signing s = {0};
    if (verb == RECIPE_POLICY)
        return sign_policy_set(&s, text, d);
    return read_edit(verb, text, &e, d);
}

enum status sign_edit_parse(enum recipe_verb verb, struct bytes text, struct sign_edit *ret,
                            struct diag *d)
{
    return read_edit(verb, text, ret, d);
}

static bool set_policy(struct sim_signing *s, struct bytes key, struct bytes value)
{
    char word[40];
    uint64_t v;
    snprintf(word, sizeof word, "%.*s", (int)MIN(value.n, sizeof word - 1), (const char *)value.p);
    if (word_is(key, "dnssec"))
        return topo_dnssec_parse(word, &s->how.dnssec);
    if (word_is(key, "algorithm"))
        return sec_algorithm_parse(value, &s->how.algorithm) &&
               sec_algorithm_signs(s->how.algorithm);
    if (word_is(key, "keys")) {
        s->how.split = word_is(value, "split");
        return s->how.split || word_is(value, "single");
    }
    if (word_is(key, "zonemd")) {
        s->zonemd = word_is(value, "yes");
        return s->zonemd || word_is(value, "no");
    }
    if (word_is(key, "salt")) {
        s->salt_n = word_uint(value, UINT8_MAX, &v) ? (uint8_t)v : 0;
        return s->salt_n > 0;
    }
    if (!word_uint(value, UINT16_MAX, &v))
        return false;
    s->iterations = (uint16_t)v;
    return true;
}

enum status sign_policy_set(struct sim_signing *s, struct bytes text, struct diag *d)
{
    static const char *const keys[] = {"dnssec",     "algorithm", "keys",
                                       "iterations", "salt",      "zonemd"};
    struct bytes key, value, more;
    char word[40];
    if (!word_next(&text, &key) || !word_next(&text, &value) || word_next(&text, &more))
        return malformed(d, RECIPE_POLICY);
    snprintf(word, sizeof word, "%.*s", (int)MIN(key.n, sizeof word - 1), (const char *)key.p);
    const char *near = nearest_word(word, keys, ARRAY_LEN(keys));
    if (near == NULL || strcmp(near, word) != 0)
        return wrong(d, near, "a policy has no", key);
    return set_policy(s, key, value) ? ST_OK : wrong(d, NULL, "this cannot be its value:", value);
}
