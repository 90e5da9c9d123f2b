#include "sim/sign_edit.h"

#include "dns/rdata.h"
#include "dnssec/dnskey.h"
#include "dnssec/nsec3.h"
#include "dnssec/online.h"
#include "dnssec/rrsig.h"
#include "sim/lines.h"
#include "sim/records.h"

#include <stdlib.h>

enum { RDATA_MAX = 65535, BITMAP_TYPES = 1024 };

/* One edit at work. */
struct work {
    struct records list;
    const struct sign_edit_context *cx;
    const struct sign_edit *e;
    struct name owner; /* what matching() and covering() come to, or the name itself */
    struct sig_buffer buffer;
    uint8_t *rdata; /* RDATA_MAX */
    struct diag *d;
};

static enum status fail(struct work *w, const char *what)
{
    char name[NAME_TEXT_MAX];
    diag_set(w->d, SEV_ERROR, "recipe", NULL, "%s: %s",
             w->e->where == AT_ALL ? "all" : name_str(w->e->name.w, name), what);
    return ST_ESEMANTIC;
}

static bool type_is(uint16_t type, uint16_t want, bool denial)
{
    return denial ? type == RR_NSEC || type == RR_NSEC3 : want == 0 || want == type;
}

static bool picked(const struct record_pick *p, const struct record *rec)
{
    struct dnskey key;
    struct ds ds;
    if (!type_is(rec->type, p->type, p->denial))
        return false;
    if (!p->narrowed)
        return true;
    if (rec->type == RR_RRSIG)
        return type_is(record_covered(rec), p->covered, p->covered_denial);
    if (rec->type == RR_DS)
        return ds_read(rec->rdata, &ds) && ds.algorithm == p->algorithm;
    if (!dnskey_read(rec->rdata, &key))
        return false;
    return p->by_role ? (key.flags & DNSKEY_SEP) == (p->ksk ? DNSKEY_SEP : 0)
                      : key.algorithm == p->algorithm;
}

static bool here(const struct work *w, const struct record *rec)
{
    return !rec->gone && (w->e->where == AT_ALL || name_equal(rec->owner.w, w->owner.w));
}

static enum status find_owner(struct work *w)
{
    w->owner = w->e->name;
    if (w->e->where != AT_MATCHING && w->e->where != AT_COVERING)
        return ST_OK;
    const struct record *rec = records_denial(&w->list, w->e->name.w, w->e->where == AT_COVERING);
    if (rec == NULL)
        return fail(w, "no NSEC or NSEC3 is about this name");
    w->owner = rec->owner;
    return ST_OK;
}

static enum status add(struct work *w)
{
    struct writer out = wr_of(w->rdata, RDATA_MAX);
    TRY(rdata_parse_line(w->e->pick.type, w->e->value, NULL, &out, w->d));
    return records_add(&w->list, w->owner.w, w->e->pick.type, w->e->ttl, wr_done(&out));
}

/* What signs a record that goes, goes too. Dropping what is not there is no error: recipes are
 * for any zone. */
static void drop(struct work *w)
{
    const struct record_pick *p = &w->e->pick;
    for (size_t i = 0; i < w->list.n; i++) {
        struct record *rec = &w->list.v[i];
        bool signs = rec->type == RR_RRSIG && !p->narrowed &&
                     type_is(record_covered(rec), p->type, p->denial);
        if (here(w, rec) && (picked(p, rec) || signs))
            rec->gone = true;
    }
}

/* --- change --- */

static bool number(struct bytes text, int64_t *ret, int *ret_sign)
{
    static const struct {
        char unit;
        uint32_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    uint64_t v, by = 1;
    *ret_sign = text.n > 0 && text.p[0] == '-' ? -1 : text.n > 0 && text.p[0] == '+';
    if (*ret_sign != 0)
        text = bytes_of(text.p + 1, text.n - 1);
    for (size_t i = 0; i < ARRAY_LEN(units) && text.n > 1; i++) {
        if (text.p[text.n - 1] == (uint8_t)units[i].unit) {
            by = units[i].seconds;
            text.n--;
            break;
        }
    }
    if (!word_uint(text, UINT32_MAX, &v))
        return false;
    *ret = (int64_t)(v * by) * (*ret_sign < 0 ? -1 : 1);
    return true;
}

static uint32_t get_number(const uint8_t *p, unsigned size)
{
    return size == 1 ? p[0] : size == 2 ? get_be16(p) : get_be32(p);
}

static void put_number(uint8_t *p, unsigned size, uint32_t v)
{
    if (size == 1)
        p[0] = (uint8_t)v;
    else if (size == 2)
        put_be16(p, (uint16_t)v);
    else
        put_be32(p, v);
}

/* The tag of the DNSKEY that a validator would go through: a KSK before others. */
static uint32_t tag_of_key(const struct work *w)
{
    uint32_t tag = 0;
    for (size_t i = w->list.n; i-- > 0;) {
        const struct record *rec = &w->list.v[i];
        struct dnskey k;
        if (rec->gone || rec->type != RR_DNSKEY || !dnskey_read(rec->rdata, &k))
            continue;
        if ((k.flags & DNSKEY_SEP) != 0)
            return k.tag;
        tag = k.tag;
    }
    return tag;
}

static enum status change_number(struct work *w, const struct sign_field *f, uint8_t *p, size_t n)
{
    int64_t v;
    int sign;
    if (n < f->offset + f->size)
        return fail(w, "a record is too short");
    p += f->offset;
    if (f->kind == FIELD_TAG && word_is(w->e->value, "key")) {
        put_number(p, f->size, tag_of_key(w));
        return ST_OK;
    }
    if (!number(w->e->value, &v, &sign))
        return fail(w, "the value is not a number");
    if (sign != 0)
        v += f->kind == FIELD_TIME ? (int64_t)w->cx->now_s : (int64_t)get_number(p, f->size);
    put_number(p, f->size, (uint32_t)v);
    return ST_OK;
}

/* Another signer in an RRSIG. */
static enum status change_name(struct work *w, const struct sign_field *f, struct record *rec)
{
    struct writer out = wr_of(w->rdata, RDATA_MAX);
    struct rrsig sig;
    struct name name;
    if (!rrsig_read(rec->rdata, &sig) || name_parse(w->e->value, NULL, &name) != ST_OK)
        return fail(w, "the value is not a name");
    wr_bytes(&out, rec->rdata.p, f->offset);
    wr_bytes(&out, name.w, name_len(name.w));
    wr_bytes(&out, sig.signature.p, sig.signature.n);
    rec->rdata = bytes_of(arena_dup(&w->list.arena, w->rdata, wr_len(&out)), wr_len(&out));
    return rec->rdata.p ? ST_OK : ST_ENOMEM;
}

/* RDATA up to the next name or hash goes to out. */
static enum status nsec3_next(struct work *w, const struct record *rec, const struct nsec3 *n3,
                              struct writer *out)
{
    uint8_t hash[NSEC3_HASH];
    struct name name;
    if (word_is(w->e->value, "self")) {
        if (!nsec3_owner_hash(rec->owner.w, hash))
            return fail(w, "an NSEC3 without a hash");
        for (size_t i = sizeof hash; i-- > 0 && ++hash[i] == 0;)
            ;
    } else {
        struct nsec3_hasher *h = nsec3_hasher_new();
        enum status st = h == NULL ? ST_ENOMEM : name_parse(w->e->value, NULL, &name);
        if (st == ST_OK)
            st = nsec3_hash(h, name.w, n3->salt, n3->iterations, hash);
        nsec3_hasher_free(h);
        TRY(st);
    }
    wr_bytes(out, rec->rdata.p, (size_t)(n3->next.p - rec->rdata.p));
    wr_bytes(out, hash, sizeof hash);
    return ST_OK;
}

static enum status nsec_next(struct work *w, const struct record *rec, struct writer *out)
{
    struct name name;
    if (word_is(w->e->value, "self"))
        name_successor(rec->owner.w, w->list.origin.w, &name);
    else if (name_parse(w->e->value, NULL, &name) != ST_OK)
        return fail(w, "the value is neither a name nor \"self\"");
    wr_bytes(out, name.w, name_len(name.w));
    return ST_OK;
}

static enum status change_types(struct work *w, struct bytes bitmap, struct writer *out)
{
    uint16_t types[BITMAP_TYPES], type;
    size_t n = 0;
    struct bytes words = w->e->value, word;
    bool *has = calloc(UINT16_MAX + 1, 1);
    bool good = has != NULL;
    for (unsigned t = 0; good && t <= UINT16_MAX; t++)
        has[t] = bitmap_has(bitmap, (uint16_t)t);
    while (good && word_next(&words, &word)) {
        good = word.n > 1 && (word.p[0] == '+' || word.p[0] == '-') &&
               rr_type_parse(bytes_of(word.p + 1, word.n - 1), &type);
        if (good)
            has[type] = word.p[0] == '+';
    }
    for (unsigned t = 0; good && t <= UINT16_MAX && n < BITMAP_TYPES; t++)
        if (has[t])
            types[n++] = (uint16_t)t;
    free(has);
    if (!good)
        return fail(w, "types are written +MX or -A");
    return bitmap_write(types, n, out);
}

static enum status change_denial(struct work *w, const struct sign_field *f, struct record *rec)
{
    struct writer out = wr_of(w->rdata, RDATA_MAX);
    struct nsec n;
    struct nsec3 n3;
    struct bytes bitmap, rd = rec->rdata;
    bool hashed = rec->type == RR_NSEC3;
    if (hashed ? !nsec3_read(rd, &n3) || n3.next.n != NSEC3_HASH : !nsec_read(rd, &n))
        return fail(w, "a record cannot be read");
    bitmap = hashed ? n3.bitmap : n.bitmap;
    if (f->kind == FIELD_TYPES) {
        wr_bytes(&out, rd.p, (size_t)(bitmap.p - rd.p));
        TRY(change_types(w, bitmap, &out));
    } else {
        TRY(hashed ? nsec3_next(w, rec, &n3, &out) : nsec_next(w, rec, &out));
        wr_bytes(&out, bitmap.p, bitmap.n);
    }
    rec->rdata = bytes_of(arena_dup(&w->list.arena, w->rdata, wr_len(&out)), wr_len(&out));
    return rec->rdata.p ? ST_OK : ST_ENOMEM;
}

static enum status change_record(struct work *w, const struct sign_field *f, struct record *rec)
{
    struct rrsig sig;
    size_t from = f->offset;
    if (f->kind == FIELD_NAME)
        return change_name(w, f, rec);
    if (f->kind == FIELD_NEXT || f->kind == FIELD_TYPES)
        return change_denial(w, f, rec);
    uint8_t *p = arena_dup(&w->list.arena, rec->rdata.p, rec->rdata.n);
    if (p == NULL)
        return ST_ENOMEM;
    if (rec->type == RR_RRSIG && f->kind == FIELD_BYTES) {
        if (!rrsig_read(rec->rdata, &sig))
            return fail(w, "a record cannot be read");
        from = rec->rdata.n - sig.signature.n;
    }
    if (f->kind != FIELD_BYTES)
        TRY(change_number(w, f, p, rec->rdata.n));
    else if (rec->rdata.n > from)
        p[from + (rec->rdata.n - from) / 2] ^= 1;
    rec->rdata.p = p;
    return ST_OK;
}

static enum status change(struct work *w)
{
    unsigned n = 0;
    for (size_t i = 0; i < w->list.n; i++) {
        struct record *rec = &w->list.v[i];
        if (!here(w, rec) || !picked(&w->e->pick, rec))
            continue;
        const struct sign_field *f = sign_field_of(rec->type, sign_field[w->e->field].word);
        if (f == NULL) /* DENIAL stands for two types with different fields */
            return fail(w, "a record of this type does not have the field");
        TRY(change_record(w, f, rec));
        n++;
    }
    return n > 0 ? ST_OK : fail(w, "there is no such record to change (is the zone signed?)");
}

/* --- sign, ds --- */

static const struct sign_key *key_for(const struct sim_signing *s, uint16_t type)
{
    bool keys = type == RR_DNSKEY || type == RR_CDS || type == RR_CDNSKEY;
    for (unsigned i = 0; i < s->keys; i++)
        if (keys ? s->key[i].sign_keys : s->key[i].sign_zone)
            return &s->key[i];
    return NULL;
}

static enum status sign_one(struct work *w, struct record *rec)
{
    struct rrset set;
    struct rrsig head;
    struct bytes data;
    size_t n;
    uint16_t type = record_covered(rec);
    const struct sign_key *k = key_for(w->cx->signing, type);
    if (k == NULL || !rrsig_read(rec->rdata, &head))
        return fail(w, "no key signs this");
    TRY(records_set(&w->list, rec->owner.w, type, &set));
    if (rrsig_data(&set, &head, &w->buffer, &data) != ST_OK)
        return fail(w, "with these labels nothing can be signed");
    size_t before = rec->rdata.n - head.signature.n;
    memcpy(w->rdata, rec->rdata.p, before);
    TRY(sec_sign(k->key, data, w->rdata + before, &n));
    rec->rdata = bytes_of(arena_dup(&w->list.arena, w->rdata, before + n), before + n);
    return rec->rdata.p ? ST_OK : ST_ENOMEM;
}

static enum status sign(struct work *w)
{
    const struct record_pick *p = &w->e->pick;
    unsigned n = 0;
    for (size_t i = 0; i < w->list.n; i++) {
        struct record *rec = &w->list.v[i];
        if (!here(w, rec) || rec->type != RR_RRSIG ||
            !type_is(record_covered(rec), p->type, p->denial))
            continue;
        TRY(sign_one(w, rec));
        n++;
    }
    return n > 0 ? ST_OK : fail(w, "there is no signature to make anew (is the zone signed?)");
}

/* Those that are there now: clones are not cloned. */
static enum status clone(struct work *w)
{
    unsigned n = 0;
    for (size_t i = 0, end = w->list.n; i < end; i++) {
        const struct record *rec = &w->list.v[i];
        if (!here(w, rec) || !picked(&w->e->pick, rec))
            continue;
        enum status st = records_clone(&w->list, rec, &w->e->clone, w->cx->now_s);
        if (st == ST_EUNSUPPORTED)
            return fail(w, "of such a record no clones can be made");
        TRY(st);
        n++;
    }
    return n > 0 ? ST_OK : fail(w, "there is no such record to clone (is the zone signed?)");
}

static enum status put_ds(struct work *w, struct bytes dnskey, uint8_t digest)
{
    uint8_t buf[4 + DS_DIGEST_MAX];
    struct writer out = wr_of(buf, sizeof buf);
    TRY(ds_write(digest, w->owner.w, dnskey, &out));
    return records_add(&w->list, w->owner.w, RR_DS, DS_TTL_S, wr_done(&out));
}

/* DS of every key with the SEP flag that the child serves, or, if none has it, of all. */
static enum status ds_anew(struct work *w)
{
    const struct zone *child = w->cx->zone ? w->cx->zone(w->cx->ctx, w->owner.w) : NULL;
    uint64_t digest = DS_SHA256;
    struct rrset set = {0};
    unsigned n = 0;
    if (child == NULL || !zone_rrset(child, zone_apex(child), RR_DNSKEY, w->owner.w, &set))
        return fail(w, "there is no signed zone of this name");
    if (w->e->value.n > 0 && !word_uint(w->e->value, 255, &digest))
        return fail(w, "a digest type is a number");
    for (size_t i = 0; i < w->list.n; i++)
        if (w->list.v[i].type == RR_DS && name_equal(w->list.v[i].owner.w, w->owner.w))
            w->list.v[i].gone = true;
    for (unsigned sep = DNSKEY_SEP; n == 0; sep = 0) {
        struct rdata_iter it = rdata_iter(&set);
        struct dnskey k;
        for (struct bytes rd; rdata_iter_next(&it, &rd);) {
            if (!dnskey_read(rd, &k) || (k.flags & DNSKEY_SEP) != sep)
                continue;
            TRY(put_ds(w, rd, (uint8_t)digest));
            n++;
        }
        if (sep == 0)
            break;
    }
    return ST_OK;
}

static enum status carry_out(struct work *w)
{
    enum status st = find_owner(w);
    if (st == ST_ESEMANTIC && w->e->verb == RECIPE_DROP)
        return ST_OK; /* gone already, maybe with the one that covers another name */
    TRY(st);
    switch (w->e->verb) {
    case RECIPE_ADD:
        return add(w);
    case RECIPE_DROP:
        drop(w);
        return ST_OK;
    case RECIPE_CHANGE:
        return change(w);
    case RECIPE_SIGN:
        return sign(w);
    case RECIPE_CLONE:
        return clone(w);
    case RECIPE_DS:
        return ds_anew(w);
    default:
        return ST_EUNSUPPORTED;
    }
}

enum status zone_sign_edited(const struct zone *z, const struct sign_edit *edit, unsigned n,
                             const struct sign_edit_context *cx, struct zone **ret, struct diag *d)
{
    struct work w = {.cx = cx, .d = d, .rdata = malloc(RDATA_MAX)};
    enum status st = records_of(&w.list, z);
    if (w.rdata == NULL)
        st = ST_ENOMEM;
    for (unsigned i = 0; st == ST_OK && i < n; i++) {
        w.e = &edit[i];
        st = carry_out(&w);
    }
    if (st == ST_OK)
        st = records_zone(&w.list, ret, d);
    records_free(&w.list);
    sig_buffer_free(&w.buffer);
    free(w.rdata);
    return st;
}
