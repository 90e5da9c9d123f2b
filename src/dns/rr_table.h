/* The table of types and the interface of field kinds: private to dns/.
 *
 * A field kind is a row of functions over a place inside stored RDATA. Kinds see the whole RDATA
 * (`start`), because some fields decide how a later one is read (IPSECKEY's gateway type). */
#ifndef BANYAN_DNS_RR_TABLE_H
#define BANYAN_DNS_RR_TABLE_H

#include "dns/rdata.h"

struct field;

/* A walk over uncompressed RDATA. */
struct rdview {
    const uint8_t *start, *p, *end;
    /* Set by a check when the data are fine on the wire but have no exact presentation form of
     * their own, so the generic form is printed. */
    bool odd;
};

static inline size_t view_left(const struct rdview *v)
{
    return (size_t)(v->end - v->p);
}

/* A walk over tokens that appends RDATA. */
struct rdparse {
    const struct token *tok;
    size_t n, i;
    const uint8_t *origin;
    struct writer *out;
    uint8_t *start; /* where this RDATA begins in out */
    uint16_t type;
    struct diag *d; /* may be NULL */
};

enum kind_flag {
    KF_REST = 1 << 0,   /* takes all that is left: must stand last */
    KF_NUMBER = 1 << 1, /* in JSON a number */
    KF_NAME = 1 << 2,
};

struct kind {
    /* Validates the field at v->p and moves past it. NULL: any bytes of the field's fixed size. */
    enum status (*check)(const struct field *f, struct rdview *v);
    /* Tokens to bytes. NULL: only the generic form exists. */
    enum status (*parse)(const struct field *f, struct rdparse *ps);
    /* Prints valid data at v->p and moves past it. */
    void (*print)(const struct field *f, struct rdview *v, struct text *out);
    /* NULL: a number (KF_NUMBER) or else a string of what print writes. */
    void (*json)(const struct field *f, struct rdview *v, struct json *out);
    /* Lower-cases the names of a composite field in place; NULL for most. */
    void (*lower)(uint8_t *field, size_t n);
    unsigned flags; /* enum kind_flag */
    /* What to write, for error messages; NULL: the key of the field. */
    const char *usage;
};

/* Options of a NAME field; the .def says what they mean. */
enum name_flag { NF_C = 1, NF_D = 2, NF_L = 4, NF_G = 8 };

struct field {
    const struct kind *kind;
    const char *key;
    uint8_t size; /* bytes, for fixed sizes; else 0 */
    uint8_t arg;  /* enum name_flag for names; else the kind's own */
};

struct rr_info {
    const char *name;
    uint16_t code, flags;
    const char *reference;
    const struct field *field; /* ends with a field without kind */
};

enum { RR_FIELDS_MAX = 12 };

/* What is worked out from the fields once, before main(). */
struct rr_derived {
    uint16_t fixed_len; /* every RDATA has this length and needs no other check; else 0 */
    bool names;         /* has names: canonical form or compression differ from plain bytes */
    bool decompress;    /* has names that may arrive compressed */
    uint8_t marked;     /* how many names rdata_names() finds */
    bool opaque;        /* generic form only */
};

enum { RR_SLOTS_LOW = 320, RR_SLOTS = RR_SLOTS_LOW + 16 };
/* Codes below 320 have their own slot; the rest share sixteen (two types in one slot do not
 * compile). */
#define RR_SLOT(code) ((code) < RR_SLOTS_LOW ? (code) : RR_SLOTS_LOW + ((code)&15))

extern const struct rr_info rr_table[RR_SLOTS];
extern struct rr_derived rr_derived[RR_SLOTS];

/* The row of a type, or NULL. */
static inline const struct rr_info *rr_find(uint16_t type)
{
    const struct rr_info *r = &rr_table[RR_SLOT(type)];
    return r->code == type && r->name != NULL ? r : NULL;
}

#define KIND(name) extern const struct kind kind_##name;
#include "dns/kinds.def"
#undef KIND

/* Help for kinds that parse (rdata_parse.c). */

/* The next token, or NULL after noting that `what` is missing. */
const struct token *parse_next(struct rdparse *ps, const char *what);
static inline bool parse_more(const struct rdparse *ps)
{
    return ps->i < ps->n;
}
/* Notes an error at token t (NULL: the end of the record) and returns st. */
enum status parse_fail(struct rdparse *ps, const struct token *t, enum status st, const char *fmt,
                       ...) PRINTF_LIKE(4, 5);
/* ST_OK, or ST_ENOSPACE noted. */
enum status parse_done(struct rdparse *ps);
/* One token that is a decimal number of at most max. */
enum status parse_number(struct rdparse *ps, const char *what, uint64_t max, uint64_t *ret);
/* Plain decimal digits; false on anything else or above max. */
bool number_of(struct bytes t, uint64_t max, uint64_t *ret);
/* Undoes \X and \DDD escapes of a word; ST_ESYNTAX, ST_ERANGE when longer than cap. */
enum status unescape(struct bytes t, uint8_t *buf, size_t cap, size_t *ret_n);
bool word_equal(struct bytes t, const char *word);
/* Appends the name in token t. */
enum status parse_name(struct rdparse *ps, const struct token *t);
/* Decodes the tokens that are left as one run of hex or base64. */
enum status parse_hex_rest(struct rdparse *ps, const char *what);
enum status parse_base64_rest(struct rdparse *ps, const char *what);

/* Help for kinds that print: a <character-string> in quotes, with escapes (RFC 1035 section 5.1).
 */
void quoted_text(struct bytes s, struct text *out);
/* The same without the quotes. */
void escaped_text(struct bytes s, struct text *out);

#endif
