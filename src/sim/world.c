#include "sim/world.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    ZONE_TEXT_MAX = 1 << 20,
    TLDS_MAX = 5,
    CUSTOMERS_MAX = 24,
};

/* A zone being made: who serves it. */
struct plan {
    struct name origin;
    char text[NAME_TEXT_MAX]; /* of origin */
    struct topo_server *server[4];
    unsigned server_count;
    bool hoster; /* its server names are its own, with glue: others may use them */
    bool no_glue;
    int parent; /* index of its parent's plan; -1: the root itself */
    int out;    /* index of its world_zone */
};

struct making {
    struct world *w;
    struct prng r;
    struct plan plan[WORLD_ZONES];
    int n;
    unsigned address; /* given out so far */
    bool faults;
};

static uint64_t roll(struct making *m, uint64_t n)
{
    return prng_below(&m->r, n);
}

static bool one_in(struct making *m, uint64_t n)
{
    return roll(m, n) == 0;
}

static uint32_t some_ttl(struct making *m)
{
    static const uint32_t ttls[] = {0, 5, 60, 300, 3600, 86400};
    return ttls[roll(m, ARRAY_LEN(ttls))];
}

/* A server with addresses of its own. */
static struct topo_server *new_server(struct making *m, const char *text)
{
    struct name n;
    if (name_from(text, &n) != ST_OK)
        return NULL;
    struct topo_server *s = topology_add(&m->w->topology, n.w);
    if (s == NULL)
        return NULL;
    unsigned k = ++m->address;
    uint8_t v4[4] = {45, 1, (uint8_t)(k >> 8), (uint8_t)k};
    uint8_t v6[16] = {0x2a, 0x10, 0, 0x53, [14] = (uint8_t)(k >> 8), [15] = (uint8_t)k};
    s->addr[s->addr_count++] = netaddr_v4(v4, 0);
    if (roll(m, 10) < 7)
        s->addr[s->addr_count++] = netaddr_v6(v6, 0);
    s->delay_us = (uint32_t)(2000 + roll(m, 120000));
    return s;
}

/* The zone's text begins here, so that master files of several zones can grow side by side. */
static struct plan *new_plan(struct making *m, const char *origin, int parent)
{
    if (m->n == WORLD_ZONES)
        return NULL;
    struct plan *p = &m->plan[m->n];
    *p = (struct plan){.parent = parent, .out = m->n};
    snprintf(p->text, sizeof p->text, "%s", origin);
    if (name_from(origin, &p->origin) != ST_OK)
        return NULL;
    m->w->zone[m->n].origin = p->origin;
    m->w->zone[m->n].text = text_heap(ZONE_TEXT_MAX);
    m->w->zone_count = (unsigned)++m->n;
    return p;
}

static struct text *text_of_zone(struct making *m, const struct plan *p)
{
    return &m->w->zone[p->out].text;
}

static void put_addresses(struct text *t, const char *owner, const struct topo_server *s)
{
    for (unsigned i = 0; i < s->addr_count; i++) {
        text_fmt(t, "%s 3600 %s ", owner, s->addr[i].family == ADDR_V4 ? "A" : "AAAA");
        netaddr_text(&s->addr[i], t);
        text_char(t, '\n');
    }
}

/* Begins the text with SOA and NS, once the servers are known. */
static void put_apex(struct making *m, struct plan *p)
{
    struct text *t = text_of_zone(m, p);
    char ns[NAME_TEXT_MAX];
    text_fmt(t, "$ORIGIN %s\n$TTL %u\n@ %u SOA ns. host. 1 7200 3600 1209600 %u\n", p->text,
             300 + some_ttl(m), 60 + some_ttl(m), 5 + (unsigned)roll(m, 600));
    uint32_t ttl = 60 + some_ttl(m);
    for (unsigned i = 0; i < p->server_count; i++) {
        text_fmt(t, "@ %u NS %s\n", ttl, name_str(p->server[i]->name.w, ns));
        if (name_in(p->server[i]->name.w, p->origin.w))
            put_addresses(t, ns, p->server[i]);
    }
}

/* NS records and glue in the parent: what lies below the child is needed, what lies beside it is
 * given often (sibling glue, RFC 9471), what lies elsewhere never. */
static void put_delegation(struct making *m, const struct plan *p)
{
    const struct plan *up = &m->plan[p->parent];
    struct text *t = text_of_zone(m, up);
    char ns[NAME_TEXT_MAX];
    for (unsigned i = 0; i < p->server_count; i++) {
        const uint8_t *server = p->server[i]->name.w;
        text_fmt(t, "%s 86400 NS %s\n", p->text, name_str(server, ns));
        bool needed = name_in(server, p->origin.w);
        /* Not where the parent's own data of that name stand already. */
        bool below_cut = false;
        for (int k = 0; k < m->n && !below_cut; k++)
            below_cut = m->plan[k].parent == p->parent && name_in(server, m->plan[k].origin.w);
        if (needed || (name_in(server, up->origin.w) && below_cut && !p->no_glue))
            put_addresses(t, ns, p->server[i]);
    }
}

static bool serve(struct making *m, struct plan *p, struct topo_server *s)
{
    for (unsigned i = 0; i < p->server_count; i++)
        if (p->server[i] == s)
            return true;
    if (s == NULL || p->server_count == ARRAY_LEN(p->server) ||
        topology_serve(&m->w->topology, s, p->origin.w) != ST_OK)
        return false;
    p->server[p->server_count++] = s;
    return true;
}

static bool own_servers(struct making *m, struct plan *p, unsigned n)
{
    bool ok = true;
    for (unsigned i = 0; i < n && ok; i++) {
        char name[NAME_TEXT_MAX + 16];
        snprintf(name, sizeof name, "ns%u.%s", i + 1, p->text[0] == '.' ? "rootsrv." : p->text);
        ok = serve(m, p, new_server(m, name));
    }
    p->hoster = true;
    return ok;
}

/* Servers of some earlier zones that have their own: with or without glue, as it happens. */
static bool hosted(struct making *m, struct plan *p, unsigned n)
{
    bool ok = true;
    p->no_glue = one_in(m, 2);
    for (unsigned i = 0; i < n && ok; i++) {
        int k = (int)roll(m, (uint64_t)(m->n - 1));
        while (!m->plan[k].hoster || m->plan[k].parent < 0)
            k = (k + 1) % (m->n - 1);
        ok = serve(m, p, m->plan[k].server[roll(m, m->plan[k].server_count)]);
    }
    return ok;
}

static void remember(struct making *m, const char *label, const char *origin)
{
    char text[NAME_TEXT_MAX];
    snprintf(text, sizeof text, "%s%s%s", label, label[0] ? "." : "",
             origin[0] == '.' ? "" : origin);
    if (m->w->name_count < WORLD_NAMES && name_from(text, &m->w->name[m->w->name_count]) == ST_OK)
        m->w->name_count++;
}

/* Some name to point an alias at: any remembered one. */
static const char *some_name(struct making *m, char buf[NAME_TEXT_MAX])
{
    if (m->w->name_count == 0 || one_in(m, 12))
        return "nowhere.example.";
    return name_str(m->w->name[roll(m, m->w->name_count)].w, buf);
}

static void put_host(struct making *m, const struct plan *p, unsigned i)
{
    struct text *t = text_of_zone(m, p);
    char label[32], target[NAME_TEXT_MAX];
    uint32_t ttl = some_ttl(m);
    static const char *const shapes[] = {"h%u",       "h%u.ent", "a.b.h%u", "*.w%u",
                                         "*.alias%u", "d%u",     "H%u"};
    unsigned shape = (unsigned)roll(m, ARRAY_LEN(shapes));
    snprintf(label, sizeof label, shapes[shape], i); /* NOLINT: the shapes are ours */
    switch (shape == 4 ? 1 : shape == 5 ? 0 : roll(m, 7)) {
    case 0:
        text_fmt(t, "%s %u %s %s\n", label, ttl, shape == 5 ? "DNAME" : "CNAME",
                 some_name(m, target));
        break;
    case 1:
        text_fmt(t, "%s %u CNAME %s\n", label, ttl, some_name(m, target));
        break;
    case 2:
        text_fmt(t, "%s %u MX 10 %s\n%s %u TXT \"m%u\"\n", label, ttl, some_name(m, target), label,
                 ttl, i);
        break;
    case 3:
        for (unsigned k = 0; k < 90 + roll(m, 60); k++)
            text_fmt(t, "%s %u A 45.200.%u.%u\n", label, ttl, i, k + 1);
        break;
    case 4:
        text_fmt(t, "%s %u TXT \"%0*u\"\n", label, ttl, (int)(1 + roll(m, 250)), i);
        __attribute__((fallthrough));
    default:
        text_fmt(t, "%s %u A 45.100.%u.%u\n", label, ttl, (unsigned)roll(m, 256), i);
        if (one_in(m, 2))
            text_fmt(t, "%s %u AAAA 2a10:100::%x\n", label, ttl, i + 1);
    }
    remember(m, label[0] == '*' ? label + 2 : label, p->text);
    if (label[0] == '*' || shape == 5) {
        char below[64];
        snprintf(below, sizeof below, "x%u.%s", i, label[0] == '*' ? label + 2 : label);
        remember(m, below, p->text);
    }
}

static void break_some(struct making *m)
{
    struct topology *t = &m->w->topology;
    for (unsigned i = 0; i < t->server_count; i++) {
        enum fault f = (enum fault)roll(m, FAULT_COUNT);
        /* A lie with authority cannot be told from the truth without DNSSEC. */
        if (one_in(m, 6) && !fault_lies(f) && !topo_serves(&t->server[i], name_root))
            t->server[i].fault[t->server[i].fault_count++] = f;
    }
}

static bool make_zones(struct making *m)
{
    struct plan *p = new_plan(m, ".", -1);
    bool ok = p != NULL && own_servers(m, p, 2 + (unsigned)roll(m, 3));
    unsigned tlds = 2 + (unsigned)roll(m, TLDS_MAX - 1);
    char origin[NAME_TEXT_MAX];
    for (unsigned i = 0; i < tlds && ok; i++) {
        snprintf(origin, sizeof origin, "t%u.", i);
        p = new_plan(m, origin, 0);
        ok = p != NULL && (i == 0 || !one_in(m, 3) ? own_servers(m, p, 1 + (unsigned)roll(m, 3))
                                                   : hosted(m, p, 1 + (unsigned)roll(m, 2)));
    }
    unsigned customers = 4 + (unsigned)roll(m, CUSTOMERS_MAX - 3);
    for (unsigned i = 0; i < customers && ok; i++) {
        int parent = 1 + (int)roll(m, one_in(m, 4) ? (uint64_t)m->n - 1 : tlds);
        const char *sep = one_in(m, 6) ? ".gap." : "."; /* two labels below its parent */
        if ((size_t)snprintf(origin, sizeof origin, "z%u%s%s", i, sep, m->plan[parent].text) > 200)
            continue;
        p = new_plan(m, origin, parent);
        ok = p != NULL && (one_in(m, 2) ? own_servers(m, p, 1 + (unsigned)roll(m, 3))
                                        : hosted(m, p, 1 + (unsigned)roll(m, 3)));
    }
    for (int i = 0; i < m->n && ok; i++)
        put_apex(m, &m->plan[i]);
    for (int i = 1; i < m->n && ok; i++) {
        put_delegation(m, &m->plan[i]);
        remember(m, "", m->plan[i].text);
        for (unsigned k = (unsigned)roll(m, 8); k > 0; k--)
            put_host(m, &m->plan[i], k);
    }
    return ok;
}

static void *world_open(void *ctx, const char *path, struct diag *d)
{
    struct world *w = ctx;
    for (unsigned i = 0; i < w->zone_count; i++) {
        char want[NAME_TEXT_MAX + 16], text[NAME_TEXT_MAX];
        name_str(w->zone[i].origin.w, text);
        if (text[1] == '\0')
            snprintf(text, sizeof text, "root.");
        snprintf(want, sizeof want, "/zones/%szone", text);
        size_t n = strlen(path), k = strlen(want);
        if (n >= k && strcmp(path + n - k, want) == 0) {
            w->open_at = 0;
            return w->open = &w->zone[i].text;
        }
    }
    diag_set(d, SEV_ERROR, "no-file", NULL, "there is no %s", path);
    return NULL;
}

static long world_read(void *ctx, void *file, void *buf, size_t n)
{
    struct world *w = ctx;
    const struct text *t = file;
    n = MIN(n, t->n - w->open_at);
    memcpy(buf, t->p + w->open_at, n);
    w->open_at += n;
    return (long)n;
}

static void world_close(void *ctx, void *file)
{
    (void)file;
    ((struct world *)ctx)->open = NULL;
}

enum status world_empty(struct world *w)
{
    *w = (struct world){0};
    w->files = (struct file_source){
        .ctx = w, .open = world_open, .read = world_read, .close = world_close};
    return topology_init(&w->topology);
}

enum status world_make(struct world *w, uint64_t seed, const struct world_options *opt)
{
    TRY(world_empty(w));
    struct making *m = calloc(1, sizeof *m);
    if (m == NULL) {
        world_free(w);
        return ST_ENOMEM;
    }
    m->w = w;
    m->r.s = hash_mix(seed);
    m->faults = opt->faults;
    enum status st = make_zones(m) ? ST_OK : ST_ELIMIT;
    if (st == ST_OK && opt->faults)
        break_some(m);
    free(m);
    if (st != ST_OK)
        world_free(w);
    return st;
}

void world_free(struct world *w)
{
    for (unsigned i = 0; i < w->zone_count; i++)
        text_free(&w->zone[i].text);
    w->zone_count = 0;
    topology_free(&w->topology);
}
