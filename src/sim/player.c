#include "sim/player.h"

#include "core/trace_render.h"
#include "dns/encode.h"
#include "dns/print.h"
#include "dns/rdata.h"
#include "sim/player_state.h"
#include "sim/zone_edit.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    CACHE_BYTES = 4 << 20,
    PATIENCE_US = 20000000, /* for an answer that never comes */
    HINTS_MAX = 64,
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
    if (p->log != NULL)
        trace_timeline(trace, false, p->log);
}

static void player_random(void *ctx, void *buf, size_t n)
{
    struct player *p = ctx;
    for (size_t i = 0; i < n; i++)
        ((uint8_t *)buf)[i] = (uint8_t)prng_next(&p->random);
}

/* The script that answers this question at this host, or NULL. */
static struct script *script_for(struct player *p, const struct host *h, const struct query_view *q,
                                 enum transport transport)
{
    for (unsigned i = 0; i < p->sc->script_count; i++) {
        struct script *s = &p->sc->script[i];
        if (!name_equal(s->server.w, h->name.w) || (s->type != 0 && s->type != q->q.type) ||
            (s->transport >= 0 && s->transport != (int)transport) ||
            (s->times > 0 && s->used >= s->times))
            continue;
        if (s->any_name ||
            (s->below ? name_in(q->q.name.w, s->name.w) && !name_equal(q->q.name.w, s->name.w)
                      : name_equal(q->q.name.w, s->name.w)))
            return s;
    }
    return NULL;
}

struct script_host {
    struct player *p;
    struct host *h;
};

static bool run_script(void *ctx, const struct request *rq, size_t *ret_n)
{
    const struct script_host *sh = ctx;
    struct query_view q;
    struct encode e;
    *ret_n = 0;
    if (query_parse(rq->wire, &q) != ST_OK || !q.has_question)
        return false;
    struct script *s = script_for(sh->p, sh->h, &q, rq->transport);
    if (s == NULL)
        return false;
    s->used++;
    if (s->silent)
        return true;
    struct edns_out opt = {
        .present = q.edns.present, .udp_size = LIMIT_EDNS_UDP, .rcode = s->rcode};
    encode_begin(
        &e, rq->out, rq->out_cap, q.h.id,
        (uint16_t)((s->no_qr ? 0 : MSG_QR) | (q.h.flags & MSG_RD) | s->flags | (s->rcode & 15)));
    if (opt.present)
        encode_reserve(&e, encode_opt_size(&opt));
    if (encode_question(&e, q.q.name.w, q.q.type, q.q.rclass) != ST_OK)
        return true;
    for (unsigned i = 0; i < s->rr_count; i++) {
        const struct scenario_rr *rr = s->rr[i];
        if (encode_rr(&e, (enum msg_section)s->section[i], rr->owner.w, rr->type, CLASS_IN, rr->ttl,
                      bytes_of(rr->rdata, rr->rdata_n)) != ST_OK)
            return true;
    }
    if (opt.present && encode_opt(&e, &opt) != ST_OK)
        return true;
    *ret_n = encode_finish(&e);
    return true;
}

static const char *const option_words[] = {"minimise",  "prime",    "ipv4",     "ipv6",
                                           "udp-size",  "ttl-min",  "ttl-max",  "negative-ttl-max",
                                           "timeout",   "loopback", "clients",  "loss",
                                           "duplicate", "mtu",      "allow-all"};

static bool set_option(struct player *p, const char *word, uint64_t v)
{
    struct resolver_options *o = &p->options;
    size_t i = 0;
    while (i < ARRAY_LEN(option_words) && strcmp(word, option_words[i]) != 0)
        i++;
    switch (i) {
    case 0:
        o->minimise = v;
        break;
    case 1:
        o->prime = v;
        break;
    case 2:
        o->ipv4 = v;
        break;
    case 3:
        o->ipv6 = v;
        break;
    case 4:
        o->udp_size = (uint16_t)v;
        break;
    case 5:
        o->ttl_min_s = (uint32_t)v;
        break;
    case 6:
        o->ttl_max_s = (uint32_t)v;
        break;
    case 7:
        o->negative_ttl_max_s = (uint32_t)v;
        break;
    case 8:
        o->timeout_ms = (uint32_t)v;
        break;
    case 9:
        o->query_loopback = v;
        break;
    case 10:
        o->max_clients = (uint32_t)v;
        break;
    case 11:
        p->net.loss_ppm = (uint32_t)v * 10000;
        break;
    case 12:
        p->net.duplicate_ppm = (uint32_t)v * 10000;
        break;
    case 13:
        p->net.mtu = (uint32_t)v;
        break;
    case 14:
        p->allow_count = v ? 2 : 1;
        break;
    default:
        return false;
    }
    return true;
}

static bool set_options(struct player *p)
{
    resolver_options_default(&p->options);
    p->allow_count = 1;
    p->options.hints = p->hints;
    p->options.hint_count = p->hint_count;
    p->options.max_clients = 1000;
    for (unsigned i = 0; i < p->sc->option_count; i++) {
        if (!set_option(p, p->sc->option[i].word, p->sc->option[i].value)) {
            struct step at = {.line = p->sc->option[i].line};
            player_differs(p, &at, "there is no option \"%s\"", p->sc->option[i].word);
            return false;
        }
    }
    if (netprefix_parse(bytes_str("127.0.0.0/8"), &p->allow[0]) != ST_OK ||
        netprefix_parse(bytes_str("0.0.0.0/0"), &p->allow[1]) != ST_OK)
        return false;
    p->options.allow = p->allow;
    p->options.allow_count = p->allow_count;
    return true;
}

static enum status open_internet(struct player *p)
{
    struct world *w = p->sc->world;
    p->env = (struct env){.ctx = p, .random = player_random};
    struct internet_plan plan = {
        .topology = &w->topology, .files = &w->files, .dir = "", .form = FORM_REAL, .env = &p->env};
    TRY(internet_open(&p->internet, &plan, p->sink));
    p->script_host = calloc(p->internet.host_count + 1, sizeof *p->script_host);
    p->sent_to = calloc(p->internet.host_count + 1, sizeof *p->sent_to);
    p->hints = calloc(HINTS_MAX, sizeof *p->hints);
    if (p->script_host == NULL || p->sent_to == NULL || p->hints == NULL)
        return ST_ENOMEM;
    for (unsigned i = 0; i < p->internet.host_count; i++) {
        p->script_host[i] = (struct script_host){p, &p->internet.host[i]};
        p->internet.host[i].script = (struct host_script){&p->script_host[i], run_script};
        const struct topo_server *s = topology_find(&w->topology, p->internet.host[i].name.w);
        for (unsigned k = 0;
             topo_serves(s, name_root) && k < s->addr_count && p->hint_count < HINTS_MAX; k++)
            p->hints[p->hint_count++] =
                (struct root_hint){.server = s->name, .address = s->addr[k]};
    }
    return ST_OK;
}

static struct host *host_named(struct player *p, const uint8_t *name)
{
    for (unsigned i = 0; i < p->internet.host_count; i++)
        if (name_equal(p->internet.host[i].name.w, name))
            return &p->internet.host[i];
    return NULL;
}

static size_t make_query(struct player *p, const struct step *s, uint8_t *buf, size_t cap)
{
    struct edns_out edns = {
        .present = !s->no_edns, .udp_size = LIMIT_EDNS_UDP, .dnssec_ok = s->dnssec_ok};
    return encode_query(buf, cap, (uint16_t)prng_next(&p->random),
                        s->no_rd || s->direct ? 0 : MSG_RD, s->name.w, s->type, CLASS_IN,
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
    p->wire_n = 0;
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
                                    .done = on_trace,
                                    .ctx = p};
        if (resolver_resolve(sim_resolver(p->sim), &task, sim_now(p->sim)) != ST_OK)
            player_differs(p, s, "the resolver does not take the question");
        sim_kick(p->sim);
    } else {
        for (int64_t i = 0; i < s->value; i++) {
            struct bytes q = bytes_of(query, make_query(p, s, query, sizeof query));
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
    if (s->value > 1 && p->answers != (unsigned)s->value && !s->direct)
        player_differs(p, s, "%u answers to %lld questions", p->answers, (long long)s->value);
}

/* A zone gets another record set, on all its servers. */
static void do_replace(struct player *p, const struct step *s)
{
    struct name origin;
    struct zone_edit e[2] = {
        {.add = false, .owner = s->rr->owner, .type = s->rr->type},
        {.add = true, .owner = s->rr->owner, .type = s->rr->type, .ttl = s->rr->ttl}};
    struct diag d = {0};
    if (!topology_zone_of(&p->sc->world->topology, s->rr->owner.w, &origin) ||
        s->rr->rdata_n > sizeof e->rdata) {
        player_differs(p, s, "no zone holds this name");
        return;
    }
    e[1].rdata_n = s->rr->rdata_n;
    memcpy(e[1].rdata, s->rr->rdata, s->rr->rdata_n);
    for (unsigned i = 0; i < p->internet.zone_count; i++) {
        struct zone *old = p->internet.zone[i], *new = NULL;
        if (!name_equal(zone_origin(old), origin.w))
            continue;
        if (zone_edited(old, NULL, e, 2, &new, &d) != ST_OK) {
            player_differs(p, s, "%s", d.message);
            return;
        }
        for (unsigned k = 0; k < p->internet.host_count; k++)
            if (zone_table_get(p->internet.host[k].table, origin.w) != NULL &&
                host_replace(&p->internet.host[k], new) != ST_OK)
                player_differs(p, s, "out of memory");
        p->internet.zone[i] = new;
        zone_drop(old);
    }
}

static void do_step(struct player *p, const struct step *s)
{
    enum fault f;
    struct host *h;
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
        h = host_named(p, s->server.w);
        if (h == NULL || !fault_parse(bytes_str(s->word), &f) || host_break(h, f, NULL) != ST_OK)
            player_differs(p, s, "this cannot be broken");
        return;
    case STEP_FIX:
        h = host_named(p, s->server.w);
        if (h != NULL)
            h->fault_count = 0;
        return;
    case STEP_REPLACE:
        do_replace(p, s);
        return;
    case STEP_FLUSH:
        cache_flush_all(sim_cache(p->sim));
        return;
    default:
        player_check(p, s);
    }
}

static enum status play(struct player *p)
{
    TRY(open_internet(p));
    if (!set_options(p))
        return ST_ESEMANTIC;
    struct sim_setup setup = {.seed = 1,
                              .internet = &p->internet,
                              .resolver = &p->options,
                              .cache_bytes = CACHE_BYTES,
                              .net = p->net,
                              .watch = {p, on_answer, on_sent, on_received}};
    p->sim = sim_new(&setup);
    if (p->sim == NULL)
        return ST_ENOMEM;
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
    arena_init(&p->arena, 65536, 0);
    enum status st = play(p);
    sim_free(p->sim);
    internet_close(&p->internet);
    free(p->script_host);
    free(p->sent_to);
    free(p->hints);
    arena_free(&p->arena);
    free(p);
    return st == ST_OK && sink->errors > before ? ST_ESEMANTIC : st;
}
