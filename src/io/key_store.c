/* Keys and states of zones in LMDB: every change one durable transaction. */
#include "io/key_store.h"

#include "crypto/digest.h"
#include "io/key_store_impl.h"

#include <errno.h>
#include <stdlib.h>

/* Format 1 ended before the times. */
enum {
    STATE_FORMAT = 2,
    STATE_BODY_1 = 1 + 4 + 4 + 8 + 32,
    STATE_BODY = STATE_BODY_1 + 4 * 4,
    STATE_CHECK = 8,
    STATE_SIZE = STATE_BODY + STATE_CHECK
};

/* --- Errors in words --- */

enum status key_store_fail(const char *path, int rc, struct diag *d)
{
    switch (rc) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        diag_set(d, SEV_ERROR, "no-space", "what was kept before is unharmed; make room",
                 "no space left on the device: %s could not be written", path);
        return ST_EIO;
    case MDB_MAP_FULL:
        diag_set(d, SEV_ERROR, "key-store-full", "what was kept before is unharmed",
                 "the key store %s is full: it has %d MiB", path, LIMIT_KEY_STORE_BYTES >> 20);
        return ST_ELIMIT;
    case EACCES:
    case EPERM:
    case EROFS:
        diag_set(d, SEV_ERROR, "no-permission",
                 "run it as the user that the server runs as, or as root", "no permission for %s",
                 path);
        return ST_EREFUSED;
    case ENOMEM:
        diag_set(d, SEV_ERROR, "no-memory", NULL, "out of memory");
        return ST_ENOMEM;
    case MDB_VERSION_MISMATCH:
        diag_set(d, SEV_ERROR, "key-store-version", NULL,
                 "the key store %s was written by another version of LMDB", path);
        return ST_EFORMAT;
    case MDB_INVALID:
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_PANIC:
    case MDB_BAD_TXN:
    case MDB_CURSOR_FULL:
    case MDB_PAGE_FULL:
        diag_set(d, SEV_ERROR, "key-store-damaged",
                 "put back a copy of it; zones go on being served with the signatures they have",
                 "the key store %s is damaged: %s", path, mdb_strerror(rc));
        return ST_EFORMAT;
    default:
        diag_set(d, SEV_ERROR, "key-store-failed", NULL, "the key store %s: %s", path,
                 mdb_strerror(rc));
        return ST_EIO;
    }
}

static enum status damaged_zone(const struct key_store *ks, const uint8_t *zone, const char *what,
                                struct diag *d)
{
    char name[NAME_TEXT_MAX];
    diag_set(d, SEV_ERROR, "key-store-damaged",
             "put back a copy of it; zones go on being served with the signatures they have",
             "the key store %s is damaged: the keys of %s: %s", ks->path, name_str(zone, name),
             what);
    return ST_EFORMAT;
}

/* --- Transactions --- */

static MDB_val zone_key_of(const uint8_t *zone, struct name *low)
{
    return (MDB_val){name_lower(low->w, zone), low->w};
}

static enum status begin(struct key_store *ks, bool write, MDB_txn **ret, struct diag *d)
{
    if (write && ks->read_only)
        return key_store_fail(ks->path, EROFS, d);
    int rc = mdb_txn_begin(ks->env, NULL, write ? 0 : MDB_RDONLY, ret);
    return rc == 0 ? ST_OK : key_store_fail(ks->path, rc, d);
}

static enum status commit(struct key_store *ks, MDB_txn *txn, struct diag *d)
{
    int rc = mdb_txn_commit(txn);
    return rc == 0 ? ST_OK : key_store_fail(ks->path, rc, d);
}

/* The set as it is kept; ST_ENOTFOUND. *ret_text is good until the transaction ends or writes. */
static enum status read_set(struct key_store *ks, MDB_txn *txn, const uint8_t *zone,
                            struct keyset *ret, struct bytes *ret_text, struct diag *d)
{
    struct name low;
    struct diag why = {0};
    MDB_val key = zone_key_of(zone, &low), v;
    int rc = mdb_get(txn, ks->keys, &key, &v);
    if (rc == MDB_NOTFOUND)
        return ST_ENOTFOUND;
    if (rc != 0)
        return key_store_fail(ks->path, rc, d);
    *ret_text = bytes_of(v.mv_data, v.mv_size);
    enum status st = keyset_parse(ret, *ret_text, &why);
    if (st == ST_OK && !name_equal(ret->zone.w, low.w)) {
        keyset_free(ret);
        return damaged_zone(ks, zone, "they are another zone's", d);
    }
    if (st == ST_EFORMAT)
        return damaged_zone(ks, zone, why.message, d);
    if (st != ST_OK)
        *d = why;
    return st;
}

enum status key_store_get(struct key_store *ks, const uint8_t *zone, struct keyset *ret,
                          struct diag *d)
{
    MDB_txn *txn;
    struct bytes text;
    TRY(begin(ks, false, &txn, d));
    enum status st = read_set(ks, txn, zone, ret, &text, d);
    mdb_txn_abort(txn);
    return st;
}

/* Writes the set unless it is `old` already. */
static enum status write_set(struct key_store *ks, MDB_txn *txn, const struct keyset *s,
                             struct bytes old, bool *ret_changed, struct diag *d)
{
    struct name low;
    MDB_val key = zone_key_of(s->zone.w, &low);
    struct text t = text_heap(KEYSET_TEXT_MAX);
    enum status st = keyset_text(s, &t);
    int rc = st == ST_OK ? 0 : ENOMEM;
    *ret_changed = !(s->n == 0 && old.n == 0) && !bytes_equal(old, bytes_of(t.p, t.n));
    if (rc == 0 && *ret_changed && s->n == 0) {
        rc = mdb_del(txn, ks->keys, &key, NULL);
    } else if (rc == 0 && *ret_changed) {
        MDB_val v = {t.n, t.p};
        rc = mdb_put(txn, ks->keys, &key, &v, 0);
    }
    if (t.p != NULL)
        explicit_bzero(t.p, t.n);
    text_free(&t);
    return rc == 0 ? ST_OK : key_store_fail(ks->path, rc, d);
}

enum status key_store_put(struct key_store *ks, const struct keyset *s, struct diag *d)
{
    MDB_txn *txn;
    bool changed;
    TRY(begin(ks, true, &txn, d));
    enum status st = write_set(ks, txn, s, (struct bytes){0}, &changed, d);
    if (st == ST_OK && changed)
        return commit(ks, txn, d);
    mdb_txn_abort(txn);
    return st;
}

enum status key_store_update(struct key_store *ks, const uint8_t *zone,
                             enum status (*fn)(void *ctx, struct keyset *s, struct diag *d),
                             void *ctx, struct diag *d)
{
    MDB_txn *txn;
    struct bytes old = {0};
    bool changed = false;
    struct keyset *s = malloc(sizeof *s);
    if (s == NULL)
        return key_store_fail(ks->path, ENOMEM, d);
    enum status st = begin(ks, true, &txn, d);
    if (st != ST_OK) {
        free(s);
        return st;
    }
    st = read_set(ks, txn, zone, s, &old, d);
    if (st == ST_ENOTFOUND) {
        keyset_init(s, zone);
        st = ST_OK;
    }
    if (st == ST_OK) {
        st = fn(ctx, s, d);
        if (st == ST_OK)
            st = write_set(ks, txn, s, old, &changed, d);
        keyset_free(s);
    }
    free(s);
    if (st == ST_OK && changed)
        return commit(ks, txn, d);
    mdb_txn_abort(txn);
    return st;
}

enum status key_store_delete(struct key_store *ks, const uint8_t *zone, struct diag *d)
{
    MDB_txn *txn;
    struct name low;
    MDB_val key = zone_key_of(zone, &low);
    TRY(begin(ks, true, &txn, d));
    int rc = mdb_del(txn, ks->keys, &key, NULL), rc2 = mdb_del(txn, ks->states, &key, NULL);
    if ((rc == 0 || rc == MDB_NOTFOUND) && (rc2 == 0 || rc2 == MDB_NOTFOUND)) {
        enum status st = commit(ks, txn, d);
        return st == ST_OK && rc != 0 && rc2 != 0 ? ST_ENOTFOUND : st;
    }
    mdb_txn_abort(txn);
    return key_store_fail(ks->path, rc != 0 && rc != MDB_NOTFOUND ? rc : rc2, d);
}

/* --- All zones --- */

/* Calls fn for every key of a database. */
static enum status each(struct key_store *ks, MDB_txn *txn, MDB_dbi dbi,
                        bool (*fn)(void *ctx, const uint8_t *zone), void *ctx, struct diag *d)
{
    MDB_cursor *c;
    MDB_val key, v;
    int rc = mdb_cursor_open(txn, dbi, &c);
    if (rc != 0)
        return key_store_fail(ks->path, rc, d);
    while ((rc = mdb_cursor_get(c, &key, &v, MDB_NEXT)) == 0) {
        struct name zone;
        if (name_check(bytes_of(key.mv_data, key.mv_size)) != ST_OK) {
            rc = MDB_CORRUPTED;
            break;
        }
        name_copy(zone.w, key.mv_data);
        if (!fn(ctx, zone.w)) {
            rc = MDB_NOTFOUND;
            break;
        }
    }
    mdb_cursor_close(c);
    return rc == MDB_NOTFOUND ? ST_OK : key_store_fail(ks->path, rc, d);
}

enum status key_store_list(struct key_store *ks, bool (*fn)(void *ctx, const uint8_t *zone),
                           void *ctx, struct diag *d)
{
    MDB_txn *txn;
    TRY(begin(ks, false, &txn, d));
    enum status st = each(ks, txn, ks->keys, fn, ctx, d);
    mdb_txn_abort(txn);
    return st;
}

uint64_t key_store_revision(const struct key_store *ks)
{
    MDB_envinfo info;
    return mdb_env_info(ks->env, &info) == 0 ? info.me_last_txnid : 0;
}

/* --- State --- */

static enum status state_digest(const uint8_t *zone, struct bytes body, uint8_t ret[DIGEST_MAX])
{
    struct digest *dg = digest_new(DIGEST_SHA256);
    if (dg == NULL)
        return ST_ENOMEM;
    digest_update(dg, bytes_of(zone, name_len(zone)));
    digest_update(dg, body);
    enum status st = digest_final(dg, ret);
    digest_free(dg);
    return st;
}

static enum status read_state(struct key_store *ks, MDB_txn *txn, const uint8_t *zone,
                              struct key_store_state *ret, struct diag *d)
{
    struct name low;
    uint8_t md[DIGEST_MAX];
    MDB_val key = zone_key_of(zone, &low), v;
    int rc = mdb_get(txn, ks->states, &key, &v);
    if (rc == MDB_NOTFOUND)
        return ST_ENOTFOUND;
    if (rc != 0)
        return key_store_fail(ks->path, rc, d);
    const uint8_t *p = v.mv_data, *times = p + STATE_BODY_1;
    bool old = v.mv_size == STATE_BODY_1 + STATE_CHECK && p[0] == 1;
    size_t body = old ? STATE_BODY_1 : STATE_BODY;
    if ((!old && (v.mv_size != STATE_SIZE || p[0] != STATE_FORMAT)) ||
        state_digest(low.w, bytes_of(p, body), md) != ST_OK ||
        memcmp(md, p + body, STATE_CHECK) != 0)
        return damaged_zone(ks, zone, "its state has a wrong checksum", d);
    *ret = (struct key_store_state){
        .source_serial = get_be32(p + 1), .signed_serial = get_be32(p + 5), .at = get_be64(p + 9)};
    memcpy(ret->digest, p + 17, 32);
    if (old)
        return ST_OK;
    ret->dnskey_ttl_s = get_be32(times);
    ret->propagation_s = get_be32(times + 4);
    ret->ds_ttl_s = get_be32(times + 8);
    ret->zone_ttl_s = get_be32(times + 12);
    return ST_OK;
}

enum status key_store_state_get(struct key_store *ks, const uint8_t *zone,
                                struct key_store_state *ret, struct diag *d)
{
    MDB_txn *txn;
    TRY(begin(ks, false, &txn, d));
    enum status st = read_state(ks, txn, zone, ret, d);
    mdb_txn_abort(txn);
    return st;
}

enum status key_store_state_put(struct key_store *ks, const uint8_t *zone,
                                const struct key_store_state *s, struct diag *d)
{
    MDB_txn *txn;
    struct name low;
    uint8_t p[STATE_SIZE], md[DIGEST_MAX];
    MDB_val key = zone_key_of(zone, &low), v = {sizeof p, p};
    p[0] = STATE_FORMAT;
    put_be32(p + 1, s->source_serial);
    put_be32(p + 5, s->signed_serial);
    put_be64(p + 9, s->at);
    memcpy(p + 17, s->digest, 32);
    put_be32(p + STATE_BODY_1, s->dnskey_ttl_s);
    put_be32(p + STATE_BODY_1 + 4, s->propagation_s);
    put_be32(p + STATE_BODY_1 + 8, s->ds_ttl_s);
    put_be32(p + STATE_BODY_1 + 12, s->zone_ttl_s);
    if (state_digest(low.w, bytes_of(p, STATE_BODY), md) != ST_OK)
        return key_store_fail(ks->path, ENOMEM, d);
    memcpy(p + STATE_BODY, md, STATE_CHECK);
    TRY(begin(ks, true, &txn, d));
    int rc = mdb_put(txn, ks->states, &key, &v, 0);
    if (rc == 0)
        return commit(ks, txn, d);
    mdb_txn_abort(txn);
    return key_store_fail(ks->path, rc, d);
}

/* --- The check of all records --- */

struct checking {
    struct key_store *ks;
    MDB_txn *txn;
    struct diag *d;
    size_t n;
    enum status st;
    struct keyset set;
};

static bool check_keys(void *ctx, const uint8_t *zone)
{
    struct checking *c = ctx;
    struct bytes text;
    c->n++;
    c->st = read_set(c->ks, c->txn, zone, &c->set, &text, c->d);
    if (c->st == ST_OK)
        keyset_free(&c->set);
    if (c->st == ST_ENOTFOUND) /* it is there, but is not found where it should be */
        c->st = damaged_zone(c->ks, zone, "they are out of order", c->d);
    return c->st == ST_OK;
}

static bool check_state(void *ctx, const uint8_t *zone)
{
    struct checking *c = ctx;
    struct key_store_state s;
    c->n++;
    c->st = read_state(c->ks, c->txn, zone, &s, c->d);
    if (c->st == ST_ENOTFOUND)
        c->st = damaged_zone(c->ks, zone, "its state is out of order", c->d);
    return c->st == ST_OK;
}

static enum status check_count(const struct checking *c, MDB_dbi dbi)
{
    MDB_stat st;
    int rc = mdb_stat(c->txn, dbi, &st);
    if (rc == 0 && st.ms_entries != c->n)
        rc = MDB_CORRUPTED;
    return rc == 0 ? ST_OK : key_store_fail(c->ks->path, rc, c->d);
}

enum status key_store_check_records(struct key_store *ks, struct diag *d)
{
    struct checking *c = calloc(1, sizeof *c);
    if (c == NULL)
        return key_store_fail(ks->path, ENOMEM, d);
    *c = (struct checking){.ks = ks, .d = d};
    enum status st = begin(ks, false, &c->txn, d);
    if (st != ST_OK) {
        free(c);
        return st;
    }
    st = each(ks, c->txn, ks->keys, check_keys, c, d);
    st = c->st != ST_OK ? c->st : st != ST_OK ? st : check_count(c, ks->keys);
    c->n = 0;
    if (st == ST_OK) {
        st = each(ks, c->txn, ks->states, check_state, c, d);
        st = c->st != ST_OK ? c->st : st != ST_OK ? st : check_count(c, ks->states);
    }
    mdb_txn_abort(c->txn);
    free(c);
    return st;
}
