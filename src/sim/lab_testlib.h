/* The signed lab with a validating resolver, for tests: opened whole or with a fault, asked as a
 * client asks. */
#ifndef BANYAN_SIM_LAB_TESTLIB_H
#define BANYAN_SIM_LAB_TESTLIB_H

#include "base/test.h"
#include "core/trace_render.h"
#include "dns/encode.h"
#include "sim/sim.h"

#include <stdio.h>
#include <stdlib.h>

enum { HINTS = 64, ANSWER_US = 20000000 };

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

struct lab {
    struct topology t;
    struct internet in;
    struct anchors *anchors;
    struct root_hint hints[HINTS];
    struct resolver_options opt;
    struct sim *sim;
    struct arena arena;
    unsigned sent;            /* questions to servers, by the last one asked */
    char last[NAME_TEXT_MAX]; /* the last name asked for TXT */
    /* the last answer */
    struct msg m;
    size_t n;
    uint8_t wire[LIMIT_MESSAGE];
    char ede_text[500];
};

static void print_diag(void *ctx, const struct diag *d)
{
    (void)ctx;
    printf("# %s\n", d->message);
}

static void on_answer(void *ctx, uint64_t token, struct bytes wire)
{
    struct lab *l = ctx;
    (void)token;
    l->n = MIN(wire.n, sizeof l->wire);
    memcpy(l->wire, wire.p, l->n);
}

static void on_sent(void *ctx, const struct effect *e)
{
    struct lab *l = ctx;
    struct query_view v;
    l->sent++;
    if (query_parse(e->data, &v) == ST_OK && v.q.type == RR_TXT)
        name_str(v.q.name.w, l->last);
}

static bool lab_open(struct lab *l, const struct breakage *b, unsigned n)
{
    size_t len;
    char *text = test_file("lab/topology.yaml", &len), dir[1200];
    struct diag_sink sink = {.emit = print_diag};
    snprintf(dir, sizeof dir, "%s/lab", test_source_dir());
    memset(l, 0, sizeof *l);
    arena_init(&l->arena, 1 << 16, 0);
    struct internet_plan plan = {.topology = &l->t,
                                 .files = &files,
                                 .dir = dir,
                                 .form = FORM_REAL,
                                 .broken = b,
                                 .broken_count = n,
                                 .env = &env,
                                 .now_s = SIM_START_WALL_S,
                                 .repeatable = true};
    bool ok = text != NULL && topology_init(&l->t) == ST_OK &&
              topology_parse(&l->t, bytes_of(text, len), "lab/topology.yaml", &sink) == ST_OK &&
              internet_open(&l->in, &plan, &sink) == ST_OK;
    free(text);
    if (!ok || (l->anchors = internet_anchors(&l->in)) == NULL)
        return false;
    resolver_options_default(&l->opt);
    l->opt.hints = l->hints;
    l->opt.anchors = l->anchors;
    for (unsigned i = 0; i < l->t.server_count; i++)
        for (unsigned k = 0; topo_serves(&l->t.server[i], name_root) &&
                             k < l->t.server[i].addr_count && l->opt.hint_count < HINTS;
             k++)
            l->hints[l->opt.hint_count++] = (struct root_hint){.server = l->t.server[i].name,
                                                               .address = l->t.server[i].addr[k]};
    struct sim_setup setup = {.seed = 1,
                              .internet = &l->in,
                              .resolver = &l->opt,
                              .cache_bytes = 4u << 20,
                              .net = {.link_us = 1000},
                              .watch = {l, on_answer, on_sent, NULL}};
    l->sim = sim_new(&setup);
    return l->sim != NULL;
}

static void lab_close(struct lab *l)
{
    sim_free(l->sim);
    anchors_free(l->anchors);
    internet_close(&l->in);
    topology_free(&l->t);
    arena_free(&l->arena);
}

/* Asks as a client with DO and waits, so many microseconds at a time, until an answer came or
 * ANSWER_US have passed; false if nothing came that can be read. */
static inline bool ask_by(struct lab *l, const char *name, uint16_t type, uint16_t flags,
                          uint64_t step_us)
{
    static const uint8_t here[4] = {127, 0, 0, 1};
    struct netaddr from = netaddr_v4(here, 5353);
    uint8_t buf[512];
    struct name n;
    struct edns_out edns = {.present = true, .udp_size = LIMIT_EDNS_UDP, .dnssec_ok = true};
    if (name_from(name, &n) != ST_OK)
        return false;
    size_t size = encode_query(buf, sizeof buf, 77, MSG_RD | flags, n.w, type, CLASS_IN, &edns);
    l->n = 0;
    l->sent = 0;
    sim_ask(l->sim, 1, &from, TRANSPORT_TCP, bytes_of(buf, size));
    for (uint64_t us = 0; us < ANSWER_US && (us == 0 || l->n == 0); us += step_us)
        sim_run_until(l->sim, sim_now(l->sim).mono_us + step_us);
    arena_reset(&l->arena);
    if (l->n == 0 || msg_parse(bytes_of(l->wire, l->n), &l->arena, &l->m) != ST_OK)
        return false;
    snprintf(l->ede_text, sizeof l->ede_text, "%.*s", (int)l->m.edns.ede_text.n,
             (const char *)l->m.edns.ede_text.p);
    return true;
}

/* The same, with all that happens in ANSWER_US. */
static inline bool ask(struct lab *l, const char *name, uint16_t type, uint16_t flags)
{
    return ask_by(l, name, type, flags, ANSWER_US);
}

static inline bool has_ad(const struct lab *l)
{
    return (l->m.h.flags & MSG_AD) != 0;
}

#endif
