#include "sim/run.h"

#include "core/trace_render.h"
#include "dns/encode.h"
#include "dns/print.h"
#include "dns/rdata.h"
#include "sim/oracle.h"
#include "sim/signing.h"
#include "sim/world.h"
#include "sim/zone_edit.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    QUERIES_DEFAULT = 60,
    QUERIES_MAX = 100000,
    HINTS_MAX = 64,
    GRACE_US = 200000,   /* for an answer after the deadline of LIMIT_QUERY_MS */
    QUIET_US = 30000000, /* time given after the last question */
};

struct ask {
    struct name name;
    uint16_t type, id;
    enum transport transport;
    uint64_t at_us, sent_before;
    bool answered, alone;
    bool trust, dnssec; /* asked with AD or DO: is told whether it is secure */
};

struct run {
    const struct run_options *opt;
    struct run_result *ret;
    struct world *world;
    const struct topology *topology; /* the one of the options, or the world's */
    struct internet internet;
    struct oracle *oracle;
    struct sim *sim;
    struct prng r;
    struct prng more; /* for what came later, so that older seeds stay what they were */
    size_t cache_bytes;
    struct root_hint hints[HINTS_MAX];
    size_t hint_count;
    struct resolver_options ropt;
    struct netprefix allow;
    struct anchors *anchors; /* of a signed root; NULL: nothing is validated */
    struct sim_net net;
    struct ask *ask;
    unsigned ask_count, open;
    struct arena arena;
    struct env host_env;
    struct prng host_random;
};

static void violation(struct run *u, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void violation(struct run *u, const char *fmt, ...)
{
    va_list ap;
    if (u->ret->violations < RUN_VIOLATIONS) {
        va_start(ap, fmt);
        vsnprintf(u->ret->violation[u->ret->violations], RUN_VIOLATION_TEXT, fmt, ap);
        va_end(ap);
    }
    u->ret->violations++;
}

static void log_line(struct run *u, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void log_line(struct run *u, const char *fmt, ...)
{
    va_list ap;
    if (u->opt->log == NULL)
        return;
    text_fmt(u->opt->log, "%10.3f ms  ", (double)sim_now(u->sim).mono_us / 1000);
    va_start(ap, fmt);
    text_vfmt(u->opt->log, fmt, ap);
    va_end(ap);
    text_char(u->opt->log, '\n');
}

static const char *ask_str(const struct ask *q, char buf[NAME_TEXT_MAX + 32])
{
    char name[NAME_TEXT_MAX], type[24];
    snprintf(buf, NAME_TEXT_MAX + 32, "%s %s", name_str(q->name.w, name),
             rr_type_str(q->type, type));
    return buf;
}

static uint64_t sent_so_far(struct run *u)
{
    struct sim_counts c = sim_counts(u->sim);
    return c.sent_udp + c.sent_tcp;
}

/* Whether a chain of trust leads from the root to the zone that a name lies in. *ret_opt_out: some
 * denials of that zone are not. */
static bool is_secure(const struct run *u, const uint8_t *name, bool *ret_opt_out)
{
    struct name zone, at;
    name_copy(at.w, name);
    for (bool first = true;; first = false) {
        if (!topology_zone_of(u->topology, at.w, &zone))
            return false;
        enum topo_dnssec how = topology_signing(u->topology, zone.w).dnssec;
        if (how == TOPO_UNSIGNED)
            return false;
        if (first)
            *ret_opt_out = how == TOPO_OPT_OUT;
        if (name_is_root(zone.w))
            return true;
        name_copy(at.w, name_parent(zone.w));
    }
}

/* AD (RFC 6840 section 5.8) if and only if every part of the answer is from a zone with a chain of
 * trust; denials and wildcards of opt-out zones may be without. */
static void judge_trust(struct run *u, const struct ask *q, const struct msg *m)
{
    bool ad = (m->h.flags & MSG_AD) != 0, all = true, unsure = false, any = false, opt_out = false;
    char words[NAME_TEXT_MAX + 32];
    if (u->anchors == NULL || msg_rcode(m) == RCODE_SERVFAIL) {
        if (ad)
            violation(u, "%s: AD without reason", ask_str(q, words));
        return;
    }
    for (unsigned i = 0; i < m->rr_count; i++) {
        struct name owner;
        const struct rr_view *rr = &m->rr[i];
        bool negative = rr->section == SECTION_AUTHORITY && rr->type == RR_SOA;
        if ((rr->section != SECTION_ANSWER && !negative) || rr->type == RR_RRSIG ||
            msg_owner(m, rr, &owner) != ST_OK)
            continue;
        any = true;
        all &= is_secure(u, owner.w, &opt_out);
        unsure |= opt_out;
    }
    u->ret->secure += ad;
    if (ad && !all)
        violation(u, "%s: AD, but a part of the answer is not signed", ask_str(q, words));
    if (!ad && q->trust && all && any && !unsure)
        violation(u, "%s: no AD, but every part of the answer is signed", ask_str(q, words));
}

static void judge(struct run *u, struct ask *q, struct bytes wire)
{
    struct msg m;
    char words[NAME_TEXT_MAX + 32];
    char why_buf[400];
    struct text why = text_of(why_buf, sizeof why_buf);
    bool excused = false;
    arena_reset(&u->arena);
    if (msg_parse(wire, &u->arena, &m) != ST_OK) {
        violation(u, "%s: the response cannot be parsed", ask_str(q, words));
        return;
    }
    if (m.h.id != q->id)
        violation(u, "%s: the response has another ID", ask_str(q, words));
    log_line(u, "answer   %s: %zu bytes, RCODE %u, %u records", ask_str(q, words), wire.n,
             msg_rcode(&m), m.rr_count);
    if (q->transport == TRANSPORT_UDP && (m.h.flags & MSG_TC))
        return; /* the client would ask again over TCP */
    struct oracle_case c = {.qname = q->name.w,
                            .qtype = q->type,
                            .now_us = sim_now(u->sim).mono_us,
                            .lossy = u->net.loss_ppm > 0 || u->net.corrupt_ppm > 0};
    u->ret->servfail += msg_rcode(&m) == RCODE_SERVFAIL;
    /* A damaged packet whose checksum happens to hold says something else than was meant; who has
     * no signatures believes it. Only what is secure must be right in such runs. */
    bool sure = u->net.corrupt_ppm == 0 || (m.h.flags & MSG_AD) != 0;
    if (sure)
        judge_trust(u, q, &m);
    if (!oracle_judge(u->oracle, &c, &m, &u->arena, &excused, &why) && sure)
        violation(u, "%s at %.3f s: %s", ask_str(q, words), (double)c.now_us / 1e6,
                  text_cstr(&why));
    u->ret->excused += excused;
}

static void on_answer(void *ctx, uint64_t token, struct bytes wire)
{
    struct run *u = ctx;
    char words[NAME_TEXT_MAX + 32];
    if (token >= u->ask_count || u->ask[token].answered) {
        violation(u, "an answer to nobody, or a second one (token %llu)",
                  (unsigned long long)token);
        return;
    }
    struct ask *q = &u->ask[token];
    q->answered = true;
    u->open--;
    u->ret->answered++;
    uint64_t took = sim_now(u->sim).mono_us - q->at_us;
    if (took > LIMIT_QUERY_MS * 1000ull + GRACE_US)
        violation(u, "%s took %.3f s, more than its deadline", ask_str(q, words),
                  (double)took / 1e6);
    uint64_t packets = sent_so_far(u) - q->sent_before;
    if (q->alone && packets > LIMIT_QUERY_PACKETS)
        violation(u, "%s cost %llu packets, more than its budget", ask_str(q, words),
                  (unsigned long long)packets);
    if (q->alone && packets > u->ret->most_packets)
        u->ret->most_packets = packets;
    if (wire.n == 0)
        violation(u, "%s got no answer", ask_str(q, words));
    else
        judge(u, q, wire);
}

static void on_sent(void *ctx, const struct effect *e)
{
    struct run *u = ctx;
    struct query_view v;
    char to[NETADDR_TEXT_MAX], name[NAME_TEXT_MAX], type[24];
    struct text t = text_of(to, sizeof to);
    netaddr_text(&e->to, &t);
    if (query_parse(e->data, &v) != ST_OK || !v.has_question)
        violation(u, "a malformed query was sent to %s", to);
    else
        log_line(u, "  ask    %s over %s: %s %s%s", to,
                 e->transport == TRANSPORT_TCP ? "TCP" : "UDP", name_str(v.q.name.w, name),
                 rr_type_str(v.q.type, type), v.edns.present ? "" : " (no EDNS)");
}

static void on_received(void *ctx, const struct netaddr *from, struct bytes wire)
{
    struct run *u = ctx;
    char buf[NETADDR_TEXT_MAX];
    struct text t = text_of(buf, sizeof buf);
    netaddr_text(from, &t);
    if (wire.n >= MSG_HEADER)
        log_line(u, "  reply  %s: %zu bytes, RCODE %u%s%s, %u answer %u authority", buf, wire.n,
                 wire.p[3] & 15u, wire.p[2] & 4 ? " AA" : "", wire.p[2] & 2 ? " TC" : "",
                 get_be16(wire.p + 6), get_be16(wire.p + 8));
}

/* What the network and the resolver are like in this run. */
static void choose_conditions(struct run *u)
{
    u->net = (struct sim_net){.link_us = (uint32_t)(200 + prng_below(&u->r, 20000))};
    bool bad = u->opt->faults && prng_below(&u->r, 2) == 0;
    u->net.jitter_us = (uint32_t)prng_below(&u->r, 20000);
    u->net.duplicate_ppm = u->opt->faults ? (uint32_t)prng_below(&u->r, 50000) : 0;
    if (bad) {
        u->net.loss_ppm = (uint32_t)prng_below(&u->r, 150000);
        u->net.corrupt_ppm = prng_below(&u->r, 4) == 0 ? (uint32_t)prng_below(&u->r, 2000) : 0;
    }
    resolver_options_default(&u->ropt);
    u->ropt.hints = u->hints;
    u->ropt.hint_count = u->hint_count;
    u->ropt.anchors = u->anchors;
    u->ropt.allow = &u->allow;
    u->ropt.allow_count = 1;
    u->ropt.minimise = prng_below(&u->r, 4) > 0;
    u->ropt.prime = prng_below(&u->r, 4) > 0;
    u->ropt.ipv6 = prng_below(&u->r, 3) > 0;
    u->ropt.random_case = prng_below(&u->r, 3) > 0;
    u->ropt.cookies = prng_below(&u->r, 3) > 0;
    u->ropt.max_clients = 1000;
}

static void collect_hints(struct run *u, const struct topology *t)
{
    for (unsigned i = 0; i < t->server_count; i++) {
        const struct topo_server *s = &t->server[i];
        if (!topo_serves(s, name_root))
            continue;
        for (unsigned k = 0; k < s->addr_count && u->hint_count < HINTS_MAX; k++)
            u->hints[u->hint_count++] =
                (struct root_hint){.server = s->name, .address = s->addr[k]};
    }
}

/* A question: mostly about names that exist, sometimes beside, below or above them. */
static void choose_question(struct run *u, struct ask *q)
{
    static const uint16_t types[] = {RR_A,     RR_A,   RR_A,  RR_AAAA, RR_MX, RR_TXT,
                                     RR_CNAME, RR_SOA, RR_NS, RR_SRV,  RR_A,  RR_AAAA};
    const struct internet *in = &u->internet;
    q->type = types[prng_below(&u->r, ARRAY_LEN(types))];
    q->transport = prng_below(&u->r, 4) == 0 ? TRANSPORT_UDP : TRANSPORT_TCP;
    if (u->world != NULL && prng_below(&u->r, 4) > 0 && u->world->name_count > 0) {
        q->name = u->world->name[prng_below(&u->r, u->world->name_count)];
    } else {
        const struct zone *z = in->zone[prng_below(&u->r, in->zone_count)];
        uint64_t names = zone_stats(z).names;
        const struct zone_node *n = zone_next(z, NULL);
        for (uint64_t k = names ? prng_below(&u->r, MIN(names, 200u)) : 0; k > 0 && n != NULL; k--)
            n = zone_next(z, n);
        name_copy(q->name.w, zone_origin(z));
        if (n != NULL)
            zone_node_name(z, n, q->name.w);
    }
    uint64_t twist = prng_below(&u->r, 10);
    struct name longer;
    if (twist == 0 && name_prepend(bytes_str("zz"), q->name.w, &longer) == ST_OK)
        q->name = longer;
    else if (twist == 1 && !name_is_root(q->name.w))
        memmove(q->name.w, name_parent(q->name.w), name_len(name_parent(q->name.w)));
    else if (twist == 2)
        for (size_t i = 0; i < name_len(q->name.w); i++)
            if (q->name.w[i] >= 'a' && prng_below(&u->r, 2))
                q->name.w[i] = (uint8_t)(q->name.w[i] <= 'z' ? q->name.w[i] - 32 : q->name.w[i]);
}

static void put_question(struct run *u, unsigned i)
{
    static const uint8_t client[4] = {127, 0, 0, 1};
    struct ask *q = &u->ask[i];
    uint8_t buf[512];
    char words[NAME_TEXT_MAX + 32];
    struct edns_out edns = {.present = prng_below(&u->r, 4) > 0, .udp_size = LIMIT_EDNS_UDP};
    if (u->anchors != NULL) {
        q->dnssec = edns.present && prng_below(&u->r, 2) > 0;
        q->trust = q->dnssec || prng_below(&u->r, 2) > 0;
        edns.dnssec_ok = q->dnssec;
    }
    struct netaddr from = netaddr_v4(client, (uint16_t)(1024 + prng_below(&u->r, 60000)));
    q->id = (uint16_t)prng_next(&u->r);
    q->at_us = sim_now(u->sim).mono_us;
    q->sent_before = sent_so_far(u);
    q->alone = u->open == 0;
    for (unsigned k = 0; k < i && u->open > 0; k++)
        if (!u->ask[k].answered)
            u->ask[k].alone = false;
    u->open++;
    uint16_t flags = MSG_RD | (q->trust ? MSG_AD : 0);
    size_t n = encode_query(buf, sizeof buf, q->id, flags, q->name.w, q->type, CLASS_IN,
                            edns.present ? &edns : NULL);
    log_line(u, "question %s", ask_str(q, words));
    sim_ask(u->sim, i, &from, q->transport, bytes_of(buf, n));
}

static enum status sign_again(struct run *u, struct zone **z, struct diag *d)
{
    struct sim_signing_source src = {u->opt->files, u->opt->dir, true};
    struct sim_signing s = {.how = topology_signing(u->topology, zone_origin(*z))};
    struct zone *new = NULL;
    enum status st = sim_signing_open(&s, &src, zone_origin(*z), d);
    if (st == ST_OK)
        st = sim_signing_apply(&s, *z, sim_now(u->sim).wall_s, &new, d);
    sim_signing_free(&s);
    if (st == ST_OK) {
        zone_drop(*z);
        *z = new;
    }
    return st;
}

/* Somebody edits a zone: one name gets a new address, on all its servers at once. */
static void edit_zone(struct run *u)
{
    struct internet *in = &u->internet;
    unsigned at = (unsigned)prng_below(&u->r, in->zone_count);
    struct zone *old = in->zone[at], *new = NULL;
    struct zone_edit e[2] = {{.add = false, .type = RR_A},
                             {.add = true, .type = RR_A, .ttl = 30, .rdata_n = 4}};
    struct diag d;
    struct name owner;
    if (name_is_root(zone_origin(old)) || oracle_zones(u->oracle) > in->zone_count)
        return; /* one edit a run: two versions are all that the oracle keeps apart */
    if (name_prepend(bytes_str("h1"), zone_origin(old), &owner) != ST_OK)
        return;
    e[0].owner = e[1].owner = owner;
    put_be32(e[1].rdata, 0x2d096309);
    if (zone_edited(old, NULL, e, 2, &new, &d) != ST_OK)
        return;
    if (zone_is_signed(old) && sign_again(u, &new, &d) != ST_OK)
        violation(u, "a changed zone cannot be signed");
    for (unsigned i = 0; i < in->host_count; i++)
        if (zone_table_get(in->host[i].table, zone_origin(old)) != NULL &&
            host_replace(&in->host[i], new) != ST_OK)
            violation(u, "out of memory");
    if (oracle_update(u->oracle, new, sim_now(u->sim).mono_us) != ST_OK)
        violation(u, "out of memory");
    in->zone[at] = new;
    zone_drop(old);
    u->ret->updates++;
}

/* What a reload may change, at random. */
static void vary_options(struct run *u)
{
    struct resolver_options *o = &u->ropt;
    o->minimise = prng_below(&u->more, 4) > 0;
    o->random_case = prng_below(&u->more, 3) > 0;
    o->cookies = prng_below(&u->more, 3) > 0;
    o->aggressive = prng_below(&u->more, 3) > 0;
    o->nxdomain_cut = prng_below(&u->more, 4) > 0 ? NXDOMAIN_CUT_SECURE : NXDOMAIN_CUT_NO;
    o->prefetch = (enum prefetch)prng_below(&u->more, 3);
    o->udp_size = prng_below(&u->more, 4) > 0 ? LIMIT_EDNS_UDP : 512;
}

/* Waits until nobody waits for an answer: what a process that ends owes is not judged. */
static void come_to_rest(struct run *u)
{
    for (unsigned i = 0; u->open > 0 && i < LIMIT_QUERY_MS / 1000 + 2; i++)
        sim_run_until(u->sim, sim_now(u->sim).mono_us + 1000000);
}

/* What goes on around a resolver in its life. */
static enum status happen(struct run *u)
{
    if (!u->opt->events || prng_below(&u->more, 12) != 0)
        return ST_OK;
    u->ret->events++;
    switch (prng_below(&u->more, 5)) {
    case 0:
        log_line(u, "reload");
        vary_options(u);
        sim_reload(u->sim, &u->ropt);
        return ST_OK;
    case 1:
        come_to_rest(u);
        log_line(u, "restart");
        vary_options(u);
        return sim_restart(u->sim, &u->ropt, u->cache_bytes, prng_below(&u->more, 20000000));
    case 2:
        log_line(u, "everything is flushed");
        cache_flush_all(sim_cache(u->sim));
        return ST_OK;
    case 3: {
        const struct internet *in = &u->internet;
        const struct zone *z = in->zone[prng_below(&u->more, in->zone_count)];
        log_line(u, "a zone is flushed");
        cache_flush_below(sim_cache(u->sim), zone_origin(z));
        return ST_OK;
    }
    default: { /* less than signatures are good for at either end */
        int64_t by = (int64_t)prng_below(&u->more, 1200) - 600;
        log_line(u, "the clock steps by %lld s", (long long)by);
        sim_step_wall(u->sim, by);
        return ST_OK;
    }
    }
}

static void pause_between(struct run *u)
{
    uint64_t gap;
    switch (prng_below(&u->r, 8)) {
    case 0:
        return; /* at the same instant as the one before */
    case 1:
        gap = prng_below(&u->r, 20000);
        break;
    case 2:
        gap = prng_below(&u->r, 4000000000u); /* TTLs run out meanwhile */
        break;
    default:
        gap = prng_below(&u->r, 2000000);
    }
    sim_run_until(u->sim, sim_now(u->sim).mono_us + gap);
}

/* What must be true when everything has come to rest. */
static void check_rest(struct run *u)
{
    char words[NAME_TEXT_MAX + 32];
    sim_run_until(u->sim, sim_now(u->sim).mono_us + QUIET_US);
    for (unsigned i = 0; i < u->ask_count; i++)
        if (!u->ask[i].answered)
            violation(u, "%s was never answered", ask_str(&u->ask[i], words));
    struct sim_counts c = sim_counts(u->sim);
    if (c.open_exchanges > 0)
        violation(u, "%llu exchanges are still open at rest", (unsigned long long)c.open_exchanges);
    if (cache_stats(sim_cache(u->sim)).bytes > cache_stats(sim_cache(u->sim)).max_bytes)
        violation(u, "the cache is larger than its budget");
    u->ret->packets = c.sent_udp + c.sent_tcp;
    u->ret->virtual_us = sim_now(u->sim).mono_us;
    u->ret->hash = sim_hash(u->sim);
}

static void show_trace(void *ctx, struct bytes answer, const struct trace *trace)
{
    struct run *u = ctx;
    (void)answer;
    trace_timeline(trace, false, u->opt->trace_out);
}

static void trace_one(struct run *u)
{
    struct name n;
    char name[NAME_TEXT_MAX];
    uint16_t type = RR_A;
    if (u->opt->trace == NULL || u->opt->trace_out == NULL)
        return;
    size_t len = strcspn(u->opt->trace, " ");
    snprintf(name, sizeof name, "%.*s", (int)MIN(len, sizeof name - 1), u->opt->trace);
    if (u->opt->trace[len] == ' ' && !rr_type_parse(bytes_str(u->opt->trace + len + 1), &type))
        return;
    if (name_from(name, &n) != ST_OK)
        return;
    struct resolve_task task = {.name = n.w,
                                .type = type,
                                .rclass = CLASS_IN,
                                .cold = true,
                                .armed = true,
                                .done = show_trace,
                                .ctx = u};
    if (resolver_resolve(sim_resolver(u->sim), &task, sim_now(u->sim)) != ST_OK)
        return;
    sim_kick(u->sim);
    sim_run_until(u->sim, sim_now(u->sim).mono_us + QUIET_US);
}

static enum status play(struct run *u)
{
    u->cache_bytes = prng_below(&u->r, 8) == 0 ? 65536 : 4u << 20;
    u->more.s = hash_mix(u->opt->seed ^ 0x6d6f7265);
    if (u->opt->events)
        vary_options(u);
    struct sim_setup setup = {.seed = u->opt->seed,
                              .internet = &u->internet,
                              .resolver = &u->ropt,
                              .cache_bytes = u->cache_bytes,
                              .net = u->net,
                              .watch = {u, on_answer, on_sent, u->opt->log ? on_received : NULL}};
    u->sim = sim_new(&setup);
    if (u->sim == NULL)
        return ST_ENOMEM;
    log_line(
        u,
        "network: %u us a link, jitter %u us, lost %u, doubled %u, damaged %u of a million packets",
        u->net.link_us, u->net.jitter_us, u->net.loss_ppm, u->net.duplicate_ppm,
        u->net.corrupt_ppm);
    log_line(u, "resolver: minimisation %s, priming %s, IPv6 %s, cache of %zu bytes",
             u->ropt.minimise ? "on" : "off", u->ropt.prime ? "on" : "off",
             u->ropt.ipv6 ? "on" : "off", setup.cache_bytes);
    for (unsigned i = 0; i < u->ret->queries; i++) {
        choose_question(u, &u->ask[i]);
        u->ask_count = i + 1;
        put_question(u, i);
        if (i == u->ret->queries / 2)
            edit_zone(u);
        pause_between(u);
        TRY(happen(u));
    }
    check_rest(u);
    trace_one(u);
    return ST_OK;
}

static void host_random(void *ctx, void *buf, size_t n)
{
    struct run *u = ctx;
    for (size_t i = 0; i < n; i++)
        ((uint8_t *)buf)[i] = (uint8_t)prng_next(&u->host_random);
}

/* Every zone of a made-up Internet gets a way of signing; one in six is not signed. */
static void sign_world(struct run *u)
{
    static const enum topo_dnssec ways[] = {TOPO_NSEC,  TOPO_NSEC,    TOPO_NSEC,
                                            TOPO_NSEC3, TOPO_OPT_OUT, TOPO_UNSIGNED};
    struct topology *t = &u->world->topology;
    struct prng r = {hash_mix(u->opt->seed ^ 0x7369676e)};
    for (unsigned i = 0; i < t->server_count; i++) {
        for (unsigned k = 0; k < t->server[i].zone_count && t->zone_count < TOPO_ZONES; k++) {
            struct topo_zone *z = &t->zone[t->zone_count];
            z->signing = (struct topo_signing){ways[prng_below(&r, ARRAY_LEN(ways))], SEC_ED25519,
                                               prng_below(&r, 4) == 0};
            name_copy(z->name.w, t->server[i].zones[k]->w);
            t->zone_count++; /* a zone that stands here twice is signed as the first one says */
        }
    }
}

static enum status make_internet(struct run *u, struct diag_sink *sink)
{
    u->host_env = (struct env){.ctx = u, .random = host_random};
    u->host_random.s = hash_mix(u->opt->seed ^ 0x686f7374);
    struct internet_plan plan = {.topology = u->opt->topology,
                                 .files = u->opt->files,
                                 .dir = u->opt->dir,
                                 .form = FORM_REAL,
                                 .env = &u->host_env,
                                 .now_s = SIM_START_WALL_S,
                                 .repeatable = true};
    if (plan.topology == NULL) {
        struct world_options wo = {.faults = u->opt->faults};
        u->world = calloc(1, sizeof *u->world);
        if (u->world == NULL)
            return ST_ENOMEM;
        enum status st = world_make(u->world, u->opt->seed, &wo);
        if (st != ST_OK) {
            free(u->world);
            u->world = NULL;
            return st;
        }
        if (u->opt->dnssec)
            sign_world(u);
        plan.topology = &u->world->topology;
        plan.files = &u->world->files;
        plan.dir = "";
    }
    u->topology = plan.topology;
    collect_hints(u, plan.topology);
    TRY(internet_open(&u->internet, &plan, sink));
    u->anchors = u->opt->unchecked ? NULL : internet_anchors(&u->internet);
    u->oracle = oracle_new(&u->internet);
    return u->oracle ? ST_OK : ST_ENOMEM;
}

enum status run_seed(const struct run_options *opt, struct diag_sink *sink, struct run_result *ret)
{
    struct run *u = calloc(1, sizeof *u);
    *ret = (struct run_result){.queries = opt->queries ? MIN(opt->queries, (unsigned)QUERIES_MAX)
                                                       : (unsigned)QUERIES_DEFAULT};
    if (u == NULL)
        return ST_ENOMEM;
    u->opt = opt;
    u->ret = ret;
    u->r.s = hash_mix(opt->seed ^ 0x72756e);
    arena_init(&u->arena, 65536, 0);
    u->ask = calloc(ret->queries, sizeof *u->ask);
    enum status st = u->ask && netprefix_parse(bytes_str("127.0.0.0/8"), &u->allow) == ST_OK
                         ? make_internet(u, sink)
                         : ST_ENOMEM;
    if (st == ST_OK) {
        choose_conditions(u);
        st = play(u);
    }
    sim_free(u->sim);
    oracle_free(u->oracle);
    anchors_free(u->anchors);
    internet_close(&u->internet);
    if (u->world != NULL)
        world_free(u->world);
    free(u->world);
    free(u->ask);
    arena_free(&u->arena);
    free(u);
    return st;
}
