/* The validator's rules walk through the signed lab, whole and with every recipe's fault: each must
 * give the verdict and the EDE code that the recipe says. */
#include "base/test.h"
#include "dnssec/dnskey.h"
#include "dnssec/judge.h"
#include "sim/internet.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

enum { NOW_S = 1800000000, SERVERS_TRIED = 4, ALIASES = 8 };

static void *test_open(void *ctx, const char *path, struct diag *d)
{
    (void)ctx;
    FILE *f = fopen(path, "rb");
    if (f == NULL)
        diag_set(d, SEV_ERROR, "no-file", NULL, "cannot open %s", path);
    return f;
}

static long test_read(void *ctx, void *file, void *buf, size_t n)
{
    (void)ctx;
    return (long)fread(buf, 1, n, file);
}

static void test_close(void *ctx, void *file)
{
    (void)ctx;
    fclose(file);
}

static void fixed_random(void *ctx, void *buf, size_t n)
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
};

static void print_diag(void *ctx, const struct diag *d)
{
    (void)ctx;
    printf("# %s\n", d->message);
}

/* The root's DS, of the key with the SEP flag. */
static bool make_anchor(struct walk *w)
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

static bool walk_open(struct walk *w, const struct breakage *b, unsigned n)
{
    size_t len;
    char *text = test_file("lab/topology.yaml", &len), dir[1200];
    struct diag_sink sink = {.emit = print_diag};
    snprintf(dir, sizeof dir, "%s/lab", test_source_dir());
    memset(w, 0, sizeof *w);
    struct internet_plan plan = {.topology = &w->t,
                                 .files = &files,
                                 .dir = dir,
                                 .form = FORM_REAL,
                                 .broken = b,
                                 .broken_count = n,
                                 .env = &env,
                                 .now_s = NOW_S,
                                 .repeatable = true};
    arena_init(&w->arena, 1 << 16, 0);
    w->judge = (struct judge){&rules, nsec3_hasher_new(), &w->budget};
    bool ok = text != NULL && topology_init(&w->t) == ST_OK &&
              topology_parse(&w->t, bytes_of(text, len), "lab/topology.yaml", &sink) == ST_OK &&
              internet_open(&w->in, &plan, &sink) == ST_OK && make_anchor(w);
    free(text);
    return ok;
}

static void walk_close(struct walk *w)
{
    nsec3_hasher_free(w->judge.hasher);
    arena_free(&w->arena);
    internet_close(&w->in);
    topology_free(&w->t);
}

/* The server of a zone whose turn it is. */
static struct host *server_of(struct walk *w, const uint8_t *zone)
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
static bool fetch(struct walk *w, const uint8_t *zone, const uint8_t *name, uint16_t type,
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
    return out.n > 0 && !out.packet[0].unreachable &&
           msg_parse(out.packet[0].wire, &w->arena, m) == ST_OK &&
           (msg_rcode(m) == RCODE_NOERROR || msg_rcode(m) == RCODE_NXDOMAIN) &&
           reply_of(m, &w->arena, ret) == ST_OK;
}

/* The keys of the zone, or the verdict why there are none. */
static struct verdict keys_of(struct walk *w, const uint8_t *zone, struct zone_keys **ret)
{
    struct chain *c = chain_new(&w->anchor, zone);
    struct chain_ask ask;
    while (c != NULL && chain_next(c, &ask)) {
        struct reply r;
        bool got = fetch(w, ask.zone, ask.name, ask.type, &r);
        if (chain_feed(c, &w->judge, got ? &r : NULL) != ST_OK)
            abort();
    }
    struct verdict v = chain_verdict(c);
    *ret = chain_take_keys(c);
    chain_free(c);
    return v;
}

/* A question and all that its aliases lead to. */
static struct verdict verdict_of(struct walk *w, const uint8_t *name, uint16_t type)
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
        else if (v.trust == TRUST_SECURE &&
                 reply_judge(&w->judge, keys, &r, &v, &room, &next) != ST_OK)
            abort();
        zone_keys_free(keys);
        if (v.trust > worst.trust || (i == 0 && v.trust == TRUST_SECURE))
            worst = v;
        if (next == NULL || v.trust != TRUST_SECURE)
            break;
        name_copy(at.w, next);
    }
    return worst;
}

/* The best that any of the servers gives: a resolver tries others before it calls an answer bogus.
 */
static struct verdict best_of(struct walk *w, const uint8_t *name, uint16_t type)
{
    struct verdict best = {.trust = TRUST_LIMIT};
    for (w->turn = 0; w->turn < SERVERS_TRIED; w->turn++) {
        arena_reset(&w->arena);
        w->budget = (struct budget){0};
        struct verdict v = verdict_of(w, name, type);
        if (w->turn == 0 || v.trust < best.trust)
            best = v;
    }
    return best;
}

static const char *const words[] = {"secure", "insecure", "bogus", "limit"};

static bool as_expected(const struct recipe *r, const struct verdict *v)
{
    unsigned ede = trust_reason_ede(v->reason);
    /* What takes too much work is refused like what is bogus. */
    enum trust t = v->trust == TRUST_LIMIT ? TRUST_BOGUS : v->trust;
    if (strcmp(recipe_verdict_word(r->verdict), words[t]) != 0)
        return false;
    return r->ede == RECIPE_NO_EDE ? true : ede == r->ede;
}

static void try_recipe(const char *word)
{
    struct recipe r;
    struct diag d = {0};
    char dir[1200], shown[NAME_TEXT_MAX];
    struct breakage b = {0};
    struct name name;
    uint16_t type;
    static struct walk w;
    snprintf(dir, sizeof dir, "%s/lab", test_source_dir());
    if (recipe_load(&files, dir, word, &r, &d) != ST_OK) {
        test_point(false, "%s: %s", word, d.message);
        return;
    }
    if (r.verdict == VERDICT_NONE)
        return;
    snprintf(b.word, sizeof b.word, "%s", word);
    if (name_from(r.target, &b.target) != ST_OK || name_from(r.qname, &name) != ST_OK ||
        !rr_type_parse(bytes_str(r.qtype), &type) || !walk_open(&w, &b, 1)) {
        test_point(false, "%s: the lab does not open", word);
        return;
    }
    struct verdict v = best_of(&w, name.w, type);
    test_point(as_expected(&r, &v), "%s: %s %u expected; %s, %s %u: %s %u %s", word,
               recipe_verdict_word(r.verdict), r.ede == RECIPE_NO_EDE ? 0 : r.ede, words[v.trust],
               trust_reason_word(v.reason), trust_reason_ede(v.reason), name_str(v.owner.w, shown),
               v.type, trust_reason_text(v.reason));
    walk_close(&w);
}

/* Every recipe that names a verdict. */
TEST(validate_recipes)
{
    char path[1200];
    snprintf(path, sizeof path, "%s/lab/faults", test_source_dir());
    DIR *d = opendir(path);
    REQUIRE(d != NULL);
    unsigned n = 0;
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        char *dot = strstr(e->d_name, ".fault");
        if (dot == NULL)
            continue;
        *dot = '\0';
        try_recipe(e->d_name);
        n++;
    }
    closedir(d);
    CHECK(n >= 40);
}

/* The lab as it is: what is secure and what is not signed. */
TEST(validate_lab)
{
    static const struct {
        const char *name;
        uint16_t type;
    } asked[] = {{"www.example.org", RR_A},    {"nope.example.org", RR_A},
                 {"www.example.org", RR_MX},   {"www.example.com", RR_A},
                 {"nope.example.com", RR_A},   {"q.wildcard.org", RR_A},
                 {"x.ent.wildcard.org", RR_A}, {"host.wildcard.org", RR_TXT},
                 {"www.old.moved.org", RR_A},  {"shop.example.co.uk", RR_A},
                 {"example.org", RR_DS},       {"dev.example.com", RR_NS},
                 {"nothing-here", RR_A},       {".", RR_NS}};
    static struct walk w;
    REQUIRE(walk_open(&w, NULL, 0));
    for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
        struct name n;
        REQUIRE(name_from(asked[i].name, &n) == ST_OK);
        struct verdict v = best_of(&w, n.w, asked[i].type);
        test_point(v.trust == TRUST_SECURE || v.trust == TRUST_INSECURE, "%s %u: %s (%s)",
                   asked[i].name, asked[i].type, words[v.trust], trust_reason_word(v.reason));
    }
    walk_close(&w);
}
