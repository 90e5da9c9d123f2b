#include "sim/host.h"

#include "dns/codes.h"
#include "dns/edns.h"
#include "dns/encode.h"
#include "dns/msg.h"
#include "sim/pick.h"

#include <stdlib.h>
#include <string.h>

enum {
    SLOW_US = 1000000,
    CRAWL_US = 10000000,
    WIRE_MAX = 1024,     /* a query that somebody wrote anew */
    SPOOF_FORGERIES = 4, /* forged packets before each true one */
};

enum status host_open(struct host *h, struct zone_table *table, const struct env *env)
{
    auth_options_default(&h->options);
    h->table = table;
    h->auth = auth_new(table, &h->options, env);
    return h->auth ? ST_OK : ST_ENOMEM;
}

void host_close(struct host *h)
{
    if (h->auth != NULL)
        auth_free(h->auth);
    if (h->table != NULL)
        zone_table_free(h->table);
    h->auth = NULL;
    h->table = NULL;
}

enum status host_replace(struct host *h, struct zone *z)
{
    struct zone **zones = calloc(zone_table_count(h->table) + 1, sizeof(struct zone *));
    struct zone_table *table = NULL;
    size_t n = zone_table_count(h->table);
    if (zones == NULL)
        return ST_ENOMEM;
    for (size_t i = 0; i < n; i++) {
        zones[i] = zone_table_at(h->table, i);
        if (name_equal(zone_origin(zones[i]), zone_origin(z)))
            zones[i] = z;
    }
    enum status st = zone_table_new(zones, n, &table);
    free(zones);
    TRY(st);
    auth_swap(h->auth, table, &h->options);
    zone_table_free(h->table);
    h->table = table;
    return ST_OK;
}

enum status host_break(struct host *h, enum fault f, const uint8_t *zone)
{
    if (h->fault_count == HOST_FAULTS)
        return ST_ELIMIT;
    struct host_fault *hf = &h->fault[h->fault_count++];
    hf->fault = f;
    hf->scoped = zone != NULL;
    if (zone != NULL)
        name_copy(hf->zone.w, zone);
    return ST_OK;
}

bool host_has(const struct host *h, enum fault f, const uint8_t *qname)
{
    for (unsigned i = 0; i < h->fault_count; i++)
        if (h->fault[i].fault == f && (!h->fault[i].scoped || name_in(qname, h->fault[i].zone.w)))
            return true;
    return false;
}

bool host_faulty(const struct host *h, const uint8_t *qname)
{
    for (unsigned i = 0; i < h->fault_count; i++)
        if (fault_excuses(h->fault[i].fault) &&
            (!h->fault[i].scoped || name_in(qname, h->fault[i].zone.w)))
            return true;
    return false;
}

/* One query on its way through a host. */
struct visit {
    struct host *h;
    struct request *rq;
    struct prng *rnd;
    struct arena *a;
    struct host_out *out;
    struct query_view q;
    const uint8_t *qname; /* the root if the query cannot be read */
    size_t n;             /* bytes of the answer in rq->out */
};

static bool has(const struct visit *v, enum fault f)
{
    return host_has(v->h, f, v->qname);
}

static void put(struct visit *v, uint64_t delay_us, bool unreachable)
{
    if (v->out->n == HOST_PACKETS)
        return;
    struct host_packet *p = &v->out->packet[v->out->n];
    *p = (struct host_packet){
        .delay_us = delay_us, .from = v->rq->local, .unreachable = unreachable};
    if (!unreachable) {
        p->wire = bytes_of(arena_dup(v->a, v->rq->out, v->n), v->n);
        if (p->wire.p == NULL)
            return;
    }
    v->out->n++;
}

/* An answer with nothing but the question. */
static void bare(struct visit *v, unsigned flags, unsigned rcode)
{
    struct encode e;
    encode_begin(&e, v->rq->out, v->rq->out_cap, v->q.h.id,
                 (uint16_t)(MSG_QR | (v->q.h.flags & MSG_RD) | flags | (rcode & 15)));
    if (v->q.has_question &&
        encode_question(&e, v->q.q.name.w, v->q.q.type, v->q.q.rclass) != ST_OK)
        return;
    v->n = encode_finish(&e);
}

/* A referral to the root: what servers of old sent for zones they do not have. */
static void upward(struct visit *v)
{
    struct encode e;
    struct name ns;
    encode_begin(&e, v->rq->out, v->rq->out_cap, v->q.h.id,
                 (uint16_t)(MSG_QR | (v->q.h.flags & MSG_RD)));
    if (v->q.has_question &&
        encode_question(&e, v->q.q.name.w, v->q.q.type, v->q.q.rclass) != ST_OK)
        return;
    if (name_from("a.root-servers.net.", &ns) == ST_OK &&
        encode_rr(&e, SECTION_AUTHORITY, name_root, RR_NS, CLASS_IN, 518400,
                  bytes_of(ns.w, name_len(ns.w))) != ST_OK)
        return;
    v->n = encode_finish(&e);
}

/* NXDOMAIN with authority, out of thin air. */
static void deny(struct visit *v)
{
    struct encode e;
    uint8_t soa[2 + 20] = {0};
    put_be32(soa + 2, 1);
    put_be32(soa + 18, 60);
    const uint8_t *apex = name_root;
    for (unsigned i = 0; i < v->h->fault_count; i++)
        if (v->h->fault[i].fault == FAULT_NXDOMAIN && v->h->fault[i].scoped)
            apex = v->h->fault[i].zone.w;
    const struct zone *z = zone_table_find(v->h->table, v->qname, false);
    if (name_is_root(apex) && z != NULL)
        apex = zone_origin(z);
    encode_begin(&e, v->rq->out, v->rq->out_cap, v->q.h.id,
                 (uint16_t)(MSG_QR | MSG_AA | (v->q.h.flags & MSG_RD) | RCODE_NXDOMAIN));
    if (encode_question(&e, v->q.q.name.w, v->q.q.type, v->q.q.rclass) != ST_OK ||
        encode_rr(&e, SECTION_AUTHORITY, apex, RR_SOA, CLASS_IN, 60, bytes_of(soa, sizeof soa)) !=
            ST_OK)
        return;
    v->n = encode_finish(&e);
}

/* What a captive portal says: one address, for whatever name. */
static void capture(struct visit *v)
{
    static const uint8_t portal[4] = {10, 0, 0, 1};
    struct encode e;
    encode_begin(&e, v->rq->out, v->rq->out_cap, v->q.h.id,
                 (uint16_t)(MSG_QR | MSG_AA | MSG_RA | (v->q.h.flags & MSG_RD)));
    if (encode_question(&e, v->q.q.name.w, v->q.q.type, v->q.q.rclass) != ST_OK ||
        (v->q.q.type == RR_A && encode_rr(&e, SECTION_ANSWER, v->q.q.name.w, RR_A, CLASS_IN, 60,
                                          bytes_of(portal, sizeof portal)) != ST_OK))
        return;
    v->n = encode_finish(&e);
}

/* Faults that make an answer of their own; false: the zones answer. */
static bool answer_wrongly(struct visit *v)
{
    static const struct {
        enum fault fault;
        unsigned rcode;
    } rcodes[] = {{FAULT_LAME, RCODE_REFUSED},      {FAULT_REFUSE, RCODE_REFUSED},
                  {FAULT_SERVFAIL, RCODE_SERVFAIL}, {FAULT_FORMERR, RCODE_FORMERR},
                  {FAULT_NOTIMP, RCODE_NOTIMP},     {FAULT_EMPTY, RCODE_NOERROR}};
    for (size_t i = 0; i < ARRAY_LEN(rcodes); i++) {
        if (has(v, rcodes[i].fault)) {
            bare(v, 0, rcodes[i].rcode);
            return true;
        }
    }
    if (v->q.edns.present && has(v, FAULT_NO_EDNS))
        bare(v, 0, RCODE_FORMERR);
    else if (v->rq->transport == TRANSPORT_UDP && has(v, FAULT_TRUNCATE))
        bare(v, MSG_AA | MSG_TC, RCODE_NOERROR);
    else if (has(v, FAULT_UPWARD))
        upward(v);
    else if (v->q.has_question && has(v, FAULT_NXDOMAIN))
        deny(v);
    else if (v->q.has_question && has(v, FAULT_CAPTIVE))
        capture(v);
    else
        return false;
    return true;
}

/* The query as one gets it who does not know of DNSSEC: without DO. */
static void forget_dnssec(struct visit *v, uint8_t *buf, size_t cap)
{
    const struct query_view *q = &v->q;
    struct edns_out edns = {.present = true,
                            .udp_size = q->edns.udp_size,
                            .version = q->edns.version,
                            .options = q->edns.options};
    if (!q->has_question || !q->edns.dnssec_ok)
        return;
    size_t n =
        encode_query(buf, cap, q->h.id, q->h.flags, q->q.name.w, q->q.type, q->q.rclass, &edns);
    if (n > 0)
        v->rq->wire = bytes_of(buf, n);
}

/* The query with the client's part of its cookie alone: as from one who has never been here. */
static void forget_cookie(struct visit *v, uint8_t *buf, size_t cap)
{
    const struct query_view *q = &v->q;
    uint8_t room[16];
    struct writer w = wr_of(room, sizeof room);
    if (!q->has_question || !q->edns.has_cookie)
        return;
    edns_put(&w, EDNS_COOKIE, bytes_of(q->edns.cookie.p, 8));
    struct edns_out edns = {.present = true,
                            .udp_size = q->edns.udp_size,
                            .version = q->edns.version,
                            .dnssec_ok = q->edns.dnssec_ok,
                            .options = wr_done(&w)};
    size_t n =
        encode_query(buf, cap, q->h.id, q->h.flags, q->q.name.w, q->q.type, q->q.rclass, &edns);
    if (n > 0)
        v->rq->wire = bytes_of(buf, n);
}

/* How this server takes cookies, for this query. */
static void set_cookies(struct visit *v)
{
    struct auth_options *o = &v->h->options;
    bool want = !has(v, FAULT_NO_COOKIE),
         require = has(v, FAULT_BAD_COOKIE) || has(v, FAULT_ALWAYS_BAD_COOKIE);
    if (o->cookies == want && o->require_cookie == require)
        return;
    o->cookies = want;
    o->require_cookie = require;
    auth_swap(v->h->auth, v->h->table, o);
}

/* Another client's cookie in the answer. */
static void change_cookie(struct visit *v)
{
    static const uint8_t option[4] = {0, EDNS_COOKIE, 0, 24};
    uint8_t *p = memmem(v->rq->out, v->n, option, sizeof option);
    if (p != NULL && p + 4 < v->rq->out + v->n)
        p[4] ^= 1;
}

/* What a middlebox of old leaves of an answer: types that it knows. */
static bool is_plain(void *ctx, const struct rr_view *rr)
{
    (void)ctx;
    return rr->type != RR_RRSIG && rr->type != RR_NSEC && rr->type != RR_NSEC3 && rr->type != RR_DS;
}

static void strip(struct visit *v)
{
    struct msg m;
    struct encode e;
    struct pick plain = {.keep = is_plain};
    uint8_t *copy = arena_dup(v->a, v->rq->out, v->n);
    if (copy == NULL || msg_parse(bytes_of(copy, v->n), v->a, &m) != ST_OK || !m.has_question)
        return;
    struct edns_out edns = {
        .present = m.edns.present, .udp_size = m.edns.udp_size, .rcode = (uint16_t)msg_rcode(&m)};
    encode_begin(&e, v->rq->out, v->rq->out_cap, m.h.id, m.h.flags);
    encode_reserve(&e, encode_opt_size(&edns));
    if (encode_question(&e, m.q.name.w, m.q.type, m.q.rclass) != ST_OK ||
        pick_records(&e, &m, &plain) != ST_OK || encode_opt(&e, &edns) != ST_OK)
        e.flags |= MSG_TC;
    v->n = encode_finish(&e);
}

/* Faults that spoil a good answer, in rq->out. */
static void spoil(struct visit *v)
{
    uint8_t *m = v->rq->out;
    if (v->n < MSG_HEADER)
        return;
    if (has(v, FAULT_STRIP))
        strip(v);
    if (has(v, FAULT_WRONG_COOKIE))
        change_cookie(v);
    if (has(v, FAULT_WRONG_ID))
        put_be16(m, (uint16_t)(get_be16(m) + 1));
    if (has(v, FAULT_NOT_A_RESPONSE))
        m[2] &= 0x7f;
    if (has(v, FAULT_NO_AA))
        m[2] &= (uint8_t) ~(MSG_AA >> 8);
    if (has(v, FAULT_GARBAGE))
        v->n = MSG_HEADER + prng_below(v->rnd, v->n - MSG_HEADER + 1);
    if (v->q.has_question && v->n > MSG_HEADER + 1u && m[MSG_HEADER] > 0) {
        if (has(v, FAULT_WRONG_QUESTION))
            m[MSG_HEADER + 1] = (uint8_t)(ascii_lower(m[MSG_HEADER + 1]) == 'z' ? 'y' : 'z');
        if (has(v, FAULT_LOWER_CASE) && v->n > (size_t)MSG_HEADER + v->q.q.len)
            name_lower_inplace(m + MSG_HEADER);
    }
}

/* Forged answers that do not know the ID: an attacker off the path. */
static void forge(struct visit *v)
{
    static const uint8_t evil[4] = {6, 6, 6, 6};
    size_t keep = v->n;
    uint8_t *true_answer = arena_dup(v->a, v->rq->out, v->n);
    if (true_answer == NULL || !v->q.has_question)
        return;
    for (unsigned i = 0; i < SPOOF_FORGERIES; i++) {
        struct encode e;
        uint16_t id = (uint16_t)prng_next(v->rnd);
        if (id == v->q.h.id)
            id++;
        encode_begin(&e, v->rq->out, v->rq->out_cap, id, MSG_QR | MSG_AA);
        if (encode_question(&e, v->q.q.name.w, v->q.q.type, v->q.q.rclass) == ST_OK &&
            encode_rr(&e, SECTION_ANSWER, v->q.q.name.w, RR_A, CLASS_IN, 86400,
                      bytes_of(evil, 4)) == ST_OK) {
            v->n = encode_finish(&e);
            put(v, v->h->delay_us / 2, false);
        }
    }
    memcpy(v->rq->out, true_answer, keep);
    v->n = keep;
}

static void send_back(struct visit *v)
{
    uint64_t delay = v->h->delay_us;
    if (has(v, FAULT_SLOW))
        delay += SLOW_US;
    if (has(v, FAULT_CRAWL))
        delay += CRAWL_US;
    if (has(v, FAULT_SPOOF) && v->rq->transport == TRANSPORT_UDP)
        forge(v);
    put(v, delay, false);
    if (has(v, FAULT_DUPLICATE) && v->rq->transport == TRANSPORT_UDP)
        put(v, delay + delay / 4, false);
    if (has(v, FAULT_WRONG_SOURCE) && v->rq->transport == TRANSPORT_UDP)
        for (unsigned i = 0; i < v->out->n; i++)
            v->out->packet[i].from.a[v->rq->local.family == ADDR_V4 ? 3 : 15] ^= 0x80;
}

void host_ask(struct host *h, struct request *rq, struct prng *rnd, struct arena *a,
              struct host_out *out)
{
    bool tcp = rq->transport == TRANSPORT_TCP;
    struct visit v = {.h = h, .rq = rq, .rnd = rnd, .a = a, .out = out, .qname = name_root};
    out->n = 0;
    h->asked++;
    bool readable = query_parse(rq->wire, &v.q) == ST_OK;
    if (v.q.has_question)
        v.qname = v.q.q.name.w;
    if (has(&v, FAULT_DEAD) || (tcp && has(&v, FAULT_MUTE_TCP)) ||
        (v.q.edns.present && has(&v, FAULT_DROP_EDNS)) ||
        (!tcp && has(&v, FAULT_LOSSY) && prng_below(rnd, 2) == 0))
        return;
    if (has(&v, FAULT_UNREACHABLE) || (tcp && has(&v, FAULT_REFUSE_TCP))) {
        put(&v, h->delay_us, true);
        return;
    }
    if (h->script.ask != NULL && h->script.ask(h->script.ctx, rq, &v.n)) {
        if (v.n > 0)
            send_back(&v);
        return;
    }
    if (!readable || !answer_wrongly(&v)) {
        uint8_t plain[WIRE_MAX];
        if (has(&v, FAULT_STRIP) || has(&v, FAULT_NO_DO))
            forget_dnssec(&v, plain, sizeof plain);
        else if (has(&v, FAULT_ALWAYS_BAD_COOKIE))
            forget_cookie(&v, plain, sizeof plain);
        set_cookies(&v);
        struct service s = auth_service(h->auth);
        if (s.handle(s.ctx, rq, &v.n) != OUTCOME_ANSWER)
            return;
        spoil(&v);
    }
    send_back(&v);
}
