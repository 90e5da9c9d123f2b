/* Mnemonics and properties of types. The little index of mnemonics and what follows from the fields
 * of a type are worked out once, before main(), so that the table stays one line a type and lookups
 * stay a few instructions. */
#include "dns/rr_type.h"
#include "dns/rr_table.h"
#include "dns/rrset.h"

enum { MNEMONIC_MAX = 16, INDEX_SIZE = 512, TYPES_MAX = 255 };

struct rr_derived rr_derived[RR_SLOTS];

static struct mnemonic {
    uint64_t key; /* the first eight letters, upper case */
    uint16_t code;
    uint8_t n;
    char text[MNEMONIC_MAX + 1];
} mnemonics[TYPES_MAX + 1]; /* ascending by code; [0] is unused */
static unsigned mnemonic_count;
static uint8_t mnemonic_index[INDEX_SIZE]; /* open addressing; 0 is empty */
static uint8_t mnemonic_of_slot[RR_SLOTS];

static inline uint8_t upper(uint8_t c)
{
    return (uint8_t)(c - ((unsigned)(c - 'a') < 26u ? 32 : 0));
}

static inline uint64_t key_of(const uint8_t *p, size_t n)
{
    uint64_t k = 0;
    for (size_t i = 0; i < n && i < 8; i++)
        k = k << 8 | upper(p[i]);
    return k;
}

static inline unsigned hash_of(uint64_t key)
{
    return (unsigned)(key * 0x9e3779b97f4a7c15u >> 55) % INDEX_SIZE;
}

static void derive_fields(const struct rr_info *r, struct rr_derived *d)
{
    size_t fixed = 0;
    bool plain = true;
    unsigned n = 0;
    for (const struct field *f = r->field; f->kind != NULL; f++, n++) {
        const struct kind *k = f->kind;
        plain &= f->size > 0 && k->check == NULL;
        fixed += f->size;
        d->opaque |= k->parse == NULL;
        d->names |= (k->flags & KF_NAME) || k->lower != NULL;
        if (k->flags & KF_NAME) {
            d->decompress |= (f->arg & NF_D) != 0;
            d->marked = (uint8_t)(d->marked + ((f->arg & (NF_C | NF_G)) != 0));
        }
    }
    ASSERT(n > 0 && n <= RR_FIELDS_MAX);
    d->fixed_len = plain ? (uint16_t)fixed : 0;
}

static void index_type(const struct rr_info *r)
{
    ASSERT(mnemonic_count < TYPES_MAX);
    struct mnemonic *m = &mnemonics[++mnemonic_count];
    size_t n = strlen(r->name);
    ASSERT(n <= MNEMONIC_MAX);
    for (size_t i = 0; i < n; i++)
        m->text[i] = r->name[i] == '_' ? '-' : r->name[i];
    m->n = (uint8_t)n;
    m->code = r->code;
    m->key = key_of((const uint8_t *)m->text, n);
    unsigned h = hash_of(m->key);
    while (mnemonic_index[h] != 0)
        h = (h + 1) % INDEX_SIZE;
    mnemonic_index[h] = (uint8_t)mnemonic_count;
    mnemonic_of_slot[RR_SLOT(r->code)] = (uint8_t)mnemonic_count;
}

__attribute__((constructor(200))) static void rr_type_start(void)
{
    static const uint16_t codes[] = {
#define RR(name, code, ...) code,
#include "dns/rr_types.def"
#undef RR
    };
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        const struct rr_info *r = rr_find(codes[i]);
        ASSERT(r != NULL);
        index_type(r);
        derive_fields(r, &rr_derived[RR_SLOT(codes[i])]);
    }
}

unsigned rr_type_flags(uint16_t type)
{
    const struct rr_info *r = rr_find(type);
    return r != NULL ? r->flags : 0;
}

bool rr_type_known(uint16_t type)
{
    return rr_find(type) != NULL;
}

bool rr_type_has_names(uint16_t type)
{
    return rr_find(type) != NULL && rr_derived[RR_SLOT(type)].names;
}

const char *rr_type_reference(uint16_t type)
{
    const struct rr_info *r = rr_find(type);
    return r != NULL ? r->reference : "";
}

uint16_t rr_type_next(uint16_t type)
{
    for (unsigned i = 1; i <= mnemonic_count; i++)
        if (mnemonics[i].code > type)
            return mnemonics[i].code;
    return 0;
}

void rr_type_text(uint16_t type, struct text *out)
{
    if (rr_find(type) != NULL) {
        const struct mnemonic *m = &mnemonics[mnemonic_of_slot[RR_SLOT(type)]];
        text_bytes(out, m->text, m->n);
    } else {
        text_bytes(out, "TYPE", 4);
        text_uint(out, type);
    }
}

const char *rr_type_str(uint16_t type, char buf[24])
{
    struct text t = text_of(buf, 24);
    rr_type_text(type, &t);
    return buf;
}

/* PREFIXn in either case, n up to 65535. */
static bool parse_prefixed(struct bytes t, const char *prefix, size_t len, uint16_t *ret)
{
    uint64_t v;
    if (t.n <= len || t.n > len + 5)
        return false;
    for (size_t i = 0; i < len; i++)
        if (upper(t.p[i]) != (uint8_t)prefix[i])
            return false;
    if (!number_of(bytes_of(t.p + len, t.n - len), UINT16_MAX, &v))
        return false;
    *ret = (uint16_t)v;
    return true;
}

bool rr_type_parse(struct bytes t, uint16_t *ret)
{
    if (t.n == 0 || t.n > MNEMONIC_MAX)
        return false;
    uint64_t key = key_of(t.p, t.n);
    for (unsigned h = hash_of(key); mnemonic_index[h] != 0; h = (h + 1) % INDEX_SIZE) {
        const struct mnemonic *m = &mnemonics[mnemonic_index[h]];
        if (m->key != key || m->n != t.n)
            continue;
        size_t i = 8;
        while (i < t.n && upper(t.p[i]) == (uint8_t)m->text[i])
            i++;
        if (i >= t.n) {
            *ret = m->code;
            return true;
        }
    }
    return parse_prefixed(t, "TYPE", 4, ret);
}

static const struct {
    const char *name;
    uint16_t code;
} classes[] = {
    {"IN", CLASS_IN}, {"CH", CLASS_CH}, {"HS", CLASS_HS}, {"NONE", CLASS_NONE}, {"ANY", CLASS_ANY}};

void rr_class_text(uint16_t rclass, struct text *out)
{
    for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
        if (classes[i].code == rclass) {
            text_str(out, classes[i].name);
            return;
        }
    }
    text_bytes(out, "CLASS", 5);
    text_uint(out, rclass);
}

bool rr_class_parse(struct bytes t, uint16_t *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
        if (word_equal(t, classes[i].name)) {
            *ret = classes[i].code;
            return true;
        }
    }
    return parse_prefixed(t, "CLASS", 5, ret);
}
