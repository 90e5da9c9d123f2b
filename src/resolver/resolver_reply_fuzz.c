/* Whatever servers reply: the resolver does not crash, answers its client once, keeps its budget
 * and comes to rest. The input is a row of replies: one byte that says how, one that says how long,
 * the bytes. */
#include "dns/encode.h"
#include "resolver/resolver.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void seeded(void *ctx, void *buf, size_t n)
{
    for (uint8_t *p = buf; n-- > 0;)
        *p++ = (uint8_t)prng_next(ctx);
}

struct input {
    const uint8_t *p;
    size_t n;
};

static uint8_t byte(struct input *in)
{
    if (in->n == 0)
        return 0xff;
    in->n--;
    return *in->p++;
}

/* Makes a reply to a query: its header and question, then bytes of the input. */
static size_t reply_make(struct input *in, uint8_t how, struct bytes query, uint8_t *out,
                         size_t cap)
{
    size_t n = MIN(query.n, cap), more = MIN((size_t)byte(in) * 2, in->n);
    memcpy(out, query.p, n);
    if (how & 1) { /* without the question's OPT */
        struct question q;
        if (msg_question_read(query, &q, &n) != ST_OK)
            abort();
        put_be16(out + 10, 0);
    }
    out[2] = (uint8_t)(0x80 | (how & 4));
    out[3] = (uint8_t)(how & 8 ? byte(in) : 0);
    for (int i = 6; i < 10; i += 2)
        put_be16(out + i, byte(in) & 7);
    put_be16(out + 10, (uint16_t)((byte(in) & 7) + (how & 1 ? 0 : 1)));
    more = MIN(MIN(more, in->n), cap - n);
    if (more > 0)
        memcpy(out + n, in->p, more);
    in->p += more;
    in->n -= more;
    return n + more;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t out[LIMIT_MESSAGE], wire[4096];
    struct input in = {data, size};
    struct prng rng = {1};
    const struct env env = {&rng, seeded};
    struct resolver_options opt;
    struct root_hint hint = {.address = netaddr_v4((const uint8_t[]){192, 0, 2, 1}, 0)};
    struct now now = {.mono_us = 1000000, .wall_s = 1700000000};
    uint8_t query[512];
    struct name name;
    if (name_from("a.root.example.", &hint.server) != ST_OK ||
        name_from("www.deep.example.org.", &name) != ST_OK)
        abort();
    resolver_options_default(&opt);
    opt.hints = &hint;
    opt.hint_count = 1;
    opt.prime = (byte(&in) & 1) != 0;
    uint8_t modes = byte(&in);
    opt.minimise = (modes & 1) != 0;
    /* Half of the runs validate: nothing here is well signed, but all ways to that verdict are
     * gone. */
    static struct anchors *anchors;
    if (anchors == NULL &&
        ((anchors = anchors_new()) == NULL || anchors_add_builtin(anchors) != ST_OK))
        abort();
    opt.anchors = modes & 2 ? anchors : NULL;
    opt.error_reporting = (modes & 4) != 0;
    struct cache *cache = cache_new(1 << 16, 1, &env);
    struct resolver *r = resolver_new(&opt, cache, &env);
    struct edns_out o = {.present = true, .udp_size = 1232};
    struct request rq = {.client = netaddr_v4((const uint8_t[]){127, 0, 0, 1}, 999),
                         .now = now,
                         .out = out,
                         .out_cap = sizeof out,
                         .token = 7};
    rq.wire = bytes_of(query, encode_query(query, sizeof query, 1, MSG_RD, name.w, 1, 1, &o));
    size_t n;
    unsigned answers = resolver_request(r, &rq, &n) != OUTCOME_LATER, sent = 0;
    for (int turn = 0; turn < 1000; turn++) {
        struct effect e;
        bool any = false;
        while (resolver_effect(r, &e)) {
            any = true;
            answers += e.kind == EFFECT_ANSWER || e.kind == EFFECT_FORGET;
            if (e.kind != EFFECT_SEND)
                continue;
            if (++sent > LIMIT_QUERY_PACKETS)
                abort();
            uint8_t how = byte(&in);
            if (how == 0xff)
                continue; /* silence */
            if (how == 0xfe) {
                resolver_failed(r, e.id, ST_EREFUSED, now);
                continue;
            }
            size_t len = reply_make(&in, how, e.data, wire, sizeof wire);
            now.mono_us += 1000;
            resolver_reply(r, e.id, &e.to, bytes_of(wire, len), now);
        }
        if (any)
            continue;
        uint64_t due = resolver_deadline(r);
        if (due == UINT64_MAX)
            break;
        now.wall_s += (due - now.mono_us) / 1000000;
        now.mono_us = MAX(due, now.mono_us);
        resolver_tick(r, now);
    }
    if (answers != 1 || resolver_deadline(r) != UINT64_MAX)
        abort();
    resolver_free(r);
    cache_free(cache);
    return 0;
}
