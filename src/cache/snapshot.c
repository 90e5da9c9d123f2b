#include "cache/snapshot.h"

#include "base/reader.h"
#include "cache/store.h"
#include "dns/rdata.h"

enum {
    /* Buckets looked at under one hold of the lock. */
    WALK_BUCKETS = 64,
    /* No TTL is longer: the most of resolver.ttl-max. */
    TTL_MAX = 604800,
};

static const char magic[SNAPSHOT_MAGIC + 1] = "banyan cache 1\r\n";

static uint64_t block_check(uint8_t kind, struct bytes content)
{
    const struct hash_key key = {0x62616e79616e2063u ^ kind, 0x6163686520310d0au ^ content.n};
    return siphash13(&key, content.p, content.n);
}

/* Room for a block's head; its content follows. */
static uint8_t *block_begin(struct writer *w)
{
    return wr_room(w, SNAPSHOT_BLOCK_HEAD);
}

static void block_end(struct writer *w, uint8_t *head, uint8_t kind)
{
    if (head == NULL || !wr_ok(w))
        return;
    struct bytes content = {head + SNAPSHOT_BLOCK_HEAD,
                            (size_t)(w->p - head) - SNAPSHOT_BLOCK_HEAD};
    put_be32(head, (uint32_t)kind << 24);
    put_be32(head + 4, (uint32_t)content.n);
    put_be64(head + 8, block_check(kind, content));
}

void snapshot_begin(const struct snapshot_info *info, struct writer *w)
{
    wr_bytes(w, magic, SNAPSHOT_MAGIC);
    uint8_t *head = block_begin(w);
    wr_u64(w, info->saved_wall_s);
    wr_u64(w, info->rules.k0);
    wr_u64(w, info->rules.k1);
    block_end(w, head, 'H');
}

void snapshot_end(const struct snapshot_walk *walk, struct writer *w)
{
    uint8_t *head = block_begin(w);
    wr_u64(w, walk->entries);
    block_end(w, head, 'Z');
}

void snapshot_flush(const struct snapshot_flush *f, struct writer *w)
{
    uint8_t *head = block_begin(w);
    wr_u8(w, f->below);
    wr_u16(w, f->type);
    wr_bytes(w, f->name.w, name_len(f->name.w));
    block_end(w, head, 'F');
}

/* --- Entries out --- */

static bool is_kept(const struct entry *e, struct now now)
{
    return e->kind != CACHE_FAILURE && (e->rclass == CLASS_IN || e->rclass == CACHE_CLASS_CUT) &&
           !expired(e, now);
}

/* What is sure by both clocks, as a moment of the wall clock. */
static uint32_t dies_at(const struct entry *e, struct now now)
{
    uint64_t mono_s = (((uint64_t)e->dies_mono_tick << TICK_BITS) - now.mono_us + 999999) / 1000000;
    return (uint32_t)MIN(now.wall_s + mono_s, e->dies_wall_s32);
}

static void entry_write(const struct entry *e, uint8_t epoch, struct now now, struct writer *w)
{
    size_t n = (size_t)e->name_len + e->soa_len + e->rdata_size + e->more_size;
    unsigned trust = e->epoch == epoch ? e->trust : CACHE_UNCHECKED;
    wr_u8(w, (uint8_t)(e->kind << 4 | e->rank));
    wr_u8(w, (uint8_t)(trust << 4 | e->cut << 1 | (e->proven || e->used > 0)));
    wr_u8(w, e->name_len);
    wr_u8(w, e->soa_len);
    wr_u16(w, e->type);
    wr_u16(w, e->rclass);
    wr_u16(w, e->count);
    wr_u16(w, e->reason);
    wr_u32(w, dies_at(e, now));
    wr_u32(w, e->rdata_size);
    wr_u32(w, e->more_size);
    wr_bytes(w, entry_data(e), n);
}

/* Some buckets of a shard; false if not all that is there fits. */
static bool shard_some(struct shard *s, struct snapshot_walk *walk, struct now now,
                       struct writer *w)
{
    bool fits = true;
    uint32_t i = walk->bucket, end = walk->bucket + WALK_BUCKETS;
    spin_lock(&s->lock);
    for (; i < end && i < s->buckets; i++) {
        uint8_t *mark = wr_mark(w);
        uint64_t entries = walk->entries;
        for (uint32_t r = *bucket_at(s, i); r != REF_NONE;) {
            struct entry *e = entry_at(s, r);
            r = e->chain;
            if (!is_kept(e, now) || store_flushed(s, e))
                continue;
            entry_write(e, walk->epoch, now, w);
            walk->entries++;
        }
        if (!wr_ok(w)) { /* the bucket goes into the next block as a whole */
            wr_rollback(w, mark);
            walk->entries = entries;
            fits = false;
            break;
        }
    }
    walk->bucket = i;
    if (fits && i >= s->buckets) {
        walk->shard++;
        walk->bucket = 0;
    }
    spin_unlock(&s->lock);
    return fits;
}

bool snapshot_some(struct cache *c, struct snapshot_walk *walk, struct now now, struct writer *w)
{
    if (walk->shard >= c->shards)
        return false;
    struct writer part = *w;
    uint8_t *head = block_begin(&part);
    part.end = MIN(part.end, part.p + SNAPSHOT_BLOCK);
    uint8_t *first = part.p;
    while (walk->shard < c->shards)
        if (!shard_some(&c->shard[walk->shard], walk, now, &part)) {
            if (part.p == first) /* a chain longer than a block: nobody can miss it */
                walk->bucket++;
            break;
        }
    block_end(&part, head, 'E');
    w->p = part.p;
    return true;
}

/* --- Reading --- */

bool snapshot_is_ours(struct bytes start)
{
    return start.n >= SNAPSHOT_MAGIC && memcmp(start.p, magic, SNAPSHOT_MAGIC) == 0;
}

enum status snapshot_block_read(struct bytes head, struct snapshot_block *ret)
{
    struct reader r = rd_of(head);
    uint32_t kind = rd_u32(&r);
    ret->kind = (uint8_t)(kind >> 24);
    ret->n = rd_u32(&r);
    ret->check = rd_u64(&r);
    bool fine = rd_ok(&r) && (kind & 0xffffff) == 0 && ret->n <= SNAPSHOT_BLOCK &&
                (ret->kind == 'H' || ret->kind == 'E' || ret->kind == 'Z' || ret->kind == 'F');
    return fine ? ST_OK : ST_EFORMAT;
}

enum status snapshot_block_check(const struct snapshot_block *b, struct bytes content)
{
    return content.n == b->n && block_check(b->kind, content) == b->check ? ST_OK : ST_EFORMAT;
}

enum status snapshot_info_read(struct bytes content, struct snapshot_info *ret)
{
    struct reader r = rd_of(content);
    ret->saved_wall_s = rd_u64(&r);
    ret->rules.k0 = rd_u64(&r);
    ret->rules.k1 = rd_u64(&r);
    return rd_ok(&r) && rd_left(&r) == 0 ? ST_OK : ST_EFORMAT;
}

enum status snapshot_flush_read(struct bytes content, struct snapshot_flush *ret)
{
    struct reader r = rd_of(content);
    uint8_t below = rd_u8(&r);
    ret->type = rd_u16(&r);
    struct bytes name = rd_rest(&r);
    if (!rd_ok(&r) || below > 1 || name_check(name) != ST_OK)
        return ST_EFORMAT;
    ret->below = below == 1;
    memcpy(ret->name.w, name.p, name.n);
    return ST_OK;
}

/* An entry on its way in; its parts lie in the file. */
struct record {
    struct rrset set; /* or the SOA of a negative one: count 0 if there is none */
    const uint8_t *name;
    enum cache_kind kind;
    enum cache_rank rank;
    uint16_t type, rclass;
    uint32_t dies_wall_s;
    bool used;
    struct cache_with with;
    struct rrset more[CACHE_MORE_SETS];
};

static bool packed_is_good(uint16_t type, uint16_t count, struct bytes packed)
{
    struct reader r = rd_of(packed);
    for (unsigned i = 0; i < count; i++) {
        struct bytes rd = rd_bytes(&r, rd_u16(&r));
        if (!rd_ok(&r) || rdata_check(type, rd) != ST_OK)
            return false;
    }
    return rd_ok(&r) && rd_left(&r) == 0;
}

/* What pack_more() has written: RRSIGs and denial records. */
static bool more_read(struct record *rec, struct bytes packed, const uint8_t *owner)
{
    struct reader r = rd_of(packed);
    unsigned n = 0;
    for (; rd_left(&r) > 0; n++) {
        if (n == CACHE_MORE_SETS)
            return false;
        struct rrset *s = &rec->more[n];
        struct bytes name = rd_bytes(&r, rd_u8(&r));
        *s = (struct rrset){.owner = name.n > 0 ? name.p : owner, .rclass = CLASS_IN};
        s->type = rd_u16(&r);
        s->count = rd_u16(&r);
        s->rdata_size = rd_u32(&r);
        s->rdata = rd_take(&r, s->rdata_size);
        if (!rd_ok(&r) || (name.n > 0 && name_check(name) != ST_OK) || s->count == 0 ||
            (s->type != RR_RRSIG && s->type != RR_NSEC && s->type != RR_NSEC3) ||
            !packed_is_good(s->type, s->count, bytes_of(s->rdata, s->rdata_size)))
            return false;
    }
    rec->with.more = rec->more;
    rec->with.more_count = n;
    return true;
}

static bool kind_is_good(const struct record *rec)
{
    if (rec->rclass != CLASS_IN && rec->rclass != CACHE_CLASS_CUT)
        return false;
    switch (rec->kind) {
    case CACHE_RRSET:
        return rec->type != 0 && rec->set.count > 0;
    case CACHE_NODATA:
        return rec->type != 0 && rec->set.count <= 1;
    case CACHE_NXDOMAIN:
        return rec->type == 0 && rec->set.count <= 1;
    case CACHE_NONE:
    case CACHE_FAILURE:
        break;
    }
    return false;
}

static bool record_read(struct reader *r, struct record *rec)
{
    uint8_t kind = rd_u8(r), flags = rd_u8(r), name_n = rd_u8(r), soa_n = rd_u8(r);
    rec->kind = (enum cache_kind)(kind >> 4);
    rec->rank = (enum cache_rank)(kind & 15);
    rec->type = rd_u16(r);
    rec->rclass = rd_u16(r);
    uint16_t count = rd_u16(r), reason = rd_u16(r);
    rec->dies_wall_s = rd_u32(r);
    uint32_t rdata_n = rd_u32(r), more_n = rd_u32(r);
    struct bytes name = rd_bytes(r, name_n), soa = rd_bytes(r, soa_n), rdata = rd_bytes(r, rdata_n),
                 more = rd_bytes(r, more_n);
    bool negative = rec->kind != CACHE_RRSET;
    rec->name = name.p;
    rec->used = flags & 1;
    rec->with = (struct cache_with){
        .trust = (enum cache_trust)(flags >> 4), .cut = (flags & 2) != 0, .reason = reason};
    rec->set = (struct rrset){.owner = soa_n > 0 ? soa.p : name.p,
                              .type = negative ? RR_SOA : rec->type,
                              .rclass = rec->rclass,
                              .count = count,
                              .rdata_size = rdata_n,
                              .rdata = rdata.p};
    return rd_ok(r) && name_check(name) == ST_OK && kind_is_good(rec) && rec->rank >= RANK_GLUE &&
           rec->rank <= RANK_LOCAL && rec->with.trust <= CACHE_SECURE &&
           (soa_n > 0) == (negative && count > 0) && (soa_n == 0 || name_check(soa) == ST_OK) &&
           packed_is_good(rec->set.type, count, rdata) && more_read(rec, more, rec->set.owner);
}

static bool was_flushed(const struct snapshot_load *l, const struct record *rec)
{
    for (size_t i = 0; i < l->flushes; i++) {
        const struct snapshot_flush *f = &l->flush[i];
        if (f->below ? name_in(rec->name, f->name.w)
                     : name_equal(rec->name, f->name.w) &&
                           (f->type == 0 || rec->type == 0 || rec->type == f->type))
            return true;
    }
    return false;
}

/* Seconds that an entry still has; 0: none, or it is from the future. */
static uint32_t left_of(const struct snapshot_load *l, const struct record *rec, struct now now)
{
    if (now.wall_s < l->info.saved_wall_s || rec->dies_wall_s <= now.wall_s)
        return 0;
    return (uint32_t)MIN(rec->dies_wall_s - now.wall_s, (uint64_t)TTL_MAX);
}

static void record_put(struct snapshot_load *l, struct cache *c, struct record *rec, struct now now)
{
    uint32_t ttl_s = left_of(l, rec, now);
    if (ttl_s == 0 || was_flushed(l, rec)) {
        l->dropped++;
        return;
    }
    if (!l->trusted)
        rec->with.trust = CACHE_UNCHECKED;
    rec->with.epoch = l->epoch;
    rec->with.restored = true;
    rec->with.used = rec->used;
    rec->set.ttl = ttl_s;
    if (rec->kind == CACHE_RRSET) {
        rec->set.owner = rec->name;
        cache_put(c, &rec->set, rec->rank, &rec->with, now);
    } else {
        cache_put_negative(c, rec->kind, rec->name, rec->type, rec->rclass, ttl_s,
                           rec->set.count > 0 ? &rec->set : NULL, 0, &rec->with, now);
    }
    l->loaded++;
}

enum status snapshot_put(struct snapshot_load *l, struct cache *c, struct bytes content,
                         struct now now)
{
    struct reader r = rd_of(content);
    struct record rec;
    while (rd_left(&r) > 0) {
        if (!record_read(&r, &rec))
            return ST_EFORMAT;
        record_put(l, c, &rec, now);
    }
    return ST_OK;
}

enum status snapshot_put_all(struct snapshot_load *l, struct cache *c, struct bytes file,
                             struct now now)
{
    if (!snapshot_is_ours(file))
        return ST_EFORMAT;
    for (size_t at = SNAPSHOT_MAGIC; at < file.n;) {
        struct snapshot_block b;
        size_t head = MIN(file.n - at, (size_t)SNAPSHOT_BLOCK_HEAD);
        TRY(snapshot_block_read(bytes_of(file.p + at, head), &b));
        at += SNAPSHOT_BLOCK_HEAD;
        if (b.n > file.n - at)
            return ST_ESHORT;
        struct bytes content = bytes_of(file.p + at, b.n);
        TRY(snapshot_block_check(&b, content));
        if (b.kind == 'H')
            TRY(snapshot_info_read(content, &l->info));
        else if (b.kind == 'E')
            TRY(snapshot_put(l, c, content, now));
        at += b.n;
    }
    return ST_OK;
}
