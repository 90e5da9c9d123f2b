/* What the tests of the validator's rules share: a walk through an Internet of ours, from the
 * root's anchor to an answer, by the pure functions of dnssec/ alone. */
#ifndef BANYAN_SIM_WALK_TESTLIB_H
#define BANYAN_SIM_WALK_TESTLIB_H

#include "base/test.h"
#include "dnssec/dnskey.h"
#include "dnssec/judge.h"
#include "sim/internet.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { NOW_S = 1800000000, ALIASES = 8 };

static inline void *test_open(void *ctx, const char *path, struct diag *d)
{
    (void)ctx;
    FILE *f = fopen(path, "rb");
    if (f == NULL)
        diag_set(d, SEV_ERROR, "no-file", NULL, "cannot open %s", path);
    return f;
}

static inline long test_read(void *ctx, void *file, void *buf, size_t n)
{
    (void)ctx;
    return (long)fread(buf, 1, n, file);
}

static inline void test_close(void *ctx, void *file)
{
    (void)ctx;
    fclose(file);
}

static inline void fixed_random(void *ctx, void *buf, size_t n)
{
    (void)ctx;
    memset(buf, 7, n);
}

static const struct file_source files = {NULL, test_open, test_read, test_close};
static const struct env env = {NULL, fixed_random};
static const struct trust_rules rules = {.now = NOW_S};

struct walk {
    struct topology t;
    struct internet in;
    struct arena arena;
    struct prng random;
    struct judge judge;
    struct budget budget;
    unsigned turn; /* which of a zone's servers is asked */
    uint8_t anchor_bytes[2 + 4 + DS_DIGEST_MAX];
    struct rrset anchor;
    uint8_t out[LIMIT_MESSAGE];
    uint64_t cpu_ns, bytes; /* spent on replies, not on making them; bytes of them */
};

static inline uint64_t thread_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline void print_diag(void *ctx, const struct diag *d)
{
    (void)ctx;
    printf("# %s\n", d->message);
}

/* The root's DS, of the key with the SEP flag. */
static inline bool make_anchor(struct walk *w)
{
    struct rrset set;
    const struct zone *root = internet_zone(&w->in, name_root);
    struct writer wr = wr_of(w->anchor_bytes, sizeof w->anchor_bytes);
    if (root == NULL || !zone_rrset(root, zone_apex(root), RR_DNSKEY, name_root, &set))
        return false;
    struct rdata_iter it = rdata_iter(&set);
    for (struct bytes rd; rdata_iter_next(&it, &rd);)
        if (get_be16(rd.p) & DNSKEY_SEP && wr_len(&wr) == 0) {
            wr_u16(&wr, 36);
            if (ds_write(DS_SHA256, name_root, rd, &wr) != ST_OK)
                return false;
        }
    w->anchor = (struct rrset){name_root,      RR_DS, CLASS_IN, 86400, 1, (uint32_t)wr_len(&wr),
                               w->anchor_bytes};
    return wr_len(&wr) > 0;
}

/* text: of the topology, whose files are in dir. repeatable: Ed25519 for ECDSA (sim/signing.h). */
static inline bool walk_open_at(struct walk *w, const char *text, const struct file_source *fs,
                                const char *dir, const struct breakage *b, unsigned n,
                                bool repeatable)
{
    struct diag_sink sink = {.emit = print_diag};
    memset(w, 0, sizeof *w);
    struct internet_plan plan = {.topology = &w->t,
                                 .files = fs,
                                 .dir = dir,
                                 .form = FORM_REAL,
                                 .broken = b,
                                 .broken_count = n,
                                 .env = &env,
                                 .now_s = NOW_S,
                                 .repeatable = repeatable};
    arena_init(&w->arena, 1 << 16, 0);
    w->judge = (struct judge){&rules, nsec3_hasher_new(), &w->budget};
    return text != NULL && topology_init(&w->t) == ST_OK &&
           topology_parse(&w->t, bytes_str(text), "topology.yaml", &sink) == ST_OK &&
           internet_open(&w->in, &plan, &sink) == ST_OK && make_anchor(w);
}

/* The lab. */
static inline bool walk_open(struct walk *w, const struct breakage *b, unsigned n, bool repeatable)
{
    size_t len;
    char *text = test_file("lab/topology.yaml", &len), dir[1200];
    snprintf(dir, sizeof dir, "%s/lab", test_source_dir());
    bool ok = walk_open_at(w, text, &files, dir, b, n, repeatable);
    free(text);
    return ok;
}

static inline void walk_close(struct walk *w)
{
    nsec3_hasher_free(w->judge.hasher);
    arena_free(&w->arena);
    internet_close(&w->in);
    topology_free(&w->t);
}

/* The server of a zone whose turn it is. */
static inline struct host *server_of(struct walk *w, const uint8_t *zone)
{
    struct host *h[64];
    unsigned n = 0;
    for (unsigned i = 0; i < w->t.server_count && n < ARRAY_LEN(h); i++) {
        const struct topo_server *s = &w->t.server[i];
        if (topo_serves(s, zone) && s->fault_count == 0 && s->addr_count > 0 &&
            (h[n] = internet_host(&w->in, &s->addr[0])) != NULL)
            n++;
    }
    return n > 0 ? h[w->turn % n] : NULL;
}

/* Asks a server of the zone; false if there is no usable reply. */
static inline bool fetch(struct walk *w, const uint8_t *zone, const uint8_t *name, uint16_t type,
                         struct reply *ret)
{
    static const uint8_t head[] = {0, 9, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1};
    struct host *h = server_of(w, zone);
    uint8_t *wire = arena_alloc(&w->arena, 512);
    struct writer wr = wr_of(wire, 512);
    struct host_out out = {.n = 0};
    struct msg *m = arena_alloc(&w->arena, sizeof *m);
    if (h == NULL || wire == NULL || m == NULL)
        return false;
    wr_bytes(&wr, head, sizeof head);
    wr_bytes(&wr, name, name_len(name));
    wr_u16(&wr, type);
    wr_u16(&wr, CLASS_IN);
    wr_u8(&wr, 0);
    wr_u16(&wr, RR_OPT);
    wr_u16(&wr, 4096);
    wr_u32(&wr, 0x8000);
    wr_u16(&wr, 0);
    struct request rq = {.transport = TRANSPORT_TCP,
                         .wire = wr_done(&wr),
                         .out = w->out,
                         .out_cap = sizeof w->out,
                         .client = netaddr_v4((const uint8_t[4]){192, 0, 2, 1}, 5353),
                         .local = h->addr[0],
                         .now = {.mono_us = 1, .wall_s = NOW_S}};
    host_ask(h, &rq, &w->random, &w->arena, &out);
    if (out.n == 0 || out.packet[0].unreachable)
        return false;
    uint64_t from = thread_ns();
    bool ok = msg_parse(out.packet[0].wire, &w->arena, m) == ST_OK &&
              (msg_rcode(m) == RCODE_NOERROR || msg_rcode(m) == RCODE_NXDOMAIN) &&
              reply_of(m, &(struct hash_key){1, 2}, &w->arena, ret) == ST_OK;
    w->cpu_ns += thread_ns() - from;
    w->bytes += out.packet[0].wire.n;
    return ok;
}

/* The keys of the zone, or the verdict why there are none. */
static inline struct verdict keys_of(struct walk *w, const uint8_t *zone, struct zone_keys **ret)
{
    struct chain *c = chain_new(&w->anchor, zone);
    struct chain_ask ask;
    while (c != NULL && chain_next(c, &ask)) {
        struct reply r;
        bool got = fetch(w, ask.zone, ask.name, ask.type, &r);
        uint64_t from = thread_ns();
        if (chain_feed(c, &w->judge, got ? &r : NULL) != ST_OK)
            abort();
        w->cpu_ns += thread_ns() - from;
    }
    struct verdict v = chain_verdict(c);
    *ret = chain_take_keys(c);
    chain_free(c);
    return v;
}

/* A question and all that its aliases lead to. */
static inline struct verdict verdict_of(struct walk *w, const uint8_t *name, uint16_t type)
{
    struct verdict worst = {.trust = TRUST_SECURE};
    struct name at, room, zone;
    name_copy(at.w, name);
    for (int i = 0; i < ALIASES; i++) {
        struct zone_keys *keys;
        struct reply r;
        const uint8_t *next = NULL;
        /* DS is the parent's to say (RFC 4035 section 3.1.4.1). */
        if (!topology_zone_of(&w->t, type == RR_DS ? name_parent(at.w) : at.w, &zone))
            break;
        struct verdict v = keys_of(w, zone.w, &keys);
        if (v.trust == TRUST_SECURE && !fetch(w, zone.w, at.w, type, &r))
            v = (struct verdict){.trust = TRUST_BOGUS, .reason = TRUST_NO_REPLY};
        uint64_t from = thread_ns();
        if (v.trust == TRUST_SECURE && reply_judge(&w->judge, keys, &r, &v, &room, &next) != ST_OK)
            abort();
        w->cpu_ns += thread_ns() - from;
        zone_keys_free(keys);
        if (v.trust > worst.trust || (i == 0 && v.trust == TRUST_SECURE))
            worst = v;
        if (next == NULL || v.trust != TRUST_SECURE)
            break;
        name_copy(at.w, next);
    }
    return worst;
}

#endif
