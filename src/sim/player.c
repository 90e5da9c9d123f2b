#include "sim/player.h"

#include "cache/snapshot.h"
#include "core/trace_render.h"
#include "dns/encode.h"
#include "dns/print.h"
#include "sim/player_state.h"
#include "sim/signing.h"
#include "sim/zone_edit.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    CACHE_BYTES = 4 << 20,
    PATIENCE_US = 20000000, /* for an answer that never comes */
    TIMELINE_MAX = 1 << 20,
};

void player_differs(struct player *p, const struct step *s, const char *fmt, ...)
{
    struct diag d = {.file = p->file, .line = s->line};
    char what[380];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    diag_set(&d, SEV_ERROR, "scenario", NULL, "%s", what);
    diag_emit(p->sink, &d);
}

static void log_line(struct player *p, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void log_line(struct player *p, const char *fmt, ...)
{
    va_list ap;
    if (p->log == NULL || p->sim == NULL)
        return;
    text_fmt(p->log, "%10.3f ms  ", (double)sim_now(p->sim).mono_us / 1000);
    va_start(ap, fmt);
    text_vfmt(p->log, fmt, ap);
    va_end(ap);
    text_char(p->log, '\n');
}

static void keep_answer(struct player *p, struct bytes wire)
{
    p->answers++;
    p->took_us = sim_now(p->sim).mono_us - p->asked_us;
    p->wire_n = MIN(wire.n, sizeof p->wire);
    memcpy(p->wire, wire.p, p->wire_n);
    log_line(p, "answer: %zu bytes", wire.n);
}

static void on_answer(void *ctx, uint64_t token, struct bytes wire)
{
    (void)token;
    if (wire.n > 0)
        keep_answer(ctx, wire);
}

static void on_sent(void *ctx, const struct effect *e)
{
    struct player *p = ctx;
    char to[NETADDR_TEXT_MAX], name[NAME_TEXT_MAX] = "?", type[24] = "?";
    struct text t = text_of(to, sizeof to);
    struct query_view v;
    p->sent++;
    p->sent_tcp += e->transport == TRANSPORT_TCP;
    for (unsigned i = 0; i < p->internet.host_count; i++)
        for (unsigned k = 0; k < p->internet.host[i].addr_count; k++)
            p->sent_to[i] += netaddr_same_host(&p->internet.host[i].addr[k], &e->to);
    netaddr_text(&e->to, &t);
    if (query_parse(e->data, &v) == ST_OK && v.has_question) {
        name_str(v.q.name.w, name);
        rr_type_str(v.q.type, type);
    }
    log_line(p, "  ask %s over %s: %s %s%s", to, e->transport == TRANSPORT_TCP ? "TCP" : "UDP",
             name, type, v.edns.present ? "" : " (no EDNS)");
}

static void on_received(void *ctx, const struct netaddr *from, struct bytes wire)
{
    char buf[NETADDR_TEXT_MAX];
    struct text t = text_of(buf, sizeof buf);
    ((struct player *)ctx)->received += wire.n;
    netaddr_text(from, &t);
    if (wire.n >= MSG_HEADER)
        log_line(
            ctx,
            "  reply from %s: %zu bytes, flags %02x%02x, %u answer, %u authority, %u additional",
            buf, wire.n, wire.p[2], wire.p[3], get_be16(wire.p + 6), get_be16(wire.p + 8),
            get_be16(wire.p + 10));
}

static void on_trace(void *ctx, struct bytes answer, const struct trace *trace)
{
    struct player *p = ctx;
    const struct trace_event *e;
    keep_answer(p, answer);
    for (uint32_t i = 0; (e = trace_next(trace, &i)) != NULL;)
        if (e->reason < WHY_COUNT)
            p->reason[e->reason] = true;
    p->traced = true;
    p->spent = trace->spent;
    text_clear(&p->timeline);
    trace_timeline(trace, false, &p->timeline);
    if (p->log != NULL)
        trace_timeline(trace, false, p->log);
}

static struct host *host_named(struct player *p, const uint8_t *name)
{
    for (unsigned i = 0; i < p->internet.host_count; i++)
        if (name_equal(p->internet.host[i].name.w, name))
            return &p->internet.host[i];
    return NULL;
}

/* The i-th of equal questions. */
static size_t make_query(struct player *p, const struct step *s, unsigned i, uint8_t *buf,
                         size_t cap)
{
    const uint8_t subnet[] = {0, EDNS_ECS, 0, 7, 0, 1, 24, 0, 100, (uint8_t)(i >> 8), (uint8_t)i};
    struct name below;
    const uint8_t *name = s->name.w;
    struct edns_out edns = {
        .present = !s->no_edns, .udp_size = LIMIT_EDNS_UDP, .dnssec_ok = s->dnssec_ok};
    uint16_t flags = (uint16_t)((s->no_rd || s->direct ? 0 : MSG_RD) | (s->cd ? MSG_CD : 0) |
                                (s->ad ? MSG_AD : 0));
    if (s->mixed) {
        edns.dnssec_ok = i & 1;
        edns.options = bytes_of(subnet, sizeof subnet);
        flags = (uint16_t)(flags ^ (i & 2 ? MSG_CD : 0) ^ (i & 4 ? MSG_AD : 0));
    }
    if (s->numbered && name_len(name) + 7 <= LIMIT_NAME) {
        below.w[0] = (uint8_t)snprintf((char *)below.w + 1, 7, "n%05u", i);
        name_copy(below.w + 7, name);
        name = below.w;
    }
    return encode_query(buf, cap, (uint16_t)prng_next(&p->random), flags, name, s->type, CLASS_IN,
                        s->no_edns ? NULL : &edns);
}

/* Past the resolver: straight to a name server. */
static void ask_directly(struct player *p, const struct step *s, struct bytes query,
                         const struct netaddr *from)
{
    struct host *h = host_named(p, s->server.w);
    struct host_out out;
    static uint8_t room[65535];
    if (h == NULL) {
        player_differs(p, s, "there is no such server");
        return;
    }
    arena_reset(&p->arena);
    struct request rq = {.client = *from,
                         .local = h->addr[0],
                         .transport = s->tcp ? TRANSPORT_TCP : TRANSPORT_UDP,
                         .now = sim_now(p->sim),
                         .wire = query,
                         .out = room,
                         .out_cap = s->tcp ? sizeof room : 4096};
    host_ask(h, &rq, &p->random, &p->arena, &out);
    for (unsigned i = 0; i < out.n; i++)
        if (!out.packet[i].unreachable)
            keep_answer(p, out.packet[i].wire);
}

static void do_ask(struct player *p, const struct step *s)
{
    static const uint8_t here[4] = {127, 0, 0, 1};
    uint8_t query[600];
    struct netaddr from = s->client.family != ADDR_NONE ? s->client : netaddr_v4(here, 0);
    char name[NAME_TEXT_MAX], type[24];
    from.port = (uint16_t)(1024 + prng_below(&p->random, 60000));
    log_line(p, "question: %s %s", name_str(s->name.w, name), rr_type_str(s->type, type));
    p->sent = p->sent_tcp = p->answers = 0;
    p->questions = (unsigned)s->value;
    p->received = 0;
    p->wire_n = 0;
    p->traced = false;
    p->took_us = 0;
    p->asked_us = sim_now(p->sim).mono_us;
    memset(p->sent_to, 0, (p->internet.host_count + 1) * sizeof *p->sent_to);
    memset(p->reason, 0, sizeof p->reason);
    if (s->kind == STEP_TRACE) {
        struct resolve_task task = {.name = s->name.w,
                                    .type = s->type,
                                    .rclass = CLASS_IN,
                                    .cold = s->cold,
                                    .armed = true,
                                    .unchecked = s->cd,
                                    .dnssec = s->dnssec_ok,
                                    .done = on_trace,
                                    .ctx = p};
        if (resolver_resolve(sim_resolver(p->sim), &task, sim_now(p->sim)) != ST_OK)
            player_differs(p, s, "the resolver does not take the question");
        sim_kick(p->sim);
    } else {
        for (int64_t i = 0; i < s->value; i++) {
            struct bytes q = bytes_of(query, make_query(p, s, (unsigned)i, query, sizeof query));
            if (s->spread)
                from.a[3] = (uint8_t)i;
            if (s->direct)
                ask_directly(p, s, q, &from);
            else
                sim_ask(p->sim, (uint64_t)i, &from, s->tcp ? TRANSPORT_TCP : TRANSPORT_UDP, q);
        }
    }
    uint64_t end = p->asked_us + PATIENCE_US;
    unsigned want = s->direct ? p->answers : (unsigned)s->value;
    if (s->kind == STEP_TRACE)
        want = 1;
    while (p->answers < want && sim_next(p->sim) <= end)
        sim_run_until(p->sim, sim_next(p->sim));
    if (s->value > 1 && !s->some && p->answers != (unsigned)s->value && !s->direct)
        player_differs(p, s, "%u answers to %lld questions", p->answers, (long long)s->value);
}

/* Serves a new version of a zone on all its servers; `new` is the Internet's from then on. */
static void serve(struct player *p, const struct step *s, unsigned at, struct zone *new)
{
    struct zone *old = p->internet.zone[at];
    for (unsigned k = 0; k < p->internet.host_count; k++)
        if (zone_table_get(p->internet.host[k].table, zone_origin(old)) != NULL &&
            host_replace(&p->internet.host[k], new) != ST_OK)
            player_differs(p, s, "out of memory");
    p->internet.zone[at] = new;
    zone_drop(old);
}

/* z, signed for this moment; takes z. */
static struct zone *signed_now(struct player *p, const struct step *s, struct zone *z)
{
    struct sim_signing how = {.how = topology_signing(&p->sc->world->topology, zone_origin(z))};
    struct sim_signing_source src = {&p->files, "", true};
    struct zone *new = NULL;
    struct diag d = {0};
    enum status st = sim_signing_open(&how, &src, zone_origin(z), &d);
    if (st == ST_OK)
        st = sim_signing_apply(&how, z, sim_now(p->sim).wall_s, &new, &d);
    sim_signing_free(&how);
    zone_drop(z);
    if (st != ST_OK)
        player_differs(p, s, "the zone cannot be signed: %s", d.message);
    return st == ST_OK ? new : NULL;
}

/* The place of a zone in the Internet; its count if there is none. */
static unsigned zone_at(const struct player *p, const uint8_t *origin)
{
    unsigned i = 0;
    while (i < p->internet.zone_count && !name_equal(zone_origin(p->internet.zone[i]), origin))
        i++;
    return i;
}

/* A zone gets another record set (and is signed anew, if it was), or only new signatures. */
static void do_replace(struct player *p, const struct step *s)
{
    struct name origin = s->name;
    struct zone_edit e[2] = {{.add = false}, {.add = true}};
    struct zone *new = NULL;
    struct diag d = {0};
    bool edits = s->kind == STEP_REPLACE;
    if (edits && !topology_zone_of(&p->sc->world->topology, s->rr->owner.w, &origin))
        origin = s->rr->owner;
    unsigned at = zone_at(p, origin.w);
    if (at == p->internet.zone_count || (edits && s->rr->rdata_n > sizeof e->rdata)) {
        player_differs(p, s, "no zone holds this name");
        return;
    }
    if (edits) {
        e[0].owner = e[1].owner = s->rr->owner;
        e[0].type = e[1].type = s->rr->type;
        e[1].ttl = s->rr->ttl;
        e[1].rdata_n = s->rr->rdata_n;
        memcpy(e[1].rdata, s->rr->rdata, s->rr->rdata_n);
    }
    if (zone_edited(p->internet.zone[at], NULL, e, edits ? 2 : 0, &new, &d) != ST_OK) {
        player_differs(p, s, "%s", d.message);
        return;
    }
    if (zone_is_signed(p->internet.zone[at]))
        new = signed_now(p, s, new);
    if (new != NULL)
        serve(p, s, at, new);
}

/* break and fix: one server, or all. */
static void do_break(struct player *p, const struct step *s)
{
    enum fault f;
    bool any = false;
    for (unsigned i = 0; i < p->internet.host_count; i++) {
        struct host *h = &p->internet.host[i];
        if (!s->any_name && !name_equal(h->name.w, s->server.w))
            continue;
        any = true;
        if (s->kind == STEP_FIX)
            h->fault_count = 0;
        else if (!fault_parse(bytes_str(s->word), &f) || host_break(h, f, NULL) != ST_OK)
            player_differs(p, s, "this cannot be broken");
    }
    if (!any)
        player_differs(p, s, "there is no such server");
}

/* What a server does that ends and starts again. */
static void do_restart(struct player *p)
{
    enum { FILE_MAX = CACHE_BYTES * 2 };
    struct cache *c = sim_cache(p->sim);
    struct snapshot_info info = {.saved_wall_s = sim_now(p->sim).wall_s};
    struct snapshot_walk walk = {.epoch = cache_epoch(c)};
    struct snapshot_load load = {.trusted = true, .epoch = cache_epoch(c)};
    uint8_t *file = malloc(FILE_MAX);
    if (file == NULL)
        return;
    struct writer w = wr_of(file, FILE_MAX);
    snapshot_begin(&info, &w);
    while (snapshot_some(c, &walk, sim_now(p->sim), &w))
        ;
    snapshot_end(&walk, &w);
    cache_flush_all(c);
    if (!wr_ok(&w) || snapshot_put_all(&load, c, wr_done(&w), sim_now(p->sim)) != ST_OK)
        cache_flush_all(c);
    free(file);
}

static void do_step(struct player *p, const struct step *s)
{
    switch (s->kind) {
    case STEP_ASK:
    case STEP_TRACE:
        do_ask(p, s);
        return;
    case STEP_WAIT:
        sim_run_until(p->sim, sim_now(p->sim).mono_us + (uint64_t)MAX(s->value, 0));
        return;
    case STEP_CLOCK:
        sim_step_wall(p->sim, s->value / 1000000);
        return;
    case STEP_BREAK:
    case STEP_FIX:
        do_break(p, s);
        return;
    case STEP_REPLACE:
    case STEP_SIGN:
        do_replace(p, s);
        return;
    case STEP_FLUSH:
        cache_flush_all(sim_cache(p->sim));
        return;
    case STEP_RESTART:
        do_restart(p);
        return;
    default:
        player_check(p, s);
    }
}

static enum status play(struct player *p)
{
    TRY(player_open(p));
    struct sim_setup setup = {.seed = 1,
                              .internet = &p->internet,
                              .resolver = &p->options,
                              .cache_bytes = CACHE_BYTES,
                              .net = p->net,
                              .watch = {p, on_answer, on_sent, on_received}};
    p->sim = sim_new(&setup);
    if (p->sim == NULL)
        return ST_ENOMEM;
    if (p->own != NULL)
        resolver_own_zones(sim_resolver(p->sim), auth_service(p->own));
    for (unsigned i = 0; i < p->sc->step_count; i++)
        do_step(p, &p->sc->step[i]);
    return ST_OK;
}

enum status scenario_play(struct scenario *sc, const char *file, struct diag_sink *sink,
                          struct text *log)
{
    struct player *p = calloc(1, sizeof *p);
    uint32_t before = sink->errors;
    if (p == NULL)
        return ST_ENOMEM;
    p->sc = sc;
    p->file = file;
    p->sink = sink;
    p->log = log;
    p->random.s = 0x5ce7a210;
    p->timeline = text_heap(TIMELINE_MAX);
    arena_init(&p->arena, 65536, 0);
    arena_init(&p->script_arena, 65536, 0);
    enum status st = play(p);
    sim_free(p->sim);
    if (p->own != NULL)
        auth_free(p->own);
    if (p->own_table != NULL)
        zone_table_free(p->own_table);
    internet_close(&p->internet);
    anchors_free(p->anchors);
    text_free(&p->timeline);
    free(p->script_host);
    free(p->sent_to);
    free(p->hints);
    arena_free(&p->arena);
    arena_free(&p->script_arena);
    free(p);
    return st == ST_OK && sink->errors > before ? ST_ESEMANTIC : st;
}
