/* Which address to ask next: the one that answers fastest, others now and then, and none that has
 * shown itself useless for this zone. */
#include "resolver/machine.h"

enum {
    EXPLORE_ONE_IN = 16,
    /* A further try of an address costs as much as this much slower. */
    TRY_COST_US = 400000,
    NO_ROUTE_COST_US = 10000000,
};

static unsigned tries_max(const struct lookup *l)
{
    return l->depth > 0 ? LIMIT_ADDRESS_TRIES_CHILD : LIMIT_ADDRESS_TRIES;
}

/* The index of the best address, or -1. */
static int best_address(struct resolver *r, struct lookup *l, const char **ret_text, struct now now)
{
    struct cut *c = &l->cut;
    int best = -1;
    uint64_t best_cost = UINT64_MAX;
    bool explore = env_random_below(r->env, EXPLORE_ONE_IN) == 0;
    for (unsigned i = 0; i < c->addresses; i++) {
        const struct cut_address *a = &c->address[i];
        if (a->bad || a->tries >= tries_max(l))
            continue;
        struct server_info s = servers_get(r->servers, &a->addr, r->opt->timeout_ms, now);
        /* Strangers are taken in any order. */
        uint64_t cost = s.srtt_us + (s.known ? 0 : env_random_below(r->env, 1000)) +
                        (uint64_t)a->tries * TRY_COST_US;
        if (a->addr.family == ADDR_V6 && now.mono_us < r->no_ipv6_until_us)
            cost += NO_ROUTE_COST_US;
        else if (explore && !s.known && s.timeouts == 0 && a->tries == 0)
            cost = 0;
        if (cost >= best_cost)
            continue;
        best = (int)i;
        best_cost = cost;
        *ret_text = a->tries > 0       ? "one more try"
                    : !s.known         ? "not asked lately"
                    : c->addresses > 1 ? "the fastest known"
                                       : "the only one";
    }
    return best;
}

/* Enough servers without an address were looked up. What the question fails by is still that they
 * have none. */
static void too_many_unknown(struct lookup *l, struct now now)
{
    struct trace_detail d = {.text = "too many servers without an address", .zone = l->cut.zone.w};
    if (!budget_take(&l->job->budget, BUDGET_NO_ADDRESS, 1))
        trace_add(&l->job->trace, now, WHY_BUDGET_SPENT, l->number, l->depth, &d);
}

/* Starts a sub-query for the address of a server that has none yet. */
static bool ask_for_address(struct resolver *r, struct lookup *l, struct now now)
{
    struct cut *c = &l->cut;
    for (unsigned pass = 0; pass < 2; pass++)
        for (unsigned k = 0; k < c->servers; k++) {
            struct cut_server *s = &c->server[k];
            bool *asked = pass == 0 ? &s->asked_a : &s->asked_aaaa;
            if (*asked || s->hopeless || s->has_address)
                continue;
            if (l->job->budget.spent[BUDGET_NO_ADDRESS] >= LIMIT_QUERY_NO_ADDRESS) {
                too_many_unknown(l, now);
                return false;
            }
            *asked = true;
            struct trace_detail d = {.server = s->name.w, .zone = c->zone.w};
            note(l, now, WHY_SERVER_ADDRESS_NEEDED, &d);
            if (lookup_child(r, l, s->name.w, pass == 0 ? RR_A : RR_AAAA, 0, k, now))
                return true;
        }
    return false;
}

/* None of the zone's servers is of use: a delegation out of the cache may be outdated, so its
 * parent is asked once more. */
static bool ascend(struct lookup *l)
{
    struct cut *c = &l->cut;
    if ((c->forward || c->here) && c->fallback) {
        l->no_forward = true;
        l->phase = PHASE_CUT;
        return true;
    }
    if (!c->from_cache || c->labels == 0 || l->cut_max != LIMIT_LABELS)
        return false;
    l->cut_max = (uint8_t)(c->labels - 1);
    l->phase = PHASE_CUT;
    return true;
}

/* Servers whose replies lacked nothing but authority are better than none: they stand before the
 * zone's own, or were set up by somebody who forgot a zone in one of them. */
static bool take_weak(struct cut *c)
{
    bool any = false;
    for (unsigned i = 0; i < c->addresses && !c->lenient; i++) {
        struct cut_address *a = &c->address[i];
        if (!a->weak)
            continue;
        a->bad = a->weak = false;
        a->tries = 0;
        any = true;
    }
    c->lenient |= any;
    return any;
}

/* A parent's glue for a server that is in another zone, which the search for its address brought:
 * the last resort where that zone itself says something else, or nothing. */
static bool look_again(struct resolver *r, struct lookup *l, struct now now)
{
    struct cut *c = &l->cut;
    unsigned n = c->addresses;
    if (c->looked_again || c->forward || c->here)
        return false;
    c->looked_again = true;
    cut_addresses_cached(r, l, now);
    return c->addresses > n;
}

void choose(struct resolver *r, struct lookup *l, struct now now)
{
    struct cut *c = &l->cut;
    const char *text = "";
    if (c->here && c->addresses > 0 && !c->address[0].bad) {
        here_ask(r, l, now);
        return;
    }
    int i = c->tries < LIMIT_ZONE_TRIES ? best_address(r, l, &text, now) : -1;
    /* A server not looked up yet goes before one that was silent. */
    if ((i < 0 || c->address[i].tries > 0) && ask_for_address(r, l, now))
        return;
    struct trace_detail d = {.zone = c->zone.w, .text = text, .type = l->type, .name = l->at};
    if (i < 0) {
        if (c->tries < LIMIT_ZONE_TRIES && look_again(r, l, now)) {
            d.text = "the parents of its servers' zones know other addresses";
            note(l, now, WHY_RETRY, &d);
            return;
        }
        if (l->job->budget.exhausted == 0 && ascend(l)) {
            d.text = c->here         ? "the copy here is of no use, asking the servers"
                     : l->no_forward ? "no forwarder answers, asking down from the root"
                                     : "the delegation may be outdated, asking the zone above";
            note(l, now, WHY_RETRY, &d);
            return;
        }
        if (c->tries < LIMIT_ZONE_TRIES && take_weak(c)) {
            d.text = "no server has authority for the zone, so one without is believed";
            note(l, now, WHY_RETRY, &d);
            return;
        }
        char words[WORDS_MAX];
        struct text t = text_of(words, sizeof words);
        if (c->addresses == 0) {
            cut_words(c, &t);
            text_end_cut(&t);
            d.text = words;
        }
        note(l, now, c->addresses > 0 ? WHY_SERVERS_FAILED : WHY_SERVERS_UNKNOWN, &d);
        lookup_fail(r, l,
                    c->addresses > 0 ? "no server gave a usable answer" : "no server address known",
                    now);
        return;
    }
    const struct cut_address *a = &c->address[i];
    d.address = a->addr;
    d.server = a->server < c->servers ? c->server[a->server].name.w : NULL;
    note(l, now, WHY_SERVER_CHOSEN, &d);
    exchange_send(r, l, (unsigned)i, now);
}
